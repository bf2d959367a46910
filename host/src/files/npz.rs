//! NumPy archives: named arrays of float32 or float64, checked before anything is allocated.

use crate::error::InputError;
use npyz::{DType, NpyFile, Order, TypeChar, WriterBuilder};
use std::fs::File;
use std::io::{BufReader, Cursor, Read, Write};
use std::path::{Path, PathBuf};
use zip::ZipArchive;

/// Largest array that is read: 2^28 numbers, 1 GiB in single precision.
pub const MAX_NUMBERS: u64 = 1 << 28;

/// Longest header of an array that is read, in bytes; NumPy writes about 120.
const MAX_HEADER: u32 = 1 << 16;

/// An array in row-major order, as `f32`.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Sizes of the dimensions.
    pub shape: Vec<usize>,
    /// The numbers, last dimension fastest.
    pub data: Vec<f32>,
}

/// An open .npz file.
#[derive(Debug)]
pub struct Npz {
    path: PathBuf,
    archive: ZipArchive<BufReader<File>>,
}

impl Npz {
    /// Opens a file and reads its table of contents.
    ///
    /// # Errors
    ///
    /// [`InputError`] if the file is missing or not a whole zip archive.
    pub fn open(path: &Path) -> Result<Self, InputError> {
        let file = File::open(path).map_err(|e| InputError::file(path, format!("cannot be opened: {e}")))?;
        let archive = ZipArchive::new(BufReader::new(file))
            .map_err(|e| InputError::file(path, format!("expected an .npz file (a zip archive), found: {e}")))?;
        Ok(Self { path: path.into(), archive })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether there is an array of this name.
    pub fn contains(&self, key: &str) -> bool {
        self.archive.index_for_name(&format!("{key}.npy")).is_some()
    }

    /// An error about the array of a name.
    pub fn wrong(&self, key: &str, what: impl std::fmt::Display) -> InputError {
        InputError::file(&self.path, format!("key {key}: {what}"))
    }

    /// Reads an array of floats: float32 or float64, of any byte order, C or Fortran order.
    ///
    /// # Errors
    ///
    /// [`InputError`] for a missing key, another type or rank, an array that is too large or not all
    /// there, and for NaN and infinity.
    pub fn floats(&mut self, key: &str, rank: usize) -> Result<Array, InputError> {
        let is_float = |kind| kind == TypeChar::Float;
        let array = self.read(key, rank, "float32 or float64", is_float)?;
        if let Some(at) = array.data.iter().position(|x| !x.is_finite()) {
            let found =
                format!("expected finite numbers, found {} at index {:?}", array.data[at], place(at, &array.shape));
            return Err(self.wrong(key, found));
        }
        Ok(array)
    }

    /// Reads an array of floats or integers.
    ///
    /// # Errors
    ///
    /// As [`Npz::floats`], but values that are not finite are left to the caller.
    pub fn numbers(&mut self, key: &str, rank: usize) -> Result<Array, InputError> {
        let is_number = |kind| matches!(kind, TypeChar::Float | TypeChar::Int | TypeChar::Uint);
        self.read(key, rank, "a float or integer type", is_number)
    }

    fn read(
        &mut self,
        key: &str,
        rank: usize,
        expected: &str,
        accepts: impl Fn(TypeChar) -> bool,
    ) -> Result<Array, InputError> {
        let path = self.path.clone();
        let wrong = |what: String| InputError::file(&path, format!("key {key}: {what}"));
        let names = self.archive.file_names().filter_map(Result::ok);
        let names: Vec<String> = names.map(|name| name.trim_end_matches(".npy").into()).collect();
        let mut entry = self.archive.by_name(&format!("{key}.npy")).map_err(|error| match error {
            zip::result::ZipError::FileNotFound => {
                wrong(format!("expected in the file, found only: {}", names.join(", ")))
            }
            error => wrong(format!("cannot be read: {error}")),
        })?;
        let head = header_start(&mut entry).map_err(|e| wrong(format!("expected a NumPy array, found: {e}")))?;
        let whole = Cursor::new(head).chain(&mut entry);
        let npy = NpyFile::new(whole).map_err(|e| wrong(format!("expected a NumPy array, found: {e}")))?;
        let DType::Plain(kind) = npy.dtype() else {
            return Err(wrong(format!("expected {expected}, found a structured type")));
        };
        let size = kind.num_bytes().unwrap_or_default();
        let fits_rust = matches!(
            (kind.type_char(), size),
            (TypeChar::Float, 4 | 8) | (TypeChar::Int | TypeChar::Uint, 1 | 2 | 4 | 8)
        );
        if !accepts(kind.type_char()) || !fits_rust {
            return Err(wrong(format!("expected {expected}, found dtype {kind}")));
        }
        let shape: Vec<u64> = npy.shape().to_vec();
        if shape.len() != rank {
            return Err(wrong(format!("expected {rank} dimensions, found shape {shape:?}")));
        }
        let count = shape.iter().try_fold(1u64, |count, &size| count.checked_mul(size));
        let Some(count) = count.filter(|&count| count <= MAX_NUMBERS) else {
            return Err(wrong(format!("expected at most {MAX_NUMBERS} numbers, found shape {shape:?}")));
        };
        let order = npy.order();
        let read = match (kind.type_char(), size) {
            (TypeChar::Float, 4) => collect::<f32>(npy, |x| x),
            (TypeChar::Float, _) => collect::<f64>(npy, |x| x as f32),
            (TypeChar::Int, 1) => collect::<i8>(npy, f32::from),
            (TypeChar::Int, 2) => collect::<i16>(npy, f32::from),
            (TypeChar::Int, 4) => collect::<i32>(npy, |x| x as f32),
            (TypeChar::Int, _) => collect::<i64>(npy, |x| x as f32),
            (_, 1) => collect::<u8>(npy, f32::from),
            (_, 2) => collect::<u16>(npy, f32::from),
            (_, 4) => collect::<u32>(npy, |x| x as f32),
            _ => collect::<u64>(npy, |x| x as f32),
        };
        let data = read.map_err(|e| wrong(format!("expected {count} numbers of {kind}, found: {e}")))?;
        // Reading past the end also checks the archive's checksum.
        let left = entry.read(&mut [0]).map_err(|e| wrong(format!("expected undamaged numbers, found: {e}")))?;
        if left != 0 {
            return Err(wrong(format!("expected {count} numbers of {kind}, found more bytes behind them")));
        }
        let shape: Vec<usize> = shape.into_iter().map(|size| size as usize).collect(); // all at most 2^28
        let data = if order == Order::Fortran { row_major(&data, &shape) } else { data };
        Ok(Array { shape, data })
    }
}

/// Reads magic, version and header length, and refuses a header that no array needs: the parser would
/// allocate what the length claims.
fn header_start(entry: &mut impl Read) -> std::io::Result<Vec<u8>> {
    let mut head = vec![0; 10];
    entry.read_exact(&mut head)?;
    let is_version_1 = head[6] == 1;
    if !is_version_1 {
        head.resize(12, 0);
        entry.read_exact(&mut head[10..])?;
    }
    let length = if is_version_1 {
        u32::from(u16::from_le_bytes([head[8], head[9]]))
    } else {
        u32::from_le_bytes([head[8], head[9], head[10], head[11]])
    };
    if length > MAX_HEADER {
        return Err(std::io::Error::other(format!("a header of {length} bytes")));
    }
    Ok(head)
}

/// Reads number by number: memory grows with the bytes that are there, not with what a header claims.
fn collect<T: npyz::Deserialize>(npy: NpyFile<impl Read>, convert: impl Fn(T) -> f32) -> std::io::Result<Vec<f32>> {
    let count = npy.len();
    let mut data = Vec::new();
    let reader = npy.data::<T>().map_err(std::io::Error::other)?;
    for x in reader.take(count as usize) {
        data.push(convert(x?));
    }
    Ok(data)
}

/// Fortran order (first dimension fastest) to C order.
fn row_major(data: &[f32], shape: &[usize]) -> Vec<f32> {
    let mut out = Vec::with_capacity(data.len());
    let mut index = vec![0; shape.len()];
    for _ in 0..data.len() {
        let offset = index.iter().zip(shape).rev().fold(0, |offset, (i, size)| offset * size + i);
        out.push(data[offset]);
        for (i, size) in index.iter_mut().zip(shape).rev() {
            *i += 1;
            if *i < *size {
                break;
            }
            *i = 0;
        }
    }
    out
}

/// The index of the `at`-th number in row-major order.
fn place(mut at: usize, shape: &[usize]) -> Vec<usize> {
    let mut index = vec![0; shape.len()];
    for (i, size) in index.iter_mut().zip(shape).rev() {
        *i = at % size;
        at /= size;
    }
    index
}

/// The bytes of an .npz file with float32 arrays, as `numpy.savez` writes it. The same arrays give the
/// same bytes.
///
/// # Errors
///
/// If an array is larger than the format holds.
pub fn to_bytes<'a>(arrays: impl IntoIterator<Item = (&'a str, Vec<u64>, &'a [f32])>) -> anyhow::Result<Vec<u8>> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Stored)
        .last_modified_time(zip::DateTime::default());
    for (key, shape, data) in arrays {
        archive.start_file(format!("{key}.npy"), options)?;
        let mut npy = Vec::new();
        let mut writer = npyz::WriteOptions::new().default_dtype().shape(&shape).writer(&mut npy).begin_nd()?;
        writer.extend(data.iter().copied())?;
        writer.finish()?;
        archive.write_all(&npy)?;
    }
    Ok(archive.finish()?.into_inner())
}
