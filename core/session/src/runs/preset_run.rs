//! A preset from its first line to its last: the program that host and chip both run.

use crate::runs::plan::{Plan, Start, SyntheticPair};
use crate::runs::port::ReportPort;
use crate::runs::presets::{Preset, PresetRun};
use crate::runs::training_run::TrainingRun;
use mote_core::data::Form;
use mote_core::math;
use mote_core::memory::Memory;
use mote_core::shape::Shape;
use mote_protocol::report::{Hello, PROTOCOL, Record, RunHeader};
use mote_protocol::wire::to_name;

/// Does all runs of `preset` inside `memory` and reports them. Returns how many runs failed: a failed
/// run is an `error` record, and the next one still starts.
///
/// # Errors
///
/// What the port answers.
pub fn run_preset<S: Memory, P: ReportPort>(preset: &Preset, memory: &mut S, port: &mut P) -> Result<u32, P::Error> {
    let shape = memory.shape();
    port.emit(Record::Hello(hello(preset.name, shape)))?;
    let mut failed = 0;
    for run in preset.runs {
        port.emit(header(run, shape.dim))?;
        let mut training = TrainingRun::new(plan(run));
        let (size, counts) = ((shape.tokens, shape.dim), (run.samples, run.test_samples));
        match SyntheticPair::new(run.distribution, size, counts, run.seed) {
            Ok(mut source) => while training.advance(memory, &mut source, port)? {},
            Err(error) => training.fail(error.into(), memory, port)?,
        }
        failed += u32::from(training.has_failed());
    }
    port.emit(Record::Bye(preset.runs.len() as u64, failed.into()))?;
    Ok(failed)
}

/// Who speaks, of which model.
#[inline]
pub(crate) fn hello(preset: &str, shape: Shape) -> Hello {
    Hello {
        protocol: PROTOCOL,
        engine: to_name(mote_core::VERSION),
        math: to_name(math::NAME),
        preset: to_name(preset),
        tokens: shape.tokens as u64,
        dim: shape.dim as u64,
        head: shape.head as u64,
        value: shape.value as u64,
        memory_bytes: shape.bytes().unwrap_or_default() as u64,
    }
}

/// The plan of a run of a preset.
#[inline]
pub fn plan(run: &PresetRun) -> Plan {
    Plan {
        samples: run.samples,
        test_samples: run.test_samples,
        start: Start::Fresh(run.init, run.seed),
        settings: run.settings,
        stop_loss: run.stop_loss,
        max_steps: run.max_steps,
        eval_every: run.eval_every,
        report_every: 1,
    }
}

#[inline]
fn header(run: &PresetRun, dim: usize) -> Record {
    let form = match run.distribution.form {
        Form::Paper { .. } => "paper",
        Form::Uniform { .. } => "uniform",
    };
    Record::Run(RunHeader {
        name: to_name(run.name),
        form: to_name(form),
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
