//! Data files: `X`, shape `(N, M, D)`, and `y`, shape `(N)`.

use crate::base::error::InputError;
use crate::formats::npz::Npz;
use mote_core::data::{InMemory, Label};
use mote_protocol::crc::Crc32;
use std::io::{Read, Seek};
use std::path::Path;

/// Samples read from a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Samples {
    /// `N`.
    pub samples: usize,
    /// `M`.
    pub tokens: usize,
    /// `D`.
    pub dim: usize,
    /// The tokens, row-major.
    pub x: Vec<f32>,
    /// The labels, if the file has them.
    pub labels: Option<Vec<Label>>,
}

impl Samples {
    /// Reads `X` and, where it is there, `y`.
    ///
    /// # Errors
    ///
    /// [`InputError`] that names file, key, what was expected and what was found.
    pub fn read(path: &Path) -> Result<Self, InputError> {
        Self::from_npz(&mut Npz::open(path)?)
    }

    /// As [`Samples::read`], from a file that is open.
    ///
    /// # Errors
    ///
    /// As [`Samples::read`].
    pub fn from_npz<R: Read + Seek>(npz: &mut Npz<R>) -> Result<Self, InputError> {
        let x = npz.floats("X", 3)?;
        let [samples, tokens, dim] = x.shape[..] else { unreachable!("the rank was checked") };
        if samples == 0 || tokens == 0 || dim == 0 {
            let found = format!("expected at least one sample, token and number, found shape {:?}", x.shape);
            return Err(npz.wrong("X", found));
        }
        let labels = if npz.contains("y") { Some(read_labels(npz, samples)?) } else { None };
        Ok(Self { samples, tokens, dim, x: x.data, labels })
    }

    /// Reads a file whose labels are needed.
    ///
    /// # Errors
    ///
    /// As [`Samples::read`], and if there is no `y`.
    pub fn read_labelled(path: &Path) -> Result<Self, InputError> {
        let mut samples = Self::read(path)?;
        if samples.labels.is_none() {
            // Say so in the words of every other missing key.
            samples.labels = Some(read_labels(&mut Npz::open(path)?, samples.samples)?);
        }
        Ok(samples)
    }

    /// The samples as the engine reads them; a file without labels counts as all +1.
    pub fn dataset<'a>(&'a self, labels: &'a [Label]) -> InMemory<'a> {
        InMemory::new(&self.x, labels, self.tokens, self.dim).expect("the shape was checked when it was read")
    }

    /// The labels, or +1 for every sample.
    pub fn labels_or_plus(&self) -> Vec<Label> {
        self.labels.clone().unwrap_or_else(|| vec![Label::Plus; self.samples])
    }

    /// The digest of the samples as report lines have it: of every sample, its tokens and its label.
    pub fn crc32(&self) -> u32 {
        let mut digest = Crc32::new();
        for (x, label) in self.x.chunks_exact(self.tokens * self.dim).zip(self.labels_or_plus()) {
            digest.update(x);
            digest.update(&[label.sign()]);
        }
        digest.finish()
    }

    /// Makes sure that the samples have the shape of the model.
    ///
    /// # Errors
    ///
    /// [`InputError`] that names `path`.
    pub fn check(&self, path: &Path, tokens: usize, dim: usize) -> Result<(), InputError> {
        if (self.tokens, self.dim) == (tokens, dim) {
            return Ok(());
        }
        let (m, d) = (self.tokens, self.dim);
        Err(InputError::file(
            path,
            format!("key X: expected M={tokens} and D={dim} as in the training data, found M={m} and D={d}"),
        ))
    }
}

fn read_labels<R: Read + Seek>(npz: &mut Npz<R>, samples: usize) -> Result<Vec<Label>, InputError> {
    let y = npz.numbers("y", 1)?;
    if y.shape != [samples] {
        return Err(
            npz.wrong("y", format!("expected {samples} labels, as many as X has samples, found {}", y.shape[0]))
        );
    }
    let label = |value: &f64| match *value {
        1.0 => Some(Label::Plus),
        -1.0 => Some(Label::Minus),
        _ => None,
    };
    let labels: Option<Vec<Label>> = y.data.iter().map(label).collect();
    labels.ok_or_else(|| npz.wrong("y", format!("expected labels of +1 and -1, {}", classes(&y.data))))
}

/// What labels there are instead of +1 and -1, and the NumPy expression that mends them.
fn classes(labels: &[f64]) -> String {
    const SHOWN: usize = 6;
    if let Some(at) = labels.iter().position(|label| !label.is_finite()) {
        return format!("found {} at index {at}", labels[at]);
    }
    let mut classes = labels.to_vec();
    classes.sort_by(f64::total_cmp);
    classes.dedup();
    match classes[..] {
        [one] => format!("found only {one}"),
        [low, high] => format!("found {low} and {high}; y = np.where(y == {high}, 1, -1) mends it"),
        [first, second, ..] => {
            let shown: Vec<String> = classes.iter().take(SHOWN).map(f64::to_string).collect();
            let more = if classes.len() > SHOWN { " ..." } else { "" };
            format!(
                "two classes, found {}: {}{more}; k = np.isin(y, [{first}, {second}]); \
                 X, y = X[k], np.where(y[k] == {second}, 1, -1) keeps two",
                classes.len(),
                shown.join(" ")
            )
        }
        [] => "found none".into(),
    }
}
