//! .npz files to feed the program: right ones in every dress, and wrong ones.

use mote_core::data::{Dataset, Distribution, Form, Synthetic};
use mote_core::matrix::MatrixMut;
use mote_core::rng::Purpose;
pub use npyz::Order;
use npyz::WriterBuilder;
use std::io::{Cursor, Write};
use std::path::Path;
use zip::CompressionMethod;
use zip::write::SimpleFileOptions;

/// An archive in the making: bytes of .npy files under their keys.
#[derive(Default)]
pub struct Archive {
    entries: Vec<(String, Vec<u8>)>,
    deflate: bool,
}

impl Archive {
    /// An empty archive.
    pub fn new() -> Self {
        Self::default()
    }

    /// Deflates its entries, as `numpy.savez_compressed` does.
    pub fn deflated(mut self) -> Self {
        self.deflate = true;
        self
    }

    /// Adds an array in C order.
    pub fn with<T: npyz::AutoSerialize + Copy>(self, key: &str, shape: &[u64], data: &[T]) -> Self {
        self.with_order(key, shape, data, npyz::Order::C)
    }

    /// Adds an array whose numbers are in the order they are in.
    pub fn with_order<T>(self, key: &str, shape: &[u64], data: &[T], order: npyz::Order) -> Self
    where
        T: npyz::AutoSerialize + Copy,
    {
        let mut npy = Vec::new();
        let options = npyz::WriteOptions::new().default_dtype().shape(shape).order(order);
        let mut writer = options.writer(&mut npy).begin_nd().expect("writing to memory");
        writer.extend(data.iter().copied()).expect("writing to memory");
        writer.finish().expect("as many numbers as the shape says");
        self.with_bytes(key, npy)
    }

    /// Adds the bytes of an .npy file, whatever they are.
    pub fn with_bytes(mut self, key: &str, npy: Vec<u8>) -> Self {
        self.entries.push((format!("{key}.npy"), npy));
        self
    }

    /// The bytes of the file.
    pub fn bytes(&self) -> Vec<u8> {
        let method = if self.deflate { CompressionMethod::Deflated } else { CompressionMethod::Stored };
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, npy) in &self.entries {
            zip.start_file(name, SimpleFileOptions::default().compression_method(method)).expect("writing to memory");
            zip.write_all(npy).expect("writing to memory");
        }
        zip.finish().expect("writing to memory").into_inner()
    }

    /// Writes the file.
    pub fn save(&self, path: &Path) {
        std::fs::write(path, self.bytes()).expect("the test folder can be written");
    }
}

/// The header of an .npy file that claims a shape, and no numbers behind it.
pub fn header(descr: &str, shape: &str) -> Vec<u8> {
    let mut text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
    while !(10 + text.len() + 1).is_multiple_of(64) {
        text.push(' ');
    }
    text.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((text.len() as u16).to_le_bytes());
    bytes.extend(text.into_bytes());
    bytes
}

/// Writes `count` samples of a size, two classes that can be learned; answers the path.
///
/// # Panics
///
/// If the file cannot be written.
pub fn synthetic(folder: &Path, count: usize, (tokens, dim): (usize, usize), purpose: Purpose) -> String {
    let form = Form::Uniform { sigma: 4.0 / (dim as f32).sqrt() };
    let distribution = Distribution { form, signal_norm: 3.0, flip: 0.0 };
    let mut set = Synthetic::new(distribution, (tokens, dim), count, 9, purpose).unwrap();
    let (mut x, mut y) = (Vec::new(), Vec::new());
    for n in 0..count {
        let mut sample = vec![0.0; tokens * dim];
        y.push(set.read(n, MatrixMut::new(&mut sample, tokens, dim)).unwrap().sign());
        x.extend(sample);
    }
    let path = folder.join(format!("{purpose:?}-{count}-{dim}.npz"));
    let shape = [count as u64, tokens as u64, dim as u64];
    Archive::new().with("X", &shape, &x).with("y", &[count as u64], &y).save(&path);
    path.to_str().unwrap().into()
}
