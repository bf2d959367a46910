//! `mote device`: firmware built, run on an emulated board, and every line compared with this machine.

pub mod build;
pub mod compare;
pub mod link;
pub mod machine;
pub mod provision;
pub mod sizes;

use crate::cli::{self, DeviceArgs};
use crate::files::write_atomically;
use crate::progress::{self, Interrupt};
use anyhow::{Context, bail, ensure};
use build::Firmware;
use compare::Comparison;
use indicatif::ProgressBar;
use machine::Machine;
use mote_core::presets::Preset;
use mote_core::report::Record;
use std::time::{Duration, Instant};

/// What a run on a board gave.
#[derive(Debug)]
pub struct Session {
    /// Every line of the board.
    pub lines: Vec<String>,
    /// The records they say.
    pub records: Vec<Record>,
    /// The comparison with this machine.
    pub comparison: Comparison,
    /// Flash and RAM of the firmware.
    pub sizes: sizes::Sizes,
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
pub struct Plan {
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

/// `mote device`.
///
/// # Errors
///
/// Unknown names, missing tools, a build or a run that fails, and any line that differs.
pub fn device(args: &DeviceArgs, quiet: bool) -> anyhow::Result<()> {
    let machine = machine::by_name(&args.machine)?;
    let plan = Plan {
        machine,
        preset: cli::preset(args.preset.as_deref().unwrap_or(machine.preset))?,
        fast_math: args.fast_math,
        deadline: Duration::from_secs(args.deadline),
        install: !args.no_install,
    };
    if args.fast_math != cfg!(feature = "fast-math") {
        bail!(
            "--fast-math compares with a mote built the same way: cargo run --release --package mote-host \
             --features fast-math --bin mote -- device --fast-math ..."
        );
    }
    let session = run(&plan, quiet, |line| {
        if !quiet {
            println!("{line}");
        }
    })?;
    if let Some(path) = &args.log {
        write_atomically(path, (session.lines.join("\n") + "\n").as_bytes())?;
    }
    println!("{}", session.summary(machine));
    println!("{}", session.comparison);
    ensure!(session.comparison.is_equal(), "host and chip differ");
    Ok(())
}

/// Builds, runs and compares; `each` sees every line as it arrives.
///
/// # Errors
///
/// Missing tools, a build or a run that fails. Lines that differ are not an error here: they stand in
/// the comparison.
pub fn run(plan: &Plan, quiet: bool, mut each: impl FnMut(&str)) -> anyhow::Result<Session> {
    let firmware = prepare(plan, quiet)?;
    let sizes = sizes::of_elf(&firmware.elf)?;
    let interrupt = Interrupt::install()?;
    let expected = crate::report::host_lines(&plan.preset)?;
    let bar = step_bar(&plan.preset, plan.machine, quiet);
    let mut emulator = link::Emulator::start(plan.machine, &firmware.elf, plan.deadline)?;
    let (mut lines, mut records) = (Vec::new(), Vec::new());
    let (start, mut steps) = (Instant::now(), 0u32);
    while let Some(line) = emulator.next_line()? {
        ensure!(!interrupt.is_raised(), "interrupted");
        bar.suspend(|| each(&line));
        let record = Record::parse(&line).with_context(|| format!("{} said: {line}", plan.machine.name))?;
        if let Record::Step(report) = record {
            steps += 1;
            bar.inc(1);
            bar.set_message(format!("loss {:.4}", report.train_loss));
        }
        lines.push(line);
        records.push(record);
    }
    let seconds = start.elapsed().as_secs_f64();
    bar.finish_and_clear();
    let status = emulator.wait()?;
    let comparison = Comparison::new(&expected, &lines)?;
    ensure!(status == 0, "{} ended with status {status}; {comparison}", plan.machine.name);
    let work = Work::read(&records);
    Ok(Session { lines, records, comparison, sizes, steps_per_second: f64::from(steps) / seconds, work })
}

/// Everything there is before the first line: tools and firmware.
fn prepare(plan: &Plan, quiet: bool) -> anyhow::Result<Firmware> {
    provision::ensure_target(plan.machine.target, plan.install)?;
    provision::ensure_qemu(plan.install)?;
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
        let instructions_per_tick = 1e9 / tick_hz / link::NANOSECONDS_PER_INSTRUCTION;
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

impl Session {
    /// Size and cost, in two lines.
    pub fn summary(&self, machine: &Machine) -> String {
        let sizes = &self.sizes;
        let mut text = format!(
            "{} ({}): {} bytes of flash, {} bytes of static RAM",
            machine.name, machine.core, sizes.flash, sizes.ram
        );
        if let Some(work) = &self.work {
            text += &format!(
                "\nguest work: {} steps, {:.0} instructions a step, {:.2} per multiply-accumulate, data regenerated",
                work.steps, work.instructions_per_step, work.instructions_per_mac
            );
        }
        text + &format!(
            "\n{:.0} steps a second in the emulator on this machine, tests and serial port included",
            self.steps_per_second
        )
    }
}
