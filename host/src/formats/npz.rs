//! NumPy archives: named arrays of numbers, checked before anything is allocated.

use crate::base::error::{InputError, quoted};
use npyz::{DType, NpyFile, Order, TypeChar, WriterBuilder};
use std::fs::File;
use std::io::{BufReader, Cursor, Read, Seek, Write};
use std::path::{Path, PathBuf};
use zip::ZipArchive;

/// Largest array that is read: 2^28 numbers, 1 GiB in single precision. However small it was packed, no more is unpacked
/// than the numbers that its header declares, and one byte.
pub const MAX_NUMBERS: u64 = 1 << 28;

/// Integers up to this are all exact in single precision.
const MOST_INTEGER: f64 = (1 << 24) as f64;

/// Longest header of an array that is read, in bytes: NumPy's own limit. It writes about 120.
const MAX_HEADER: u64 = 10_000;

/// How many brackets of a header may be open at once. The parser takes three times as long with each more; an array of
/// numbers needs 2, a flat structured type 4.
const MAX_NESTING: usize = 4;

/// An array in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub struct Array<T = f32> {
    /// Sizes of the dimensions.
    pub shape: Vec<usize>,
    /// The numbers, last dimension fastest.
    pub data: Vec<T>,
}

/// An open .npz file.
#[derive(Debug)]
pub struct Npz<R = BufReader<File>> {
    path: PathBuf,
    archive: ZipArchive<R>,
}

impl Npz {
    /// Opens a file and reads its table of contents.
    ///
    /// # Errors
    ///
    /// [`InputError`] if the file is missing or not a whole zip archive.
    pub fn open(path: &Path) -> Result<Self, InputError> {
        let file = File::open(path).map_err(|e| InputError::file(path, format!("cannot be opened: {e}")))?;
        if path.is_dir() {
            return Err(InputError::file(path, "expected an .npz file, found a folder"));
        }
        Self::from_reader(path, BufReader::new(file))
    }
}

impl<R: Read + Seek> Npz<R> {
    /// Reads the table of contents of a file's bytes, wherever they are; `path` is what messages call them.
    ///
    /// # Errors
    ///
    /// [`InputError`] if they are not a whole zip archive.
    pub fn from_reader(path: &Path, mut reader: R) -> Result<Self, InputError> {
        let mut magic = [0; 6];
        if reader.read_exact(&mut magic).is_ok() && &magic == b"\x93NUMPY" {
            let found =
                "expected an .npz file, found a single .npy array; numpy.savez(file, X=X, y=y) writes an .npz file";
            return Err(InputError::file(path, found));
        }
        let archive = ZipArchive::new(reader)
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

    /// Reads an array in single precision: float16 to float64, integers and booleans (0 and 1), of any byte order, C or
    /// Fortran order. Doubles are rounded; of all other types every number is kept as it is.
    ///
    /// # Errors
    ///
    /// [`InputError`] for a missing key, another type or rank, an array that is too large or not all
    /// there, for NaN, infinity and what is beyond single precision, and for integers that it may not hold.
    pub fn floats(&mut self, key: &str, rank: usize) -> Result<Array, InputError> {
        let mut beyond = None;
        let narrow = |x: f64, kind| {
            let is_held = if kind == TypeChar::Float { (x as f32).is_finite() } else { x.abs() <= MOST_INTEGER };
            if is_held {
                return x as f32;
            }
            beyond.get_or_insert((x, kind));
            f32::NAN
        };
        let array = self.read(key, rank, narrow)?;
        if let (Some((x, kind)), Some(at)) = (beyond, array.data.iter().position(|x| x.is_nan())) {
            let at = place(at, &array.shape);
            let found = match kind {
                TypeChar::Float if x.is_finite() => {
                    format!("expected finite numbers, found {x:e}, beyond single precision at index {at:?}")
                }
                TypeChar::Float => format!("expected finite numbers, found {x} at index {at:?}"),
                _ => format!(
                    "expected integers up to 2^24, all of which single precision holds, found {x} at index {at:?}; \
                     {key}.astype(np.float32) rounds them"
                ),
            };
            return Err(self.wrong(key, found));
        }
        Ok(array)
    }

    /// Reads an array of the same types in double precision.
    ///
    /// # Errors
    ///
    /// As [`Npz::floats`], but values that are not finite are left to the caller.
    pub fn numbers(&mut self, key: &str, rank: usize) -> Result<Array<f64>, InputError> {
        self.read(key, rank, |x, _| x)
    }

    fn read<T: Copy>(
        &mut self,
        key: &str,
        rank: usize,
        mut convert: impl FnMut(f64, TypeChar) -> T,
    ) -> Result<Array<T>, InputError> {
        let path = self.path.clone();
        let wrong = |what: String| InputError::file(&path, format!("key {key}: {what}"));
        let names = self.archive.file_names().filter_map(Result::ok);
        let names: Vec<String> = names.map(|name| name.trim_end_matches(".npy").into()).collect();
        let mut entry = self.archive.by_name(&format!("{key}.npy")).map_err(|error| match error {
            zip::result::ZipError::FileNotFound => {
                wrong(format!("expected in the file, found only: {}", quoted(&names.join(", "))))
            }
            error => wrong(format!("expected a readable entry, found: {}", quoted(&error.to_string()))),
        })?;
        let unpacked = entry.size();
        let head = header(&mut entry).map_err(|e| wrong(format!("expected a NumPy array, found: {e}")))?;
        let head_bytes = head.len() as u64;
        let whole = Cursor::new(head).chain(&mut entry);
        // What the parser says of a broken header is long and full of foreign text.
        let npy = NpyFile::new(whole).map_err(|_| wrong("expected a NumPy array, found a broken header".into()))?;
        let expected = "expected float16 to float64, integers or booleans";
        let DType::Plain(kind) = npy.dtype() else {
            return Err(wrong(format!("{expected}, found a structured type")));
        };
        let size = kind.num_bytes().unwrap_or_default();
        let is_read = matches!(
            (kind.type_char(), size),
            (TypeChar::Float, 2 | 4 | 8) | (TypeChar::Int | TypeChar::Uint, 1 | 2 | 4 | 8) | (TypeChar::Bool, 1)
        );
        if !is_read {
            return Err(wrong(format!("{expected}, found dtype {kind}{}", mends(key, kind.type_char()))));
        }
        let shape: Vec<u64> = npy.shape().to_vec();
        if shape.len() != rank {
            let shown = quoted(&format!("{shape:?}"));
            return Err(wrong(format!("expected {rank} dimension{}, found shape {shown}", axes(key, rank))));
        }
        let count = shape.iter().try_fold(1u64, |count, &size| count.checked_mul(size));
        let Some(count) = count.filter(|&count| count <= MAX_NUMBERS) else {
            return Err(wrong(format!("expected at most {MAX_NUMBERS} numbers, found shape {shape:?}")));
        };
        let there = unpacked.saturating_sub(head_bytes);
        if there != count * size as u64 {
            return Err(wrong(format!(
                "expected {count} numbers of {kind}, {} bytes, found {there} bytes",
                count * size as u64
            )));
        }
        let (order, of_kind) = (npy.order(), kind.type_char());
        let convert = |x| convert(x, of_kind);
        let read = match (of_kind, size) {
            (TypeChar::Bool, _) => collect::<bool, T>(npy, |x| x.into(), convert),
            (TypeChar::Float, 2) => collect::<npyz::half::f16, T>(npy, f64::from, convert),
            (TypeChar::Float, 4) => collect::<f32, T>(npy, f64::from, convert),
            (TypeChar::Float, _) => collect::<f64, T>(npy, |x| x, convert),
            (TypeChar::Int, 1) => collect::<i8, T>(npy, f64::from, convert),
            (TypeChar::Int, 2) => collect::<i16, T>(npy, f64::from, convert),
            (TypeChar::Int, 4) => collect::<i32, T>(npy, f64::from, convert),
            (TypeChar::Int, _) => collect::<i64, T>(npy, |x| x as f64, convert),
            (_, 1) => collect::<u8, T>(npy, f64::from, convert),
            (_, 2) => collect::<u16, T>(npy, f64::from, convert),
            (_, 4) => collect::<u32, T>(npy, f64::from, convert),
            _ => collect::<u64, T>(npy, |x| x as f64, convert),
        };
        let damaged = |e: std::io::Error| wrong(format!("expected {count} undamaged numbers of {kind}, found: {e}"));
        let data = read.map_err(damaged)?;
        // Reading past the end also checks the archive's checksum.
        if entry.read(&mut [0]).map_err(damaged)? != 0 {
            return Err(wrong(format!("expected {count} numbers of {kind}, found more bytes behind them")));
        }
        let shape: Vec<usize> = shape.into_iter().map(|size| size as usize).collect(); // all at most 2^28
        let data = if order == Order::Fortran { row_major(&data, &shape) } else { data };
        Ok(Array { shape, data })
    }
}

/// The NumPy expression that makes numbers of an array of another type, for a message.
fn mends(key: &str, kind: TypeChar) -> String {
    match kind {
        TypeChar::Float | TypeChar::Object => format!("; {key}.astype(np.float32) makes numbers of it"),
        TypeChar::Complex => format!("; {key}.real.astype(np.float32) takes the real part"),
        TypeChar::ByteStr | TypeChar::UnicodeStr if key == "y" => {
            "; np.where(y == y[0], 1, -1) makes +1 of the first class".into()
        }
        _ => String::new(),
    }
}

/// Plural and names of the axes of a known array, for a message.
fn axes(key: &str, rank: usize) -> &'static str {
    match (key, rank) {
        ("X", _) => "s (N, M, D)",
        ("y", _) => " (N)",
        ("W_Q" | "W_K", _) => "s (D, H)",
        ("W_V", _) => "s (D, V)",
        ("w_O", _) => " (V)",
        (_, 1) => "",
        _ => "s",
    }
}

/// Reads magic, version and header, and refuses a header that no array needs: the parser would allocate what its length
/// claims, and take a time that grows exponentially with its brackets.
fn header(entry: &mut impl Read) -> std::io::Result<Vec<u8>> {
    let mut head = vec![0; 10];
    entry.read_exact(&mut head)?;
    if head[6] != 1 {
        head.resize(12, 0);
        entry.read_exact(&mut head[10..])?;
    }
    // Two bytes in version 1, four in later ones.
    let length = head[8..].iter().rev().fold(0, |length, byte| length << 8 | u64::from(*byte));
    if length > MAX_HEADER {
        return Err(std::io::Error::other(format!("a header of {length} bytes, more than {MAX_HEADER}")));
    }
    let start = head.len();
    head.resize(start + length as usize, 0);
    entry.read_exact(&mut head[start..])?;
    if nesting(&head[start..]).is_none_or(|deepest| deepest > MAX_NESTING) {
        let found = format!("a header with escapes or with more than {MAX_NESTING} brackets in each other");
        return Err(std::io::Error::other(found));
    }
    Ok(head)
}

/// How many brackets are open at most, those in quotes left out. Nothing if there is a backslash: where a string ends is
/// then for the parser to say, and none of the arrays that are read needs one.
fn nesting(text: &[u8]) -> Option<usize> {
    let (mut open, mut deepest, mut quote) = (0_usize, 0, None);
    for byte in text {
        match byte {
            b'\\' => return None,
            _ if quote.is_some() => quote = quote.filter(|quote| *quote != byte),
            b'\'' | b'"' => quote = Some(byte),
            b'(' | b'[' | b'{' => open += 1,
            b')' | b']' | b'}' => open = open.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(open);
    }
    Some(deepest)
}

/// Reads number by number: memory grows with the bytes that are there, not with what a header claims.
fn collect<S: npyz::Deserialize, T>(
    npy: NpyFile<impl Read>,
    widen: impl Fn(S) -> f64,
    mut convert: impl FnMut(f64) -> T,
) -> std::io::Result<Vec<T>> {
    let count = npy.len();
    let mut data = Vec::new();
    let reader = npy.data::<S>().map_err(std::io::Error::other)?;
    for x in reader.take(count as usize) {
        data.push(convert(widen(x?)));
    }
    Ok(data)
}

/// Fortran order (first dimension fastest) to C order.
fn row_major<T: Copy>(data: &[T], shape: &[usize]) -> Vec<T> {
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
