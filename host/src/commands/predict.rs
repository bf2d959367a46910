//! `mote predict`: scores, loss and error of trained weights.

use crate::base::error::InputError;
use crate::base::files::heap;
use crate::formats::samples::Samples;
use crate::formats::weights::Weights;
use anyhow::Context;
use clap::Args;
use mote_core::loss::logistic;
use mote_core::metrics::Evaluation;
use mote_core::model::Model;
use mote_core::shape::Shape;
use std::io::Write;
use std::path::PathBuf;

/// Options of `mote predict`.
#[derive(Debug, Args)]
#[command(
    after_help = "Prints one CSV row per sample: sample,score,label,loss (label and loss are empty if the file has no \
y). The sign of the score is the predicted class.

Example:
  mote predict --data test.npz --weights run/weights.npz > scores.csv"
)]
pub struct PredictArgs {
    /// Data, .npz with X and optionally y
    #[arg(long, value_name = "F.npz")]
    pub data: PathBuf,
    /// Weights, as `mote train` writes them
    #[arg(long, value_name = "F.npz")]
    pub weights: PathBuf,
}

/// Prints a row a sample, and mean loss and error at the end (on standard error, so that the rows can
/// be piped).
///
/// # Errors
///
/// [`InputError`] for whatever is wrong with the files; a score that is not finite; standard output
/// that cannot be written.
pub fn predict(args: &PredictArgs) -> anyhow::Result<()> {
    let samples = Samples::read(&args.data)?;
    let weights = Weights::read(&args.weights)?;
    weights.check(&args.weights, samples.dim)?;
    let shape = Shape::new(samples.tokens, samples.dim, weights.head, weights.value);
    let mut memory = heap(shape, &args.weights)?;
    let mut model = Model::new(&mut memory);
    weights.load(&mut model.params());
    let labels = samples.labels_or_plus();
    let mut scores = Vec::with_capacity(samples.samples);
    model.for_each_score(&mut samples.dataset(&labels), |_, f, _| scores.push(f))?;
    if let Some(n) = scores.iter().position(|f| !f.is_finite()) {
        let found = format!("expected finite scores, found {} for sample {n} of {}", scores[n], args.data.display());
        return Err(InputError::file(&args.weights, found).into());
    }

    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let mut print = || -> std::io::Result<()> {
        writeln!(out, "sample,score,label,loss")?;
        for (n, f) in scores.iter().enumerate() {
            match &samples.labels {
                Some(labels) => {
                    let y = labels[n].sign();
                    writeln!(out, "{n},{f},{y},{}", logistic(*f, y).0)?;
                }
                None => writeln!(out, "{n},{f},,")?,
            }
        }
        out.flush()
    };
    print().context("standard output")?;
    if samples.labels.is_some() {
        // The engine's own figures: those of `summary.json`.
        let Evaluation { loss, error, .. } = model.evaluate(&mut samples.dataset(&labels))?;
        let text = format!("{} samples: mean loss {loss:.6}, error {:.2}%", samples.samples, 100.0 * error);
        writeln!(std::io::stderr(), "{text}").context("standard error")?;
    }
    Ok(())
}
