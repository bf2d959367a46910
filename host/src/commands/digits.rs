//! `mote digits`: real images as data files.

use crate::base::error::InputError;
use crate::base::files::OutFolder;
use crate::base::lists;
use crate::base::progress::print_line;
use crate::formats::npz;
use crate::lab::options::parse_classes;
use mote_core::data::Dataset;
use mote_core::matrix::MatrixMut;
use mote_lab::digits::{PARTS, PIXELS, draw};
use std::path::PathBuf;

/// Options of `mote digits`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Writes train.npz and test.npz, each with X, shape (N, M, 64), and y, shape (N): the quarters of an \
image as tokens, then tokens of noise. No image is in both. The data are E. Alpaydin and C. Kaynak's Optical \
Recognition of Handwritten Digits (UCI Machine Learning Repository, CC BY 4.0).

Example:
  mote digits --classes 3,8 --out digits
  mote train --data digits/train.npz --test digits/test.npz --steps 300 \\
    --lr 0.1 --out run"
)]
pub struct DigitsArgs {
    /// The digits of the classes +1 and -1
    #[arg(long, value_name = "A,B", allow_hyphen_values = true, default_value = "3,8")]
    pub classes: String,
    /// Number of training images, even
    #[arg(long, value_name = "N", default_value_t = 100, allow_negative_numbers = true, value_parser = lists::whole::<usize>)]
    pub train: usize,
    /// Number of test images, even
    #[arg(long, value_name = "N", default_value_t = 200, allow_negative_numbers = true, value_parser = lists::whole::<usize>)]
    pub test: usize,
    /// M: tokens of a sample, four of image, the others noise
    #[arg(long, value_name = "M", default_value_t = 4, allow_negative_numbers = true, value_parser = lists::whole::<usize>)]
    pub tokens: usize,
    /// Mean norm of the tokens of training images
    #[arg(long, value_name = "X", default_value_t = 4.0, allow_negative_numbers = true, value_parser = lists::number)]
    pub signal: f64,
    /// Norm of noise tokens, sigma sqrt(D)
    #[arg(long, value_name = "X", default_value_t = 4.0, allow_negative_numbers = true, value_parser = lists::number)]
    pub noise_norm: f64,
    /// Seed of the choice of images and of the noise
    #[arg(long, value_name = "S", default_value_t = 1, allow_negative_numbers = true, value_parser = lists::whole::<u64>)]
    pub seed: u64,
    /// Folder for the two files
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}

/// Writes digits as files that `mote train` reads.
///
/// # Errors
///
/// [`InputError`] for impossible options; a folder that cannot be written.
pub fn digits(args: &DigitsArgs) -> anyhow::Result<()> {
    let classes = parse_classes(&args.classes)?;
    if args.tokens < PARTS {
        return Err(InputError::option("tokens", format!("expected at least {PARTS}, found {}", args.tokens)).into());
    }
    if args.tokens > 4096 {
        return Err(InputError::option("tokens", format!("expected at most 4096, found {}", args.tokens)).into());
    }
    for (option, found) in [("train", args.train), ("test", args.test)] {
        if found == 0 {
            return Err(InputError::option(option, "expected at least 2, found 0").into());
        }
    }
    for (option, found) in [("signal", args.signal), ("noise-norm", args.noise_norm)] {
        if !(found > 0.0 && found < 1e15) {
            return Err(
                InputError::option(option, format!("expected a number above 0 and below 1e15, found {found}")).into()
            );
        }
    }
    let norms = (args.signal, args.noise_norm);
    let (train, test) = draw(classes, (args.train, args.test), args.tokens, norms, args.seed)
        .map_err(|error| InputError::option("train", error.to_string()))?;
    let out = OutFolder::open(&args.out)?;
    for (name, mut set) in [("train.npz", train), ("test.npz", test)] {
        let (samples, size) = (set.samples(), args.tokens * PIXELS);
        let mut x = vec![0.0f32; samples * size];
        let mut y = Vec::with_capacity(samples);
        for (n, x) in x.chunks_exact_mut(size).enumerate() {
            y.push(set.read(n, MatrixMut::new(x, args.tokens, PIXELS))?.sign());
        }
        let shape = [samples, args.tokens, PIXELS].map(|size| size as u64).to_vec();
        let arrays = [("X", shape, x.as_slice()), ("y", vec![samples as u64], y.as_slice())];
        out.write(name, &npz::to_bytes(arrays)?)?;
    }
    let (train, test) = (args.train, args.test);
    print_line(format_args!("saved in {}: train.npz ({train} images) test.npz ({test} images)", out.path().display()))
}
