//! `mote device train`: a chip learns from a file, and must arrive where this machine arrives.

use crate::base::files::OutFolder;
use crate::base::progress::{self, Interrupt, print_line};
use crate::client::fault::ChipError;
use crate::client::open;
use crate::learn::job::{HeldSets, Job, LearnArgs};
use crate::learn::remarks;
use crate::learn::report::{self, Outcome, Request};
use crate::learn::save_interrupted;
use anyhow::ensure;
use indicatif::ProgressBar;
use mote_core::memory::Memory;
use std::collections::BTreeMap;
use std::time::Instant;

/// `mote device train`.
///
/// # Errors
///
/// [`InputError`](crate::base::error::InputError) for options and files; whatever ends the conversation; a chip that
/// arrives elsewhere.
pub fn learn(args: &LearnArgs, quiet: bool) -> anyhow::Result<()> {
    let files = Job::files(args)?;
    if let Some((machine, model)) = args.chip.emulated()? {
        // Before the firmware is built, which takes many seconds.
        Job::check(args, &files, model.shape, machine.name)?;
    }
    remarks::tell(args.steps, args.lr, quiet);
    let interrupt = Interrupt::current();
    let mut client = args.chip.open(interrupt, quiet)?;
    let mut memory = open::reference_memory(&client)?;
    let job = Job::new(args, files, memory.shape(), &client.port())?;
    let out = OutFolder::open(&args.out)?;
    let held = HeldSets::choose(&job, client.chip()?.limits.samples as usize, args.stream);
    if !quiet {
        print_line(report::opening(&client, &job, held)?)?;
    }
    let spinner = progress::spinner("the same run on this machine, for comparison".into(), quiet);
    let host = job.on_host(&mut memory, || !interrupt.is_raised())?;
    spinner.finish_and_clear();
    client.restart_deadline();
    let bar = progress::bar(u64::from(job.plan.max_steps), &client.port(), quiet);
    let request = Request { args, job: &job, held, start: Instant::now() };
    let mut losses = BTreeMap::new();
    let learned = job.on_chip(&mut client, held, &host, |step, loss| {
        if step == 1 {
            // Begun anew, after a reset.
            losses.clear();
        }
        losses.insert(step, loss);
        tell(&bar, step, loss);
    });
    bar.finish_and_clear();
    let chip = match learned {
        Err(ChipError::Interrupted) => {
            return Err(save_interrupted::save_interrupted(request, &mut client, losses, &mut memory, &out));
        }
        other => other?,
    };
    let outcome = Outcome::new(&host, &chip, &client);
    let files = outcome.files(request, &mut memory)?;
    for (name, bytes) in &files {
        out.write(name, bytes)?;
    }
    print_line(&outcome)?;
    if !quiet {
        let names: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
        print_line(format_args!("saved in {}: {}", out.path().display(), names.join(" ")))?;
    }
    ensure!(outcome.is_equal(), "host and chip differ");
    Ok(())
}

fn tell(bar: &ProgressBar, step: u32, loss: f32) {
    bar.set_position(step.into());
    bar.set_message(format!("loss {loss:.4}"));
}
