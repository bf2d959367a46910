//! What `mote device train` says and writes.

use crate::client::chip::{Client, Traffic};
use crate::client::fault::ChipError;
use crate::formats::summary::Summary;
use crate::formats::weights;
use crate::learn::job::{HeldSets, Job, LearnArgs, Learned};
use mote_core::memory::{Heap, Memory};
use mote_core::metrics::Evaluation;
use mote_core::shape::Shape;
use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::time::Instant;

/// What is about to happen.
///
/// # Errors
///
/// If the chip has never said who it is.
pub fn opening(client: &Client, job: &Job, held: HeldSets) -> Result<String, ChipError> {
    let chip = client.chip()?;
    let shape = chip.shape();
    let sample = shape.tokens * shape.dim + 1;
    let room = chip.limits.samples;
    let way = |is_held: bool, count: usize| {
        let why = if count as u64 > room { format!(" (it holds at most {room})") } else { String::new() };
        // On the line, a little more: checksums and positions.
        if is_held { "held in its RAM".into() } else { format!("streamed, {} bytes a pass{why}", 4 * count * sample) }
    };
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
        way(held.train, job.plan.samples)
    );
    if job.plan.test_samples > 0 {
        let _ = write!(text, "; {} test samples, {}", job.plan.test_samples, way(held.test, job.plan.test_samples));
    }
    Ok(text)
}

/// A file to write: its name, and what is in it.
pub type File = (&'static str, Vec<u8>);

/// What was asked for.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The options.
    pub args: &'a LearnArgs,
    /// What they came to.
    pub job: &'a Job,
    /// Where the samples were.
    pub held: HeldSets,
    /// When the chip began.
    pub start: Instant,
}

/// What a chip had learned when it was interrupted after `steps` steps; `memory` is used for the weights.
///
/// # Errors
///
/// If the weights are larger than their format holds.
pub fn interrupted(
    request: Request,
    steps: u32,
    weights: &[f32],
    losses: &BTreeMap<u32, f32>,
    client: &Client,
    memory: &mut Heap,
) -> anyhow::Result<Vec<File>> {
    let board = board(client);
    let summary =
        Summary { ended: "interrupted", steps, ..summary(request, memory.shape(), &board, client.traffic, losses) };
    files(weights, losses, &summary, memory)
}

fn board(client: &Client) -> String {
    client.chip().map(|chip| chip.board.name.as_str().to_owned()).unwrap_or_default()
}

fn files(
    weights: &[f32],
    losses: &BTreeMap<u32, f32>,
    summary: &Summary,
    memory: &mut Heap,
) -> anyhow::Result<Vec<File>> {
    memory.workspace().params.set_row(weights);
    let mut curve = String::from("step,train_loss\n");
    for (step, loss) in losses {
        let _ = writeln!(curve, "{step},{loss}");
    }
    let summary = format!("{}\n", serde_json::to_string_pretty(summary)?);
    let weights = weights::to_bytes(&memory.workspace().params)?;
    Ok(vec![("weights.npz", weights), ("curve.csv", curve.into_bytes()), ("summary.json", summary.into_bytes())])
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

/// What was asked for, and nothing of what came of it but what was sent and heard.
fn summary<'a>(
    request: Request<'a>,
    shape: Shape,
    board: &'a str,
    traffic: Traffic,
    losses: &BTreeMap<u32, f32>,
) -> Summary<'a> {
    let Request { args, job, held, start } = request;
    let test = args.test.as_deref().zip(job.test.as_ref().map(|(samples, _)| samples));
    Summary {
        board: Some(board),
        init: args.init.as_ref().map(|path| path.display().to_string()),
        seed: args.init.is_none().then_some(args.seed),
        training_set: Some(if held.train { "held" } else { "streamed" }),
        learning_rate: job.plan.settings.learning_rate,
        train_output: job.plan.settings.train_output,
        stop_loss: Some(job.plan.stop_loss),
        max_steps: job.plan.max_steps,
        initial_train_loss: losses.get(&1).copied(),
        bytes_to_chip: Some(traffic.up),
        bytes_from_chip: Some(traffic.down),
        seconds: start.elapsed().as_secs_f64(),
        ..Summary::of(shape, (&args.data, &job.train.0), test)
    }
}

impl<'l> Outcome<'l> {
    /// What both sides have learned.
    pub fn new(host: &'l Learned, chip: &'l Learned, client: &Client) -> Self {
        Self { host, chip, board: board(client), traffic: client.traffic, noise: client.noise }
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
    pub fn files(&self, request: Request, memory: &mut Heap) -> anyhow::Result<Vec<File>> {
        let chip = self.chip;
        let summary = Summary {
            ended: &chip.reason,
            steps: chip.steps,
            final_train_loss: Some(chip.on_train.loss),
            final_train_error: Some(chip.on_train.error),
            final_test_loss: chip.on_test.map(|test| test.loss),
            final_test_error: chip.on_test.map(|test| test.error),
            equal_to_host: Some(self.is_equal()),
            ..summary(request, memory.shape(), &self.board, self.traffic, &chip.losses)
        };
        files(&chip.weights, &chip.losses, &summary, memory)
    }
}

fn bits(figures: &Evaluation) -> [u32; 3] {
    [figures.loss, figures.error, figures.attention].map(f32::to_bits)
}

impl fmt::Display for Outcome<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let steps = self.chip.steps;
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
