//! `mote demo`: benign against harmful overfitting, learned by an emulated chip.

use crate::base::files::OutFolder;
use crate::base::names;
use crate::base::progress::print_line;
use crate::board::machine;
use crate::draw;
use crate::draw::axis::Axis;
use crate::draw::{Dots, Panel, Series};
use crate::emulator::preset_run;
use crate::emulator::preset_run::{RunResult, RunSpec};
use anyhow::{Context, ensure};
use clap::Args;
use mote_protocol::report::{Eval, Record};
use std::path::PathBuf;
use std::time::Duration;

/// Options of `mote demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Folder for the picture and the log
    #[arg(long, value_name = "DIR", default_value = "out/demo")]
    pub out: PathBuf,
    /// Do not install missing tools; print the commands that install them
    #[arg(long)]
    pub no_install: bool,
}

/// The board of the demo.
const MACHINE: &str = "mps2-an386";
/// The whole run takes a few seconds of an idle machine.
const DEADLINE: Duration = Duration::from_secs(300);

/// One run, as the chip reported it.
struct Curve {
    name: String,
    snr: f32,
    n_snr2: f32,
    train: Vec<(f64, f64)>,
    evals: Vec<Eval>,
    steps: u64,
    converged: bool,
}

/// Builds, runs, draws and judges.
///
/// # Errors
///
/// Missing tools, a run that fails, a line that differs between host and chip, a verdict that is not
/// what the theory says.
pub fn demo(args: &DemoArgs, quiet: bool) -> anyhow::Result<()> {
    let machine = machine::by_name(MACHINE)?;
    let preset = names::preset(machine.preset)?;
    let out = OutFolder::open(&args.out)?;
    if !quiet {
        let (about, core) = (preset.about, machine.core);
        print_line(format_args!("Training {about} on an emulated {core} ({MACHINE}), over its serial port:"))?;
    }
    let fast_math = cfg!(feature = "fast-math");
    let plan = RunSpec { machine, preset, fast_math, deadline: DEADLINE, install: !args.no_install };
    let mut lines = Vec::new();
    let session = preset_run::run(&plan, quiet, &mut lines, |line| if quiet { Ok(()) } else { narrate(line) });
    // Whatever came of it, the log has what was received.
    out.write("demo.log", preset_run::to_log(&lines).as_bytes())?;
    let session = session.map_err(|error| preset_run::saved_in(error, Some(out.path())))?;
    let curves = curves(&session)?;
    let panels: Vec<Panel> = curves.iter().map(panel).collect();
    let (svg, png) = draw::render(panels.clone())?;
    out.write("demo.svg", &svg)?;
    out.write("demo.png", &png)?;
    if !quiet {
        print_line(format_args!("\n{}", draw::in_terminal(&panels, 100, 26)))?;
    }
    for curve in &curves {
        print_line(verdict_line(curve)?)?;
    }
    print_line(session.summary(machine))?;
    print_line(format_args!("saved in {}: demo.png demo.svg demo.log", out.path().display()))?;
    print_line(&session.comparison)?;
    ensure!(session.comparison.is_equal(), "host and chip differ");
    judge(&curves)
}

/// Shows what a person wants to see of a line as it arrives.
fn narrate(line: &str) -> anyhow::Result<()> {
    match Record::parse(line) {
        Ok(Record::Run(run)) => {
            let n_snr2 = n_snr2(&run);
            print_line(format_args!("  {}: N={} SNR={} N SNR^2={n_snr2:.2}", run.name, run.samples, run.snr))
        }
        Ok(Record::Eval(eval)) if eval.step % 25 == 0 => print_line(format_args!("    {}", eval_text(&eval))),
        Ok(Record::Error(step, code)) => print_line(format_args!("    failed at step {step}: {code}")),
        Ok(_) => Ok(()),
        Err(_) => print_line(format_args!("    {line}")),
    }
}

fn eval_text(eval: &Eval) -> String {
    format!(
        "step {:4}  train loss {:.4}  test loss {:.4}  test error {:5.1}%  attention on the signal {:.3}",
        eval.step,
        eval.train_loss,
        eval.test_loss,
        100.0 * eval.test_error,
        eval.attention
    )
}

fn n_snr2(run: &mote_protocol::report::RunHeader) -> f32 {
    run.samples as f32 * run.snr * run.snr
}

fn curves(session: &RunResult) -> anyhow::Result<Vec<Curve>> {
    let mut curves: Vec<Curve> = Vec::new();
    for record in &session.records {
        if let Record::Run(run) = record {
            curves.push(Curve {
                name: run.name.as_str().into(),
                snr: run.snr,
                n_snr2: n_snr2(run),
                train: Vec::new(),
                evals: Vec::new(),
                steps: 0,
                converged: false,
            });
            continue;
        }
        let Some(curve) = curves.last_mut() else { continue };
        match record {
            // The loss before step t is the loss after step t - 1.
            Record::Step(report) => curve.train.push((f64::from(report.step) - 1.0, report.train_loss.into())),
            Record::Eval(eval) => curve.evals.push(eval.clone()),
            Record::Done(done) => {
                curve.steps = done.steps;
                curve.converged = done.reason.as_str() == "stop-loss";
            }
            _ => {}
        }
    }
    ensure!(!curves.is_empty(), "the chip reported no run");
    Ok(curves)
}

fn panel(curve: &Curve) -> Panel {
    let points = |value: &dyn Fn(&Eval) -> f32| {
        curve.evals.iter().map(|eval| (eval.step as f64, f64::from(value(eval)))).collect()
    };
    let series = |name: &str, color: &str, dashed, points| Series {
        name: name.into(),
        color: color.into(),
        dashed,
        points,
        band: None,
        dots: Dots::None,
    };
    Panel {
        title: format!("{}: SNR {:.1}, N SNR\u{b2} = {:.1}", curve.name, curve.snr, curve.n_snr2),
        x: Axis::linear("step"),
        y: Axis::linear("loss, error"),
        y_max: Some(1.0),
        marks: Vec::new(),
        from_zero: true,
        series: vec![
            series("training loss", draw::BLUE, false, curve.train.clone()),
            series("test loss", draw::ORANGE, false, points(&|eval| eval.test_loss)),
            series("test error", draw::RED, true, points(&|eval| eval.test_error)),
        ],
    }
}

fn verdict_line(curve: &Curve) -> anyhow::Result<String> {
    let last = curve.evals.last().with_context(|| format!("{}: the chip reported no figures", curve.name))?;
    let end = if curve.converged { "converged" } else { "NOT converged" };
    Ok(format!("{:8} {end} after {} steps: {}", curve.name, curve.steps, eval_text(last)))
}

/// The theory's two sides: both fit the training data, only one generalises.
fn judge(curves: &[Curve]) -> anyhow::Result<()> {
    for curve in curves {
        ensure!(curve.converged, "{}: training did not reach the stop loss", curve.name);
        let last = curve.evals.last().context("no figures")?;
        match curve.name.as_str() {
            "benign" => ensure!(
                last.test_error == 0.0 && last.test_loss < 0.15,
                "benign: expected test error 0 and test loss below 0.15, found {} and {}",
                last.test_error,
                last.test_loss
            ),
            "harmful" => ensure!(
                last.train_loss <= 0.01 && last.test_loss > 0.5,
                "harmful: expected training loss at most 0.01 and test loss above 0.5, found {} and {}",
                last.train_loss,
                last.test_loss
            ),
            _ => {}
        }
    }
    print_line("verdict: both runs fit their training data; only the benign one generalises")
}
