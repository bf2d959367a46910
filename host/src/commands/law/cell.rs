//! A cell of the law: on the chip, on this machine, and what both make of it.

use crate::client::chip::Client;
use crate::client::fault::ChipError;
use crate::reference::session;
use mote_core::data::{Distribution, Form, Split};
use mote_core::memory::{Heap, Memory};
use mote_core::metrics::Evaluation;
use mote_core::params::Init;
use mote_core::train::Settings;
use mote_lab::place::{FLIP, GridPoint, NEUTRAL};
use mote_protocol::report::Record;
use mote_runtime::runs::plan::{Plan, Start};

/// What all cells have in common.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recipe {
    /// `sigma sqrt(D)`: norm of the noise tokens.
    pub noise_norm: f64,
    /// Probability that a training label is flipped.
    pub flip: f64,
    /// What the seeds of all cells follow from, together with their places.
    pub seed: u64,
    /// Learning rate.
    pub learning_rate: f32,
    /// A run stops after the step before which the training loss was below this.
    pub stop_loss: f32,
    /// Steps after which a cell counts as not converged.
    pub max_steps: u32,
    /// Fresh samples that each model is tested on.
    pub test_samples: usize,
}

/// Standard deviations of the initial weights.
const INIT: Init = Init::Gaussian { query_key_std: 0.02, value_std: 1e-3 };

/// One (N, SNR, seed).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cell {
    /// `N`.
    pub n: usize,
    /// `SNR`.
    pub snr: f64,
    /// Its own seed. Cells of one seed share their noise whatever their place, and their means would then rise and fall
    /// together along the whole grid.
    pub seed: u64,
}

/// What tells two cells apart: `N`, the bits of `SNR`, seed.
pub type Key = (usize, u64, u64);

/// What a cell came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    /// Steps done.
    pub steps: u64,
    /// Whether the training loss came below the stop loss.
    pub converged: bool,
    /// The trained model on fresh samples.
    pub test: Evaluation,
}

/// What a machine makes of a cell.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The portable lines of the run behind `run`.
    lines: Vec<String>,
    /// What they came to.
    pub score: Score,
}

impl Cell {
    /// The cell of a place.
    pub fn new(recipe: &Recipe, n: usize, snr: f64, replicate: u32) -> Self {
        let signal_norm = recipe.noise_norm * snr;
        let mut place = GridPoint { samples: n, signal_norm, replicate, dim: 0, head: 0, extra: NEUTRAL };
        place.extra[FLIP] = recipe.flip;
        Self { n, snr, seed: place.seed(recipe.seed) }
    }

    /// The cell's key.
    pub fn key(&self) -> Key {
        (self.n, self.snr.to_bits(), self.seed)
    }

    fn distribution(&self, recipe: &Recipe, dim: usize) -> Distribution {
        let noise_norm = recipe.noise_norm as f32;
        let sigma = noise_norm / mote_core::math::sqrt(dim as f32);
        let (signal_norm, flip) = (noise_norm * self.snr as f32, recipe.flip as f32);
        Distribution { form: Form::Uniform { sigma }, signal_norm, flip }
    }

    fn plan(&self, recipe: &Recipe) -> Plan {
        Plan {
            samples: self.n,
            test_samples: 0,
            start: Start::Fresh(INIT, self.seed),
            settings: Settings { learning_rate: recipe.learning_rate, train_output: false },
            stop_loss: recipe.stop_loss,
            max_steps: recipe.max_steps,
            eval_every: 0,
            report_every: 25,
        }
    }

    /// Has the chip train and test.
    ///
    /// # Errors
    ///
    /// Whatever ends the conversation.
    pub fn on_chip(&self, client: &mut Client, recipe: &Recipe, dim: usize) -> Result<Finding, ChipError> {
        client.stop()?;
        let noise = client.noise;
        let distribution = self.distribution(recipe, dim);
        let train = session::data_keys(&distribution, self.n, self.seed);
        let command = format!("train {train} test=0 {}", session::plan_keys(&self.plan(recipe)));
        let mut records = Vec::new();
        let done = client.train(&command, None, |record| records.push(record.clone()))?;
        let test = session::data_keys(&distribution, recipe.test_samples, self.seed);
        let score = client.eval(&format!("eval {test} set=test"), None)?;
        // A line was lost, or the chip has forgotten its weights before it was tested: that is no difference.
        if client.noise != noise || score.step != done.steps {
            return Err(ChipError::Broken { port: client.port(), what: "train".into(), code: "bytes-lost".into() });
        }
        let test = Evaluation { loss: score.loss, error: score.error, attention: score.attention };
        Ok(Finding::new(records, test))
    }

    /// Does the same on this machine.
    ///
    /// # Errors
    ///
    /// If the data are impossible, or the model's loss is not finite.
    pub fn on_host(&self, recipe: &Recipe, memory: &mut Heap) -> anyhow::Result<Finding> {
        let distribution = self.distribution(recipe, memory.shape().dim);
        let mut source = session::made(distribution, memory, (self.n, recipe.test_samples), self.seed)?;
        let records = session::run(memory, self.plan(recipe), &mut source);
        let test = session::score(memory, &mut source, Split::Test, recipe.test_samples)?;
        Ok(Finding::new(records, test))
    }
}

impl Finding {
    fn new(records: Vec<Record>, test: Evaluation) -> Self {
        let (mut converged, mut steps, mut lines) = (false, 0, Vec::new());
        for record in records {
            if let Record::Done(done) = &record {
                (converged, steps) = (done.reason == "stop-loss", done.steps);
            }
            if record.is_portable() && !matches!(record, Record::Run(_)) {
                // A record that was read or made fits into a line.
                lines.extend(record.into_line().map(|line| line.as_str().to_owned()));
            }
        }
        Self { lines, score: Score { steps, converged, test } }
    }
}

/// The first thing in which host and chip differ.
pub fn difference(cell: &Cell, host: &Finding, chip: &Finding) -> String {
    let none = || "(no line)".to_owned();
    let pairs = 0..host.lines.len().max(chip.lines.len());
    let line = |result: &Finding, i: usize| result.lines.get(i).cloned().unwrap_or_else(none);
    let lines = pairs.map(|i| (line(host, i), line(chip, i))).find(|(host, chip)| host != chip);
    let (host, chip) = lines.unwrap_or_else(|| (format!("{:?}", host.score.test), format!("{:?}", chip.score.test)));
    format!("N={} SNR={} seed {}: host and chip DIFFER\n  host: {host}\n  chip: {chip}", cell.n, cell.snr, cell.seed)
}
