//! The same run on this machine: what a chip that learns must arrive at, bit for bit.

use crate::formats::samples::Samples;
use mote_core::data::{DataError, Dataset, Distribution, Form, InMemory, Label, Split};
use mote_core::matrix::MatrixMut;
use mote_core::memory::{Heap, Memory};
use mote_core::metrics::{Evaluation, ScoreSums};
use mote_core::model::Model;
use mote_core::params::Init;
use mote_core::train::TrainError;
use mote_protocol::decimal::{write_f32, write_hex};
use mote_protocol::report::Record;
use mote_runtime::runs::plan::{Plan, Source, Start, SyntheticPair};
use mote_runtime::runs::port::ReportPort;
use mote_runtime::runs::training_run::TrainingRun;
use std::convert::Infallible;
use std::fmt::Write;

/// Training and test samples from files.
#[derive(Debug)]
pub struct Files<'f> {
    train: InMemory<'f>,
    test: Option<InMemory<'f>>,
}

impl<'f> Files<'f> {
    /// The samples of two files.
    pub fn new(train: &'f (Samples, Vec<Label>), test: Option<&'f (Samples, Vec<Label>)>) -> Self {
        let dataset = |(samples, labels): &'f (Samples, Vec<Label>)| samples.dataset(labels);
        Self { train: dataset(train), test: test.map(dataset) }
    }
}

impl Source for Files<'_> {
    fn read(&mut self, split: Split, n: usize, x: MatrixMut) -> Result<Label, DataError> {
        match split {
            Split::Train => self.train.read(n, x),
            Split::Test => self.test.as_mut().ok_or(DataError::Empty)?.read(n, x),
        }
    }
}

/// Keeps the records of a run.
struct Records(Vec<Record>);

impl ReportPort for Records {
    type Error = Infallible;

    fn emit(&mut self, record: Record) -> Result<(), Infallible> {
        self.0.push(record);
        Ok(())
    }

    fn ticks(&mut self) -> u32 {
        0
    }
}

/// Runs a plan; the records it makes, behind `run`.
pub fn run(memory: &mut Heap, plan: Plan, source: &mut impl Source) -> Vec<Record> {
    run_while(memory, plan, source, || true)
}

/// The same, as long as it may go on: asked after each sample.
pub fn run_while(memory: &mut Heap, plan: Plan, source: &mut impl Source, goes_on: impl Fn() -> bool) -> Vec<Record> {
    let (mut training, mut records) = (TrainingRun::new(plan), Records(Vec::new()));
    while goes_on() {
        let Ok(has_more) = training.advance(memory, source, &mut records);
        if !has_more {
            break;
        }
    }
    records.0
}

/// Tests the model in `memory` on the first `count` samples of a set.
///
/// # Errors
///
/// What the source answers; a loss that is not finite.
pub fn score(
    memory: &mut Heap,
    source: &mut impl Source,
    split: Split,
    count: usize,
) -> Result<Evaluation, TrainError> {
    let mut scores = ScoreSums::default();
    let mut model = Model::new(memory);
    for n in 0..count {
        let (y, f, attention) = model.score_sample(n == 0, |x| source.read(split, n, x))?;
        scores.add(y, f, attention);
    }
    scores.evaluation().ok_or(TrainError::LossNotFinite)
}

/// All weights, in the order of their digest.
pub fn weights(memory: &mut Heap) -> Vec<f32> {
    memory.workspace().params.row().collect()
}

/// A number as a command says it: exact.
fn real(x: f32) -> String {
    let mut text = String::new();
    // Writing into a string never fails.
    let _ =
        write_f32(&mut text, x).and_then(|()| text.write_char(':')).and_then(|()| write_hex(&mut text, x.to_bits()));
    text
}

/// The keys of `train` and `eval` that say what data is made from.
pub fn data_keys(distribution: &Distribution, samples: usize, seed: u64) -> String {
    let Distribution { form, signal_norm, flip } = *distribution;
    let form = match form {
        Form::Uniform { sigma } => format!("form=uniform sigma={}", real(sigma)),
        Form::Paper { big, small } => format!("form=paper big={} small={}", real(big), real(small)),
    };
    let flip = if flip == 0.0 { String::new() } else { format!(" flip={}", real(flip)) };
    format!("{form} n={samples} signal={}{flip} seed={seed}", real(signal_norm))
}

/// The keys of `train` that say how a run goes.
pub fn plan_keys(plan: &Plan) -> String {
    let init = match plan.start {
        Start::Fresh(Init::Gaussian { query_key_std, value_std }, _) => {
            format!("gaussian qk_std={} v_std={}", real(query_key_std), real(value_std))
        }
        Start::Fresh(Init::FanIn { divisor }, _) => format!("fan-in divisor={}", real(divisor)),
        Start::Keep(..) => "keep".into(),
    };
    let Plan { settings, max_steps, eval_every, report_every, .. } = plan;
    let output = if settings.train_output { " train_output=1" } else { "" };
    format!(
        "init={init} lr={} steps={max_steps} stop_loss={} eval={eval_every} report={report_every}{output}",
        real(settings.learning_rate),
        real(plan.stop_loss)
    )
}

/// Data made from a seed, on this side.
///
/// # Errors
///
/// As [`SyntheticPair::new`].
pub fn made(
    distribution: Distribution,
    memory: &Heap,
    counts: (usize, usize),
    seed: u64,
) -> Result<SyntheticPair, DataError> {
    let shape = memory.shape();
    SyntheticPair::new(distribution, (shape.tokens, shape.dim), counts, seed)
}
