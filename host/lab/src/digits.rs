//! Real images in the place of signals: two classes of handwritten digits, with tokens of noise.
//!
//! An image of 8x8 pixels becomes four tokens of `D = 64` numbers, one for each quarter, with the other quarters 0: a
//! token keeps its place, as the model has no position code. The remaining `M - 4` tokens of a sample are Gaussian noise
//! of expected norm `sigma sqrt(D)`. Pixels are scaled so that the norm of an image's four tokens is `s` on average over
//! the training images; the test images, of which training must know nothing, have the same scale. Both are drawn without
//! replacement, half of each class, and never share one.
//!
//! Data: E. Alpaydin, C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository, CC BY 4.0;
//! see `host/lab/data/digits`.

use crate::error::Error;
use mote_core::data::{DataError, Dataset, Label};
use mote_core::matrix::MatrixMut;
use mote_core::rng::{Purpose, Stream};
use std::io::Read;
use std::sync::{Arc, OnceLock};

/// Pixels of an image, and numbers of a token.
pub const PIXELS: usize = 64;
/// Tokens of an image.
pub const PARTS: usize = 4;
const SIDE: usize = 8;
const FILE: &[u8] = include_bytes!("../data/digits/digits.csv.gz");

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

fn parse() -> Option<Vec<Image>> {
    let mut text = String::new();
    flate2::read::GzDecoder::new(FILE).read_to_string(&mut text).ok()?;
    let image = |line: &str| {
        let numbers: Vec<u8> = line.split(',').map(str::parse).collect::<Result<_, _>>().ok()?;
        let (digit, pixels) = numbers.split_last()?;
        let pixels: [u8; PIXELS] = pixels.try_into().ok()?;
        Some(Image { pixels: pixels.map(f32::from), digit: *digit })
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
    /// Chance of a label to be flipped.
    flip: f32,
    seed: u64,
    purpose: Purpose,
}

impl Digits {
    /// The same samples, each label flipped with this chance.
    pub fn flipped(self, flip: f32) -> Self {
        Self { flip, ..self }
    }
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
/// [`Error::Images`] if there are fewer images than samples, or a number of samples is odd.
pub fn draw(
    classes: (u8, u8),
    (train, test): (usize, usize),
    tokens: usize,
    norms: (f64, f64),
    seed: u64,
) -> Result<(Digits, Digits), Error> {
    let most = 2 * available(classes);
    if train % 2 == 1 || test % 2 == 1 || train + test > most {
        return Err(Error::Images { classes, most, train, test });
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
        Digits { samples, scale: norms.0 as f32 / mean_norm, tokens, noise_std, flip: 0.0, seed, purpose }
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
        let class = if n.is_multiple_of(2) { Label::Plus } else { Label::Minus };
        // The first token is of the image and draws no noise: its stream decides the label.
        let is_flipped = Stream::new(self.seed, self.purpose, n as u32, 0).coin(self.flip);
        Ok(if is_flipped { class.flipped() } else { class })
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
