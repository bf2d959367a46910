//! `mote train`: your data in, weights, curve and pictures out.

use crate::base::error::{InputError, Interrupted};
use crate::base::files::{OutFolder, heap};
use crate::base::names;
use crate::base::progress::{self, Interrupt, print_line};
use crate::draw;
use crate::draw::axis::Axis;
use crate::draw::{Dots, Panel, Series};
use crate::formats::samples::Samples;
use crate::formats::summary::Summary;
use crate::formats::weights::{self, Weights};
use crate::learn::remarks;
use clap::Args;
use mote_core::data::{InMemory, Label};
use mote_core::memory::Heap;
use mote_core::metrics::Evaluation;
use mote_core::params::Init;
use mote_core::shape::Shape;
use mote_core::train::{Settings, StopReason, StopRule, Trainer};
use mote_runtime::runs::presets::{Preset, PresetRun};
use std::fmt::Write;
use std::path::PathBuf;
use std::time::Instant;

/// Options of `mote train`.
#[derive(Debug, Args)]
#[command(
    after_help = "The data file holds X, shape (N, M, D), and y, shape (N), of +1 and -1. The init file holds W_Q and \
W_K, shape (D, H), W_V, shape (D, V), and w_O, shape (V). Without an init file, weights are drawn at random: W_Q and \
W_K with standard deviation 0.02, W_V with 0.001, w_O of norm 1, or as the preset says.

Writes curve.csv (row t is the loss BEFORE step t), weights.npz, summary.json, curve.png and curve.svg into the output \
folder. To continue training, pass weights.npz as --init.

Examples:
  mote train --data train.npz --steps 200 --lr 0.5 --out run
  mote train --data train.npz --test test.npz --preset demo --out run
  mote train --data train.npz --init run/weights.npz --steps 50 --lr 0.1 \\
    --out more"
)]
#[command(override_usage = "mote train [OPTIONS] --data <F.npz> --steps <K> --lr <X> --out <DIR>
       mote train [OPTIONS] --data <F.npz> --preset <NAME> --out <DIR>")]
pub struct TrainArgs {
    /// Training data, .npz with X and y
    #[arg(long, value_name = "F.npz")]
    pub data: PathBuf,
    /// Initial weights, .npz with W_Q, W_K, W_V and w_O
    #[arg(long, value_name = "F.npz")]
    pub init: Option<PathBuf>,
    /// Preset that supplies H, V, the spread of fresh weights, steps, learning rate and stop loss that you do not give
    #[arg(long, value_name = "NAME")]
    pub preset: Option<String>,
    /// Largest number of steps of gradient descent; required without --preset
    #[arg(long, value_name = "K", required_unless_present = "preset")]
    pub steps: Option<u32>,
    /// Learning rate, above 0; required without --preset
    #[arg(long, value_name = "X", required_unless_present = "preset", allow_negative_numbers = true)]
    pub lr: Option<f32>,
    /// Train w_O too, which the paper keeps fixed
    #[arg(long)]
    pub train_output: bool,
    /// Stop once the training loss is below this (one more step is done)
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    pub stop_loss: Option<f32>,
    /// Test data, evaluated after every step
    #[arg(long, value_name = "F.npz")]
    pub test: Option<PathBuf>,
    /// H: query and key width of fresh weights [default: 8, or the preset's]
    #[arg(long, value_name = "H", conflicts_with = "init")]
    pub head: Option<usize>,
    /// V: value width of fresh weights [default: 8, or the preset's]
    #[arg(long, value_name = "V", conflicts_with = "init")]
    pub value: Option<usize>,
    /// Seed of fresh weights [default: 1]
    #[arg(long, value_name = "S", conflicts_with = "init")]
    pub seed: Option<u64>,
    /// Folder for the results, created if missing
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}

/// The model of a fresh training without a preset.
const DEFAULT_HEAD: usize = 8;
const DEFAULT_VALUE: usize = 8;
const DEFAULT_SEED: u64 = 1;
const DEFAULT_INIT: Init = Init::Gaussian { query_key_std: 0.02, value_std: 1e-3 };

/// One row of the curve: the training loss before the step, the test figures after it.
struct Row {
    step: u32,
    train_loss: f32,
    test: Option<Evaluation>,
}

/// How the run ended.
enum End {
    StopLoss,
    MaxSteps,
    Interrupted,
    /// The step that could not be done or tested, and why.
    Diverged(u32, String),
}

/// Everything the command line and the files say, checked.
struct Job {
    shape: Shape,
    settings: Settings,
    steps: u32,
    stop_loss: Option<f32>,
    train: Samples,
    test: Option<Samples>,
    init: Option<Weights>,
    fresh: Init,
}

/// Trains on a file.
///
/// # Errors
///
/// [`InputError`] for whatever is wrong with options or files, before anything is written;
/// [`InputError::Diverged`] and [`Interrupted`] with all results saved.
pub fn train(args: &TrainArgs, quiet: bool) -> anyhow::Result<()> {
    let job = Job::read(args)?;
    let mut memory = heap(job.shape, &args.data)?;
    let out = OutFolder::open(&args.out)?;
    let seed = args.seed.unwrap_or(DEFAULT_SEED);
    remarks::tell(job.steps, job.settings.learning_rate, quiet);
    if !quiet {
        print_line(job.describe())?;
    }
    let mut trainer = Trainer::new(&mut memory, job.settings).map_err(|e| InputError::option("lr", e.to_string()))?;
    match &job.init {
        Some(weights) => weights.load(&mut trainer.params()),
        None => trainer.init(job.fresh, seed)?,
    }
    let labels = job.train.labels_or_plus();
    let mut data = job.train.dataset(&labels);
    let start = Instant::now();
    let (rows, end) = descend(&job, &mut trainer, &mut data, quiet)?;

    let steps = rows.len() as u32;
    // Weights that are finite may still have a loss that is not.
    let after = trainer.model().evaluate(&mut data).ok();
    let seconds = start.elapsed().as_secs_f64();
    let test = rows.last().and_then(|row| row.test);
    let test_file = args.test.as_deref().zip(job.test.as_ref());
    let summary = Summary {
        init: args.init.as_ref().map(|path| path.display().to_string()),
        seed: job.init.is_none().then_some(seed),
        preset: args.preset.as_deref(),
        learning_rate: job.settings.learning_rate,
        train_output: job.settings.train_output,
        stop_loss: job.stop_loss,
        max_steps: job.steps,
        ended: match end {
            End::StopLoss => "stop-loss",
            End::MaxSteps => "max-steps",
            End::Interrupted => "interrupted",
            End::Diverged(..) => "diverged",
        },
        steps,
        initial_train_loss: rows.first().map(|row| row.train_loss),
        final_train_loss: after.map(|after| after.loss),
        final_train_error: after.map(|after| after.error),
        final_test_loss: test.map(|test| test.loss),
        final_test_error: test.map(|test| test.error),
        seconds,
        ..Summary::of(job.shape, (&args.data, &job.train), test_file)
    };
    // All bytes first, then file by file, the summary last: it speaks of the others.
    let (svg, png) = draw::render(vec![loss_panel(&job, &rows)])?;
    let summary_json = format!("{}\n", serde_json::to_string_pretty(&summary)?).into_bytes();
    let weights = weights::to_bytes(&trainer.params())?;
    let files = [
        ("weights.npz", weights),
        ("curve.csv", curve_csv(&rows).into_bytes()),
        ("curve.svg", svg),
        ("curve.png", png),
        ("summary.json", summary_json),
    ];
    for (name, bytes) in &files {
        out.write(name, bytes)?;
    }

    let saved = out.path().to_owned();
    match end {
        End::Interrupted => return Err(Interrupted { done: format!("step {steps}"), saved: Some(saved) }.into()),
        End::Diverged(step, what) => {
            let learning_rate = job.settings.learning_rate;
            return Err(InputError::Diverged { step, what, learning_rate, saved }.into());
        }
        End::StopLoss | End::MaxSteps => {}
    }
    let figures = |name: &str, figures: Option<Evaluation>| {
        figures.map(|f| format!("{name} loss {:.6}, error {:.2}%", f.loss, 100.0 * f.error))
    };
    let all: Vec<String> = [figures("training", after), figures("test", test)].into_iter().flatten().collect();
    let plural = if steps == 1 { "" } else { "s" };
    print_line(format_args!("{steps} step{plural} ({}): {}", summary.ended, all.join("; ")))?;
    if !quiet {
        let names: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
        print_line(format_args!("saved in {}: {}", saved.display(), names.join(" ")))?;
    }
    Ok(())
}

impl Job {
    fn read(args: &TrainArgs) -> Result<Self, InputError> {
        let preset: Option<Preset> = args.preset.as_deref().map(names::preset).transpose()?;
        let run: Option<&PresetRun> = preset.as_ref().map(|preset| &preset.runs[0]);
        // clap asks for both unless there is a preset.
        let learning_rate = args.lr.or(run.map(|run| run.settings.learning_rate)).unwrap_or_default();
        let steps = args.steps.or(run.map(|run| run.max_steps)).unwrap_or_default();
        let stop_loss = args.stop_loss.or(run.map(|run| run.stop_loss));
        if !(learning_rate > 0.0 && learning_rate.is_finite()) {
            return Err(InputError::option("lr", format!("expected a finite number above 0, found {learning_rate}")));
        }
        if let Some(loss) = stop_loss.filter(|loss| !loss.is_finite() || *loss < 0.0) {
            return Err(InputError::option(
                "stop-loss",
                format!("expected a finite number of at least 0, found {loss}"),
            ));
        }
        let train = Samples::read_labelled(&args.data)?;
        let test = args.test.as_deref().map(Samples::read_labelled).transpose()?;
        let init = args.init.as_deref().map(Weights::read).transpose()?;
        if let (Some(weights), Some(path)) = (&init, &args.init) {
            weights.check(path, train.dim)?;
        }
        if let (Some(test), Some(path)) = (&test, &args.test) {
            test.check(path, train.tokens, train.dim)?;
        }
        let (head, value) = match (&init, &preset) {
            (Some(weights), _) => (weights.head, weights.value),
            (None, preset) => {
                let (head, value) = preset.map_or((DEFAULT_HEAD, DEFAULT_VALUE), |p| (p.shape.head, p.shape.value));
                (args.head.unwrap_or(head), args.value.unwrap_or(value))
            }
        };
        if head == 0 || value == 0 {
            let option = if head == 0 { "head" } else { "value" };
            return Err(InputError::option(option, "expected at least 1, found 0"));
        }
        Ok(Self {
            shape: Shape::new(train.tokens, train.dim, head, value),
            settings: Settings { learning_rate, train_output: args.train_output },
            steps,
            stop_loss,
            train,
            test,
            init,
            fresh: run.map_or(DEFAULT_INIT, |run| run.init),
        })
    }
}

impl Job {
    /// What is about to be done, with everything that was not said on the command line.
    fn describe(&self) -> String {
        let Shape { tokens, dim, head, value } = self.shape;
        let stop = self.stop_loss.map_or(String::new(), |loss| format!(", stop loss {loss}"));
        let (n, lr) = (self.train.samples, self.settings.learning_rate);
        format!("N={n} M={tokens} D={dim} H={head} V={value}, learning rate {lr}{stop}, at most {} steps", self.steps)
    }
}

/// Steps until the stop rule, the last step, Ctrl-C or a number that is not finite.
fn descend(
    job: &Job,
    trainer: &mut Trainer<Heap>,
    data: &mut InMemory,
    quiet: bool,
) -> anyhow::Result<(Vec<Row>, End)> {
    let interrupt = Interrupt::current();
    let bar = progress::bar(job.steps.into(), "training", quiet);
    let test_labels: Vec<Label> = job.test.as_ref().map(Samples::labels_or_plus).unwrap_or_default();
    let mut test = job.test.as_ref().map(|test| test.dataset(&test_labels));
    let rule = StopRule { loss: job.stop_loss.unwrap_or(0.0), max_steps: job.steps };
    let (mut rows, mut last): (Vec<Row>, _) = (Vec::new(), None);
    let end = loop {
        match rule.check(rows.len() as u32, last) {
            Some(StopReason::Loss) => break End::StopLoss,
            Some(StopReason::Steps) => break End::MaxSteps,
            None if interrupt.is_raised() => break End::Interrupted,
            None => {}
        }
        let next = rows.len() as u32 + 1;
        let report = match trainer.step(data) {
            Ok(report) => report,
            Err(error) => break End::Diverged(next, error.to_string()),
        };
        let tested = test.as_mut().map(|test| trainer.model().evaluate(test)).transpose();
        rows.push(Row { step: report.step, train_loss: report.train_loss, test: tested.unwrap_or_default() });
        if let Err(error) = tested {
            break End::Diverged(next, format!("on the test data, {error}"));
        }
        bar.inc(1);
        bar.set_message(format!("loss {:.6}", report.train_loss));
        last = Some(report.train_loss);
    };
    bar.finish_and_clear();
    Ok((rows, end))
}

/// The curve as CSV. Numbers have as many digits as it takes to read the same `f32` back.
fn curve_csv(rows: &[Row]) -> String {
    let has_test = rows.iter().any(|row| row.test.is_some());
    let mut csv = String::from(if has_test { "step,train_loss,test_loss,test_error\n" } else { "step,train_loss\n" });
    for row in rows {
        let _ = write!(csv, "{},{}", row.step, row.train_loss);
        if has_test {
            let _ = match row.test {
                Some(test) => write!(csv, ",{},{}", test.loss, test.error),
                None => write!(csv, ",,"),
            };
        }
        csv.push('\n');
    }
    csv
}

fn loss_panel(job: &Job, rows: &[Row]) -> Panel {
    let series = |name: &str, color: &str, steps_done: u32, value: &dyn Fn(&Row) -> Option<f32>| Series {
        name: name.into(),
        color: color.into(),
        dashed: false,
        band: None,
        dots: Dots::None,
        points: rows
            .iter()
            .filter_map(|row| Some((f64::from(row.step - 1 + steps_done), value(row)?.into())))
            .collect(),
    };
    // The training loss was measured before the step, the test figures after it.
    let all = [
        series("training loss", draw::BLUE, 0, &|row| Some(row.train_loss)),
        series("test loss", draw::ORANGE, 1, &|row| row.test.map(|test| test.loss)),
        series("test error", draw::RED, 1, &|row| row.test.map(|test| test.error)),
    ];
    let series = all.into_iter().filter(|series| !series.points.is_empty()).collect();
    Panel {
        title: format!("N={}, learning rate {}", job.train.samples, job.settings.learning_rate),
        x: Axis::linear("steps done"),
        y: Axis::linear(if job.test.is_some() { "loss, error" } else { "loss" }),
        y_max: None,
        series,
        marks: Vec::new(),
        from_zero: true,
    }
}
