//! A preset on an emulated board, every line compared with this machine.

use crate::base::error::{Interrupted, quoted};
use crate::base::progress::{self, Interrupt};
use crate::board::build::{self, Firmware};
use crate::board::machine::Machine;
use crate::board::{elf_sizes, provision};
use crate::emulator::qemu::{self, Emulator, Output};
use crate::reference::compare::Comparison;
use anyhow::{Context, ensure};
use indicatif::ProgressBar;
use mote_protocol::report::{Record, Stack};
use mote_protocol::wire::MARK;
use mote_runtime::runs::presets::Preset;
use std::path::Path;
use std::time::{Duration, Instant};

/// What a run on a board gave.
#[derive(Debug)]
pub struct RunResult {
    /// The records that the board's lines say.
    pub records: Vec<Record>,
    /// The comparison with this machine.
    pub comparison: Comparison,
    /// Flash and RAM of the firmware.
    pub sizes: elf_sizes::Sizes,
    /// Steps in a second of this machine, emulator and serial port included.
    pub steps_per_second: f64,
    /// Instructions and multiply-accumulates of all steps, where the board can count.
    pub work: Option<Work>,
}

/// What the steps cost the chip.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Work {
    /// Steps done.
    pub steps: u64,
    /// Instructions in a step, training data regenerated.
    pub instructions_per_step: f64,
    /// Instructions in a step per multiply-accumulate.
    pub instructions_per_mac: f64,
}

/// What to run where.
#[derive(Clone, Debug)]
pub struct RunSpec {
    /// The board.
    pub machine: &'static Machine,
    /// The preset.
    pub preset: Preset,
    /// micromath on the chip.
    pub fast_math: bool,
    /// When the emulator is stopped.
    pub deadline: Duration,
    /// Whether what is missing may be installed.
    pub install: bool,
}

/// Builds, runs and compares. Every line goes to `lines` and `each` as it arrives, and is in `lines` whatever
/// happens then. Lines that are not of the protocol are passed on and not compared.
///
/// # Errors
///
/// Missing tools, a build or a run that fails, a panic or fault of the board, [`Interrupted`]. Lines that differ are
/// not an error here: they stand in the comparison.
pub fn run(
    plan: &RunSpec,
    quiet: bool,
    lines: &mut Vec<String>,
    each: impl FnMut(&str) -> anyhow::Result<()>,
) -> anyhow::Result<RunResult> {
    run_built(plan, &prepare(plan, quiet)?, quiet, lines, each)
}

/// As [`run`], with firmware that is built already.
///
/// # Errors
///
/// As [`run`].
pub fn run_built(
    plan: &RunSpec,
    firmware: &Firmware,
    quiet: bool,
    lines: &mut Vec<String>,
    mut each: impl FnMut(&str) -> anyhow::Result<()>,
) -> anyhow::Result<RunResult> {
    let name = plan.machine.name;
    let sizes = elf_sizes::of_elf(&firmware.elf)?;
    let interrupt = Interrupt::current();
    let expected = crate::reference::preset_run::host_lines(&plan.preset)?;
    let bar = step_bar(&plan.preset, plan.machine, quiet);
    let mut emulator = Emulator::start(plan.machine, &firmware.elf, plan.deadline)?;
    let (mut records, mut last_words) = (Vec::new(), None);
    let (start, mut steps) = (Instant::now(), 0u32);
    loop {
        if interrupt.is_raised() {
            return Err(Interrupted { done: format!("step {steps}"), saved: None }.into());
        }
        let line = match emulator.listen()? {
            Output::Line(line) => line,
            Output::Nothing => continue,
            Output::End => break,
        };
        lines.push(line.clone());
        bar.suspend(|| each(&line))?;
        if !line.starts_with(MARK) {
            last_words = Some(line);
            continue;
        }
        let record = Record::parse(&line).with_context(|| format!("{name} said: {}", quoted(&line)))?;
        if let Record::Step(report) = record {
            steps += 1;
            bar.inc(1);
            bar.set_message(format!("loss {:.4}", report.train_loss));
        }
        records.push(record);
    }
    let seconds = start.elapsed().as_secs_f64();
    bar.finish_and_clear();
    let status = emulator.wait()?;
    let words = last_words.map_or(String::new(), |line| format!(", saying: {}", quoted(&line)));
    ensure!(status == 0, "{name} ended with status {status}{words}");
    let comparison = Comparison::new(&expected, lines)?;
    let work = Work::read(&records);
    Ok(RunResult { records, comparison, sizes, steps_per_second: f64::from(steps) / seconds, work })
}

/// Everything there is before the first line: tools and firmware.
fn prepare(plan: &RunSpec, quiet: bool) -> anyhow::Result<Firmware> {
    provision::ensure([plan.machine.target], true, plan.install)?;
    let what = format!("building the firmware for {} ({})", plan.machine.name, plan.machine.core);
    let spinner = progress::spinner(what, quiet);
    let firmware = build::build(plan.machine, plan.preset.name, plan.fast_math);
    spinner.finish_and_clear();
    firmware
}

fn step_bar(preset: &Preset, machine: &Machine, quiet: bool) -> ProgressBar {
    let most: u64 = preset.runs.iter().map(|run| u64::from(run.max_steps)).sum();
    progress::bar(most, machine.name, quiet)
}

impl Work {
    fn read(records: &[Record]) -> Option<Self> {
        let tick_hz = records.iter().find_map(|record| match record {
            Record::Board(board) if board.tick_hz > 0 => Some(board.tick_hz as f64),
            _ => None,
        })?;
        // The emulator takes 2^7 ns for every instruction; see `link`.
        let instructions_per_tick = 1e9 / tick_hz / qemu::NANOSECONDS_PER_INSTRUCTION;
        let (mut steps, mut instructions, mut macs) = (0, 0.0, 0.0);
        for record in records {
            if let Record::Work(work) = record {
                steps += work.steps;
                instructions += work.ticks as f64 * instructions_per_tick;
                macs += (work.steps * work.macs_per_step) as f64;
            }
        }
        (steps > 0).then(|| Self {
            steps,
            instructions_per_step: instructions / steps as f64,
            instructions_per_mac: instructions / macs,
        })
    }
}

impl RunResult {
    /// The stack that the run took, as the board painted it.
    pub fn stack(&self) -> Option<&Stack> {
        self.records.iter().find_map(|record| match record {
            Record::Stack(stack) => Some(stack),
            _ => None,
        })
    }

    /// Size and cost, in two lines.
    pub fn summary(&self, machine: &Machine) -> String {
        let sizes = &self.sizes;
        let mut text = format!(
            "{} ({}): {} bytes of flash, {} bytes of static RAM",
            machine.name, machine.core, sizes.flash, sizes.ram
        );
        if let Some(stack) = self.stack() {
            text += &format!(", {} bytes of stack", stack.used);
        }
        if let Some(work) = &self.work {
            text += &format!(
                "\nguest work: {} steps, {:.0} instructions a step, {:.2} per multiply-accumulate, data regenerated",
                work.steps, work.instructions_per_step, work.instructions_per_mac
            );
        }
        text + &format!(
            "\n{:.0} steps per second in the emulator on this machine, tests and serial port included",
            self.steps_per_second
        )
    }
}

/// The lines of a board as the contents of a file.
pub fn to_log(lines: &[String]) -> String {
    lines.iter().map(|line| line.clone() + "\n").collect()
}

/// An interruption, knowing where the lines went.
pub fn saved_in(mut error: anyhow::Error, path: Option<&Path>) -> anyhow::Error {
    if let Some(interrupted) = error.downcast_mut::<Interrupted>() {
        interrupted.saved = path.map(Path::to_owned);
    }
    error
}
