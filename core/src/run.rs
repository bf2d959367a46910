//! A preset from its first line to its last: the program that host and chip both run.

use crate::data::{DataError, Dataset, Form, Synthetic};
use crate::math;
use crate::memory::Memory;
use crate::params::Tensor;
use crate::presets::{Preset, Run};
use crate::report::{DigestLine, Done, Hello, PROTOCOL, Record, RunHeader, Work, error_code};
use crate::rng::Purpose;
use crate::train::{TrainError, Trainer};
use crate::wire::{Digest, word};

/// Where a run meets the world: lines go out, time comes in.
pub trait Port {
    /// Why a line could not be sent. A chip that never fails uses [`core::convert::Infallible`].
    type Error;

    /// Sends one record.
    ///
    /// # Errors
    ///
    /// Ends the run at once.
    fn emit(&mut self, record: Record) -> Result<(), Self::Error>;

    /// A counter that runs upwards and wraps; 0 where there is none.
    fn ticks(&mut self) -> u32;
}

/// Does all runs of `preset` inside `memory` and reports them. Returns how many runs failed: a failed
/// run is an `error` record, and the next one still starts.
///
/// # Errors
///
/// What the port answers.
pub fn run_preset<S: Memory, P: Port>(preset: &Preset, memory: &mut S, port: &mut P) -> Result<u32, P::Error> {
    let shape = memory.shape();
    port.emit(Record::Hello(Hello {
        protocol: PROTOCOL,
        engine: word(crate::VERSION),
        math: word(math::NAME),
        preset: word(preset.name),
        tokens: shape.tokens as u64,
        dim: shape.dim as u64,
        head: shape.head as u64,
        value: shape.value as u64,
        memory_bytes: shape.bytes().unwrap_or_default() as u64,
    }))?;
    let mut failed = 0;
    for run in preset.runs {
        let mut progress = Progress::default();
        let reason = match one_run(run, memory, port, &mut progress) {
            Ok(reason) => reason,
            Err(Stop::Port(error)) => return Err(error),
            Err(Stop::Train(error)) => {
                failed += 1;
                port.emit(Record::Error(progress.steps.into(), error_code(error)))?;
                "error"
            }
        };
        port.emit(Record::Done(Done {
            reason: word(reason),
            steps: progress.steps.into(),
            train_loss: progress.train_loss,
        }))?;
        port.emit(Record::Work(Work {
            steps: progress.steps.into(),
            macs_per_step: shape.step_macs(run.samples) as u64,
            ticks: progress.ticks,
        }))?;
    }
    port.emit(Record::Bye(preset.runs.len() as u64, failed.into()))?;
    Ok(failed)
}

/// What a run leaves behind, also when it fails.
#[derive(Default)]
struct Progress {
    steps: u32,
    train_loss: Option<f32>,
    ticks: u64,
}

/// Why a run ended early.
enum Stop<E> {
    Train(TrainError),
    Port(E),
}

impl<E> From<TrainError> for Stop<E> {
    #[inline]
    fn from(error: TrainError) -> Self {
        Self::Train(error)
    }
}

impl<E> From<DataError> for Stop<E> {
    #[inline]
    fn from(error: DataError) -> Self {
        Self::Train(error.into())
    }
}

/// The stop rule of the paper: after each step, stop if the loss BEFORE it was below `stop_loss`.
fn one_run<S: Memory, P: Port>(
    run: &Run,
    memory: &mut S,
    port: &mut P,
    progress: &mut Progress,
) -> Result<&'static str, Stop<P::Error>> {
    let shape = memory.shape();
    let size = (shape.tokens, shape.dim);
    port.emit(header(run, shape.dim)).map_err(Stop::Port)?;
    let mut train = Synthetic::new(run.distribution, size, run.samples, run.seed, Purpose::Train)?;
    let mut test = Synthetic::new(run.distribution, size, run.test_samples, run.seed, Purpose::Test)?;
    for (what, data) in [("train", &mut train), ("test", &mut test)] {
        let digest = data_digest(memory, data)?;
        let line = DigestLine { what: word(what), step: 0, digest };
        port.emit(Record::Digest(line)).map_err(Stop::Port)?;
    }
    let mut trainer = Trainer::new(memory, run.settings)?;
    trainer.init(run.init, run.seed)?;
    port.emit(weights_digest(&mut trainer, 0)).map_err(Stop::Port)?;
    examine(&mut trainer, &mut train, &mut test, 0, port)?;

    while progress.steps < run.max_steps {
        let start = port.ticks();
        let report = trainer.step(&mut train)?;
        progress.ticks += u64::from(port.ticks().wrapping_sub(start));
        progress.steps = report.step;
        progress.train_loss = Some(report.train_loss);
        port.emit(Record::Step(report)).map_err(Stop::Port)?;
        let stop = report.train_loss < run.stop_loss;
        let last = stop || report.step == run.max_steps;
        if last || report.step.is_multiple_of(run.eval_every) {
            examine(&mut trainer, &mut train, &mut test, report.step, port)?;
        }
        if stop {
            break;
        }
    }
    port.emit(weights_digest(&mut trainer, progress.steps)).map_err(Stop::Port)?;
    let stopped = progress.train_loss.is_some_and(|loss| loss < run.stop_loss);
    Ok(if stopped { "stop-loss" } else { "max-steps" })
}

#[inline]
fn header(run: &Run, dim: usize) -> Record {
    let form = match run.distribution.form {
        Form::Paper { .. } => "paper",
        Form::Uniform { .. } => "uniform",
    };
    Record::Run(RunHeader {
        name: word(run.name),
        form: word(form),
        samples: run.samples as u64,
        test_samples: run.test_samples as u64,
        seed: run.seed,
        signal_norm: run.distribution.signal_norm,
        snr: run.distribution.snr(dim),
        flip: run.distribution.flip,
        learning_rate: run.settings.learning_rate,
        stop_loss: run.stop_loss,
        max_steps: run.max_steps.into(),
        train_output: run.settings.train_output.into(),
    })
}

/// Tests the model and follows the paper's quantities on training sample 0.
fn examine<S: Memory, P: Port>(
    trainer: &mut Trainer<S>,
    train: &mut Synthetic,
    test: &mut Synthetic,
    step: u32,
    port: &mut P,
) -> Result<(), Stop<P::Error>> {
    let eval = Record::eval(step, trainer.evaluate(train)?, trainer.evaluate(test)?);
    port.emit(eval).map_err(Stop::Port)?;
    let tracked = trainer.track(train, 0)?;
    port.emit(Record::Track(step.into(), tracked)).map_err(Stop::Port)
}

fn weights_digest<S: Memory>(trainer: &mut Trainer<S>, step: u32) -> Record {
    let mut digest = Digest::new();
    let params = trainer.params();
    for tensor in Tensor::ALL {
        digest.update(params.tensor(tensor).data());
    }
    Record::Digest(DigestLine { what: word("weights"), step: step.into(), digest: digest.finish() })
}

/// Digest of every token and label of a data set.
fn data_digest<S: Memory>(memory: &mut S, data: &mut impl Dataset) -> Result<u32, DataError> {
    let mut x = memory.workspace().acts.x;
    let mut digest = Digest::new();
    for n in 0..data.samples() {
        let label = data.read(n, x.reborrow())?;
        digest.update(x.view().data());
        digest.update(&[label.sign()]);
    }
    Ok(digest.finish())
}
