//! What the fuzzer does with its bytes: a data file, or what makes one that is nearly right.

use crate::formats::npz::{self, Npz};
use crate::formats::samples::Samples;
use std::io::{Cursor, Write};
use std::path::Path;
use zip::CompressionMethod;
use zip::write::SimpleFileOptions;

/// Pieces of headers.
const PIECES: [&str; 32] = [
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    ",",
    ", ",
    ": ",
    "'",
    "\"",
    "\\",
    "\n",
    "-",
    "+",
    "1",
    "2",
    "3",
    "(2, 1, 1)",
    "(2,)",
    "()",
    "1e9",
    "99999999999",
    "'descr': ",
    "'fortran_order': ",
    "'shape': ",
    "'<f4'",
    "'>f8'",
    "'|u1'",
    "'<M8[ns]'",
    "True",
    "False",
];

/// Reads a file that the bytes are, or that is made of them. Whatever they are: no panic, messages of one line, and
/// what is taken is whole, finite and the same when it is written and read again.
pub fn read(bytes: &[u8]) {
    let Some((kind, rest)) = bytes.split_first() else { return };
    match kind % 6 {
        0 => read_file(rest),
        1 => read_file(&archive(rest, kind / 6 % 2 == 0)),
        2 => read_file(&archive(&array(&text(rest), &[0; 16]), true)),
        3 => read_file(&archive(&array(&header(rest), rest.get(..8).unwrap_or_default()), false)),
        4 => read_file(&archive(&array(rest, &[]), true)),
        _ => read_file(&damaged(rest, kind / 6 % 2 == 0)),
    }
}

/// Reads samples, and the same array as everything else that is read.
fn read_file(bytes: &[u8]) {
    let path = Path::new("fuzz.npz");
    let mut npz = match Npz::from_reader(path, Cursor::new(bytes)) {
        Ok(npz) => npz,
        Err(error) => return check(&error.what),
    };
    for rank in 0..4 {
        match npz.floats("y", rank) {
            Ok(array) => whole(&array.shape, array.data.len()),
            Err(error) => check(&error.what),
        }
        match npz.numbers("y", rank) {
            Ok(array) => whole(&array.shape, array.data.len()),
            Err(error) => check(&error.what),
        }
    }
    match Samples::from_npz(&mut npz) {
        Ok(samples) => again(&samples),
        Err(error) => check(&error.what),
    }
}

fn check(message: &str) {
    assert!(!message.contains('\n') && message.len() < 2000, "not one short line: {message}");
}

fn whole(shape: &[usize], count: usize) {
    assert_eq!(shape.iter().product::<usize>(), count);
}

/// Writes and reads again what was taken.
fn again(samples: &Samples) {
    let Samples { samples: n, tokens, dim, ref x, ref labels } = *samples;
    whole(&[n, tokens, dim], x.len());
    assert!(n > 0 && x.iter().all(|x| x.is_finite()) && labels.as_ref().is_none_or(|labels| labels.len() == n));
    let y: Option<Vec<f32>> = labels.as_ref().map(|labels| labels.iter().map(|label| label.sign()).collect());
    let of_x = ("X", vec![n as u64, tokens as u64, dim as u64], x.as_slice());
    let of_y = y.as_ref().map(|y| ("y", vec![n as u64], y.as_slice()));
    let bytes = npz::to_bytes([of_x].into_iter().chain(of_y)).expect("it was a file before");
    let mut npz = Npz::from_reader(Path::new("again.npz"), Cursor::new(bytes)).expect("a file of mote's own");
    assert_eq!(Samples::from_npz(&mut npz).expect("samples of mote's own"), *samples);
}

/// An archive with the bytes as its arrays.
fn archive(npy: &[u8], deflate: bool) -> Vec<u8> {
    let method = if deflate { CompressionMethod::Deflated } else { CompressionMethod::Stored };
    let options = SimpleFileOptions::default().compression_method(method).last_modified_time(zip::DateTime::default());
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for key in ["X", "y"] {
        zip.start_file(format!("{key}.npy"), options).expect("writing to memory");
        zip.write_all(npy).expect("writing to memory");
    }
    zip.finish().expect("writing to memory").into_inner()
}

/// An array whose header is right but for its text.
fn array(text: &[u8], numbers: &[u8]) -> Vec<u8> {
    let mut npy = b"\x93NUMPY\x02\x00".to_vec();
    npy.extend((text.len() as u32).to_le_bytes());
    npy.extend(text);
    npy.extend(numbers);
    npy
}

/// A header pieced together.
fn text(script: &[u8]) -> Vec<u8> {
    script.iter().flat_map(|byte| PIECES[usize::from(*byte) % PIECES.len()].bytes()).collect()
}

/// A header with the right keys and pieces for values.
fn header(script: &[u8]) -> Vec<u8> {
    let piece = |at: usize| PIECES[usize::from(script.get(at).copied().unwrap_or_default()) % PIECES.len()];
    let (descr, order, shape) = (piece(0), piece(1), [2, 3, 4, 5].map(piece).concat());
    format!("{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}").into_bytes()
}

/// A right file with some of its bytes changed: a place of two bytes and a value, again and again.
fn damaged(script: &[u8], deflate: bool) -> Vec<u8> {
    let text = b"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1, 1), }\n";
    let mut bytes = archive(&array(text, &[0, 0, 128, 63, 0, 0, 128, 191]), deflate);
    for change in script.chunks_exact(3) {
        let at = usize::from(u16::from_le_bytes([change[0], change[1]])) % bytes.len();
        bytes[at] = change[2];
    }
    bytes
}
