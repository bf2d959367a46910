//! `mote predict`: scores, loss and error of trained weights.

use crate::cli::PredictArgs;
use crate::error::InputError;
use crate::files::heap;
use crate::files::samples::Samples;
use crate::files::weights::Weights;
use anyhow::Context;
use mote_core::loss::logistic;
use mote_core::metrics::Evaluation;
use mote_core::shape::Shape;
use mote_core::train::{Settings, Trainer};
use std::io::Write;

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
    // Nothing is trained; a trainer asks for a learning rate all the same.
    let mut trainer = Trainer::new(&mut memory, Settings { learning_rate: 1.0, train_output: false })?;
    weights.load(&mut trainer.params());
    let labels = samples.labels_or_plus();
    let mut scores = Vec::with_capacity(samples.samples);
    trainer.for_each_score(&mut samples.dataset(&labels), |_, f, _| scores.push(f))?;
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
        let Evaluation { loss, error, .. } = trainer.evaluate(&mut samples.dataset(&labels))?;
        let text = format!("{} samples: mean loss {loss:.6}, error {:.2}%", samples.samples, 100.0 * error);
        writeln!(std::io::stderr(), "{text}").context("standard error")?;
    }
    Ok(())
}
