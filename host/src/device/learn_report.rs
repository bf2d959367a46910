//! What `mote device train` says and writes.

use super::client::{Client, Traffic};
use super::fault::ChipError;
use super::learn::{Held, Job, Learned};
use super::twin;
use crate::files::weights;
use mote_core::memory::{Heap, Memory};
use mote_core::metrics::Evaluation;
use serde::Serialize;
use std::fmt::{self, Write};

/// What is about to happen.
///
/// # Errors
///
/// If the chip has never said who it is.
pub fn opening(client: &Client, job: &Job, held: Held) -> Result<String, ChipError> {
    let chip = client.chip()?;
    let shape = chip.shape();
    let way = |is_held| if is_held { "held in its RAM" } else { "streamed" };
    let mut text = format!(
        "{} ({}) on {}, M={} D={} H={} V={}: {} training samples, {}",
        chip.board.name,
        chip.board.core,
        client.port(),
        shape.tokens,
        shape.dim,
        shape.head,
        shape.value,
        job.plan.samples,
        way(held.train)
    );
    if job.plan.test_samples > 0 {
        let _ = write!(text, "; {} test samples, {}", job.plan.test_samples, way(held.test));
    }
    Ok(text)
}

/// What came of it, on both sides.
#[derive(Debug)]
pub struct Outcome<'l> {
    host: &'l Learned,
    chip: &'l Learned,
    board: String,
    traffic: Traffic,
    noise: u64,
}

/// What `summary.json` says.
#[derive(Serialize)]
struct Summary<'a> {
    engine: &'a str,
    math: &'a str,
    board: &'a str,
    samples: usize,
    test_samples: usize,
    learning_rate: f32,
    stop_loss: f32,
    ended: &'a str,
    steps: u32,
    final_train_loss: f32,
    final_train_error: f32,
    final_test_loss: Option<f32>,
    final_test_error: Option<f32>,
    equal_to_host: bool,
    bytes_to_chip: u64,
    bytes_from_chip: u64,
}

impl<'l> Outcome<'l> {
    /// What both sides have learned.
    pub fn new(host: &'l Learned, chip: &'l Learned, client: &Client) -> Self {
        let board = client.chip().map(|chip| chip.board.name.as_str().to_owned()).unwrap_or_default();
        Self { host, chip, board, traffic: client.traffic, noise: client.noise }
    }

    /// Bits that are equal: weights, losses of steps, scores.
    fn equal(&self) -> [(usize, usize, &'static str); 3] {
        let (host, chip) = (self.host, self.chip);
        let weights = host.weights.iter().zip(&chip.weights).filter(|(a, b)| a.to_bits() == b.to_bits()).count();
        let is_equal = |(step, loss): &(&u32, &f32)| host.losses.get(step).map(|l| l.to_bits()) == Some(loss.to_bits());
        let losses = chip.losses.iter().filter(is_equal).count();
        let scores =
            |learned: &Learned| [Some(learned.on_train), learned.on_test].into_iter().flatten().collect::<Vec<_>>();
        let (ours, theirs) = (scores(host), scores(chip));
        let same = ours.iter().zip(&theirs).filter(|(a, b)| bits(a) == bits(b)).count();
        [
            (weights, host.weights.len().max(chip.weights.len()), "weights"),
            // A line that was lost is not a difference; the weights are the proof.
            (losses, chip.losses.len(), "losses"),
            (same, ours.len().max(theirs.len()), "scores"),
        ]
    }

    /// Whether both have arrived at the same place, bit for bit.
    pub fn is_equal(&self) -> bool {
        let all = self.equal().iter().all(|(equal, of, _)| equal == of);
        all && !self.host.weights.is_empty() && self.host.reason == self.chip.reason
    }

    /// The files to write; `memory` is used for the chip's weights.
    ///
    /// # Errors
    ///
    /// If the weights are larger than their format holds.
    pub fn files(&self, job: &Job, memory: &mut Heap) -> anyhow::Result<Vec<(&'static str, Vec<u8>)>> {
        twin::set_weights(memory, &self.chip.weights);
        let chip = self.chip;
        let mut curve = String::from("step,train_loss\n");
        for (step, loss) in &chip.losses {
            let _ = writeln!(curve, "{step},{loss}");
        }
        let summary = Summary {
            engine: mote_core::VERSION,
            math: mote_core::math::NAME,
            board: &self.board,
            samples: job.plan.samples,
            test_samples: job.plan.test_samples,
            learning_rate: job.plan.settings.learning_rate,
            stop_loss: job.plan.stop_loss,
            ended: &chip.reason,
            steps: self.steps(),
            final_train_loss: chip.on_train.loss,
            final_train_error: chip.on_train.error,
            final_test_loss: chip.on_test.map(|test| test.loss),
            final_test_error: chip.on_test.map(|test| test.error),
            equal_to_host: self.is_equal(),
            bytes_to_chip: self.traffic.up,
            bytes_from_chip: self.traffic.down,
        };
        let summary = format!("{}\n", serde_json::to_string_pretty(&summary)?);
        let weights = weights::to_bytes(&memory.workspace().params)?;
        Ok(vec![("weights.npz", weights), ("curve.csv", curve.into_bytes()), ("summary.json", summary.into_bytes())])
    }

    fn steps(&self) -> u32 {
        self.chip.losses.keys().next_back().copied().unwrap_or_default()
    }
}

fn bits(figures: &Evaluation) -> [u32; 3] {
    [figures.loss, figures.error, figures.attention].map(f32::to_bits)
}

impl fmt::Display for Outcome<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let steps = self.steps();
        let plural = if steps == 1 { "" } else { "s" };
        let figures = |figures: &Evaluation| format!("loss {:.6}, error {:.2}%", figures.loss, 100.0 * figures.error);
        write!(f, "{steps} step{plural} ({}): training {}", self.chip.reason, figures(&self.chip.on_train))?;
        if let Some(test) = &self.chip.on_test {
            write!(f, "; test {}", figures(test))?;
        }
        let Traffic { up, down, numbers_up, .. } = self.traffic;
        let share = 100.0 * numbers_up as f64 / up.max(1) as f64;
        write!(f, "\n{up} bytes to the chip, {share:.1}% of them numbers; {down} bytes from it")?;
        if self.noise > 0 {
            write!(f, "; {} damaged lines", self.noise)?;
        }
        let parts = self.equal().map(|(equal, of, what)| format!("{equal} of {of} {what}")).join(", ");
        match self.is_equal() {
            true => write!(f, "\nhost and chip agree bit for bit: {parts}"),
            false => {
                let (host, chip) = (&self.host.reason, &self.chip.reason);
                write!(f, "\nhost and chip DIFFER: {parts} equal; the host ended by {host}, the chip by {chip}")
            }
        }
    }
}
