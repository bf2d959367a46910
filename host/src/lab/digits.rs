//! Real images in the place of signals: two classes of handwritten digits, with tokens of noise.
//!
//! An image of 8x8 pixels becomes four tokens of `D = 64` numbers, one for each quarter, with the other quarters 0: a
//! token keeps its place, as the model has no position code. The remaining `M - 4` tokens of a sample are Gaussian noise
//! of expected norm `sigma sqrt(D)`. Pixels are scaled so that the norm of an image's four tokens is `s` on average over
//! the training images; the test images, of which training must know nothing, have the same scale. Both are drawn without
//! replacement, half of each class, and never share one.
//!
//! Data: E. Alpaydin, C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository, CC BY 4.0;
//! see `host/data/digits`.

use super::lists;
use crate::error::{InputError, quoted};
use crate::files::{OutFolder, npz};
use crate::progress::say;
use anyhow::Context;
use mote_core::data::{DataError, Dataset, Label};
use mote_core::matrix::MatrixMut;
use mote_core::rng::{Purpose, Stream};
use std::io::Read;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

/// Pixels of an image, and numbers of a token.
pub const PIXELS: usize = 64;
/// Tokens of an image.
pub const PARTS: usize = 4;
const SIDE: usize = 8;
const FILE: &[u8] = include_bytes!("../../data/digits/digits.csv.gz");

/// Options of `mote digits`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Writes train.npz and test.npz, each with X, shape (N, M, 64), and y, shape (N): the quarters of an
image as tokens, then tokens of noise. No image is in both. The data are E. Alpaydin and C. Kaynak's
Optical Recognition of Handwritten Digits (UCI Machine Learning Repository, CC BY 4.0).

Example:
  mote digits --classes 3,8 --out digits
  mote train --data digits/train.npz --test digits/test.npz --steps 300 --lr 0.1 --out run"
)]
pub struct DigitsArgs {
    /// The digits of the classes +1 and -1
    #[arg(long, value_name = "A,B", allow_hyphen_values = true, default_value = "3,8")]
    pub classes: String,
    /// Training images, even
    #[arg(long, value_name = "N", default_value_t = 100, allow_negative_numbers = true, value_parser = lists::whole::<usize>)]
    pub train: usize,
    /// Test images, even
    #[arg(long, value_name = "N", default_value_t = 200, allow_negative_numbers = true, value_parser = lists::whole::<usize>)]
    pub test: usize,
    /// M: four tokens of image, the rest noise
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
    let (train, test) = draw(classes, (args.train, args.test), args.tokens, norms, args.seed)?;
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
    say(format_args!("saved in {}: train.npz ({train} images) test.npz ({test} images)", out.path().display()))
}

/// Two digits, like `3,8`.
///
/// # Errors
///
/// [`InputError`] for anything else.
pub fn parse_classes(text: &str) -> Result<(u8, u8), InputError> {
    let found: Option<Vec<u8>> = text.split(',').map(|digit| digit.trim().parse().ok()).collect();
    match found.as_deref() {
        Some(&[plus @ 0..=9, minus @ 0..=9]) if plus != minus => Ok((plus, minus)),
        _ => Err(InputError::option(
            "classes",
            format!("expected two different digits, like 3,8, found {}", quoted(text)),
        )),
    }
}

/// An image and its digit.
#[derive(Clone, Copy, Debug)]
pub struct Image {
    /// Row by row, from 0 to 16.
    pub pixels: [f32; PIXELS],
    /// From 0 to 9.
    pub digit: u8,
}

/// All images, in the order of the file.
///
/// # Panics
///
/// If the file in the program is damaged; a test reads all of it.
pub fn images() -> &'static [Image] {
    static IMAGES: OnceLock<Vec<Image>> = OnceLock::new();
    IMAGES.get_or_init(|| parse().expect("the digits in this program are whole"))
}

fn parse() -> anyhow::Result<Vec<Image>> {
    let mut text = String::new();
    flate2::read::GzDecoder::new(FILE).read_to_string(&mut text)?;
    let image = |line: &str| {
        let numbers: Vec<u8> = line.split(',').map(str::parse).collect::<Result<_, _>>()?;
        let (digit, pixels) = numbers.split_last().context("an empty line")?;
        let pixels: [u8; PIXELS] = pixels.try_into()?;
        anyhow::Ok(Image { pixels: pixels.map(f32::from), digit: *digit })
    };
    text.lines().map(image).collect()
}

/// Images of two digits with noise tokens, as one data set of a cell.
#[derive(Clone, Debug)]
pub struct Digits {
    /// One image a sample, classes alternating +, -.
    samples: Arc<[Image]>,
    /// What pixels are multiplied with.
    scale: f32,
    tokens: usize,
    noise_std: f32,
    seed: u64,
    purpose: Purpose,
}

/// How many images of each class there are to draw from.
pub fn available(classes: (u8, u8)) -> usize {
    let of = |digit: u8| images().iter().filter(|image| image.digit == digit).count();
    of(classes.0).min(of(classes.1))
}

/// Training and test set of a cell: `classes` are +1 and -1, `norms` are `s` and `sigma sqrt(D)`.
///
/// # Errors
///
/// [`InputError`] if there are fewer images than samples, or a number of samples is odd.
pub fn draw(
    classes: (u8, u8),
    (train, test): (usize, usize),
    tokens: usize,
    norms: (f64, f64),
    seed: u64,
) -> anyhow::Result<(Digits, Digits)> {
    let most = 2 * available(classes);
    if train % 2 == 1 || test % 2 == 1 || train + test > most {
        let expected =
            format!("expected even numbers, at most {most} in all of the digits {} and {}", classes.0, classes.1);
        return Err(InputError::option("train", format!("{expected}, found {train} and {test} test samples")).into());
    }
    let mut stream = Stream::new(seed, Purpose::Train, u32::MAX, 0);
    let mut of = |digit: u8| {
        let mut chosen: Vec<Image> = images().iter().filter(|image| image.digit == digit).copied().collect();
        // Fisher and Yates, from the end.
        for last in (1..chosen.len()).rev() {
            chosen.swap(last, stream.next_u32() as usize % (last + 1));
        }
        chosen
    };
    let (plus, minus) = (of(classes.0), of(classes.1));
    let norm = |image: &Image| {
        (0..PARTS).map(|part| token(image, part).iter().map(|x| x * x).sum::<f32>().sqrt()).sum::<f32>()
    };
    let in_training = plus[..train / 2].iter().chain(&minus[..train / 2]);
    let mean_norm = in_training.map(norm).sum::<f32>() / (PARTS * train) as f32;
    let set = |from: usize, samples: usize, purpose| {
        let image = |n: usize| if n.is_multiple_of(2) { plus[from + n / 2] } else { minus[from + n / 2] };
        let noise_std = (norms.1 / (PIXELS as f64).sqrt()) as f32;
        let samples = (0..samples).map(image).collect();
        Digits { samples, scale: norms.0 as f32 / mean_norm, tokens, noise_std, seed, purpose }
    };
    Ok((set(0, train, Purpose::Train), set(train / 2, test, Purpose::Test)))
}

/// A quarter of an image in its place.
fn token(image: &Image, part: usize) -> [f32; PIXELS] {
    let is_in = |pixel: usize| {
        let (row, col) = (pixel / SIDE, pixel % SIDE);
        2 * (row / (SIDE / 2)) + col / (SIDE / 2) == part
    };
    std::array::from_fn(|pixel| if is_in(pixel) { image.pixels[pixel] } else { 0.0 })
}

impl Dataset for Digits {
    fn samples(&self) -> usize {
        self.samples.len()
    }

    fn sample_shape(&self) -> (usize, usize) {
        (self.tokens, PIXELS)
    }

    fn read(&mut self, n: usize, mut x: MatrixMut) -> Result<Label, DataError> {
        let image = self.samples.get(n).ok_or(DataError::OutOfRange)?;
        if (x.rows(), x.cols()) != (self.tokens, PIXELS) {
            return Err(DataError::Shape);
        }
        for (m, row) in x.iter_rows_mut().enumerate() {
            if m < PARTS {
                row.iter_mut().zip(token(image, m)).for_each(|(x, pixel)| *x = self.scale * pixel);
            } else {
                let mut noise = Stream::new(self.seed, self.purpose, n as u32, m as u32);
                row.iter_mut().for_each(|x| *x = self.noise_std * noise.normal());
            }
        }
        Ok(if n.is_multiple_of(2) { Label::Plus } else { Label::Minus })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_images_are_all_there() {
        let images = images();
        assert_eq!(images.len(), 1797);
        assert!(images.iter().all(|image| image.pixels.iter().all(|pixel| (0.0..=16.0).contains(pixel))));
        assert_eq!((available((0, 1)), available((3, 8))), (178, 174));
        for bad in ["3", "3,3", "3,10", "a,b", "1,2,3", ""] {
            assert!(parse_classes(bad).is_err(), "{bad}");
        }
        assert_eq!(parse_classes("3, 8").unwrap(), (3, 8));
    }

    #[test]
    fn training_and_test_share_no_image_and_tokens_make_up_the_image() {
        let (mut train, test) = draw((3, 8), (100, 200), 6, (2.0, 1.0), 7).unwrap();
        for image in train.samples.iter() {
            assert!(test.samples.iter().all(|other| other.pixels != image.pixels));
        }
        let mut x = vec![0.0; 6 * PIXELS];
        let label = train.read(1, MatrixMut::new(&mut x, 6, PIXELS)).unwrap();
        assert_eq!((label, train.samples[1].digit), (Label::Minus, 8));
        for pixel in 0..PIXELS {
            let sum: f32 = (0..PARTS).map(|m| x[m * PIXELS + pixel]).sum();
            assert_eq!(sum, train.scale * train.samples[1].pixels[pixel]);
        }
        let noise: f32 = x[4 * PIXELS..].iter().map(|x| x * x).sum();
        assert!((noise / 2.0 - 1.0).abs() < 0.5, "{noise}");
        assert!(draw((3, 8), (200, 200), 6, (1.0, 1.0), 7).is_err());
    }

    /// The scale is that of the training images, whatever the others are.
    #[test]
    fn the_test_images_have_no_say_in_the_scale() {
        let train = 8;
        for seed in 0..20 {
            let (mut set, test) = draw((3, 8), (train, 20), 4, (2.0, 1.0), seed).unwrap();
            assert_eq!(set.scale, test.scale);
            let mut x = vec![0.0; PARTS * PIXELS];
            let mut sum = 0.0;
            for n in 0..train {
                set.read(n, MatrixMut::new(&mut x, PARTS, PIXELS)).unwrap();
                let norm = |token: &[f32]| token.iter().map(|x| x * x).sum::<f32>().sqrt();
                sum += x.chunks_exact(PIXELS).map(norm).sum::<f32>();
            }
            let mean = sum / (PARTS * train) as f32;
            assert!((mean - 2.0).abs() < 1e-5, "seed {seed}: {mean}");
        }
    }
}
