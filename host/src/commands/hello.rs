//! `mote device hello`, and a preset run through typed commands on a chip that obeys them.

use crate::base::error::InputError;
use crate::base::names;
use crate::base::progress::{Interrupt, print_line};
use crate::board::model::letters;
use crate::client::chip::Client;
use crate::client::fault::ChipError;
use crate::client::open::{self, ChipArgs};
use crate::reference::compare::Comparison;
use crate::reference::session;
use anyhow::ensure;
use mote_protocol::report::Record;
use mote_runtime::runs::presets::{self, Preset};

/// `mote device hello`: who is there, what it can take, where it stands.
///
/// # Errors
///
/// Whatever keeps the chip from answering.
pub fn hello(args: &ChipArgs, quiet: bool) -> anyhow::Result<()> {
    let mut client = args.open(Interrupt::current(), quiet)?;
    let state = client.status()?;
    let chip = client.chip()?;
    let (hello, board, limits) = (&chip.hello, &chip.board, &chip.limits);
    print_line(format_args!(
        "{} ({}) on {}: mote {}, protocol {}, {}",
        board.name,
        board.core,
        client.port(),
        hello.engine,
        hello.protocol,
        hello.math
    ))?;
    print_line(format_args!(
        "model: M={} D={} H={} V={}, {} weights, {} bytes of working memory",
        hello.tokens, hello.dim, hello.head, hello.value, limits.weights, hello.memory_bytes
    ))?;
    print_line(format_args!("room for {} samples of {} numbers in RAM", limits.samples, limits.sample_numbers))?;
    print_line(format_args!(
        "now: {}, step {}, weights {:08x}, {} training and {} test samples held",
        state.activity, state.step, state.weights, state.train, state.test
    ))
}

/// Attempts after accidents on the line.
const RETRIES: u32 = 5;

/// `mote device --port`: the runs of a preset on a chip, by commands; every line is compared with this machine.
///
/// # Errors
///
/// A preset of another shape; whatever ends the conversation; any line that differs.
pub fn run_preset(args: &ChipArgs, preset: Option<&str>, quiet: bool) -> anyhow::Result<()> {
    let mut client = args.open(Interrupt::current(), quiet)?;
    let preset = choose(&client, preset)?;
    let (mut host, mut found) = (Vec::new(), Vec::new());
    let mut memory = open::reference_memory(&client)?;
    for run in preset.runs {
        let plan = mote_runtime::runs::preset_run::plan(run);
        let data = session::data_keys(&run.distribution, run.samples, run.seed);
        let command = format!("train name={} {data} test={} {}", run.name, run.test_samples, session::plan_keys(&plan));
        let (mut said, mut lines) = (Ok(()), Vec::new());
        client.retry(RETRIES, |client| {
            client.stop()?;
            lines.clear();
            let noise = client.noise;
            client.train(&command, None, |record| {
                let Ok(line) = record.clone().into_line() else { return };
                if !quiet && said.is_ok() {
                    said = print_line(line.as_str());
                }
                if !matches!(record, Record::Run(_)) {
                    lines.push(line.as_str().to_owned());
                }
            })?;
            if client.noise == noise {
                return Ok(());
            }
            // A line was damaged: that is no difference.
            Err(ChipError::Broken { port: client.port(), what: "train".into(), code: "bytes-lost".into() })
        })?;
        said?;
        found.append(&mut lines);
        let mut source = session::made(run.distribution, &memory, (run.samples, run.test_samples), run.seed)?;
        let records = session::run(&mut memory, plan, &mut source);
        host.extend(records.into_iter().filter_map(|r| r.into_line().ok()).map(|line| line.as_str().to_owned()));
    }
    let comparison = Comparison::new(&host, &found)?;
    print_line(&comparison)?;
    ensure!(comparison.is_equal(), "host and chip differ");
    Ok(())
}

/// The preset of a name, or the first one with the shape of the chip's model.
fn choose(client: &Client, name: Option<&str>) -> anyhow::Result<Preset> {
    let shape = client.chip()?.shape();
    if let Some(name) = name {
        let preset = names::preset(name)?;
        if preset.shape != shape {
            let (expected, found) = (letters(&shape), letters(&preset.shape));
            let found = format!("expected a preset of the chip's shape, {expected}, found {found}");
            return Err(InputError::option("preset", found).into());
        }
        return Ok(preset);
    }
    let first = presets::ALL.into_iter().find(|preset| preset.shape == shape);
    first.ok_or_else(|| {
        InputError::option("port", format!("no preset has the shape of the chip's model, {}", letters(&shape))).into()
    })
}
