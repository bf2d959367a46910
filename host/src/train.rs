//! `mote train`: your data in, weights, curve and pictures out.

use crate::cli::{self, TrainArgs};
use crate::draw::{self, Panel, Series};
use crate::error::{InputError, Interrupted};
use crate::files::samples::Samples;
use crate::files::weights::{self, Weights};
use crate::files::{OutFolder, heap};
use crate::progress::{self, Interrupt, say};
use mote_core::data::{InMemory, Label};
use mote_core::memory::Heap;
use mote_core::metrics::Evaluation;
use mote_core::params::Init;
use mote_core::presets::{Preset, Run};
use mote_core::shape::Shape;
use mote_core::train::{Settings, Trainer};
use serde::Serialize;
use std::fmt::Write;
use std::time::Instant;

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

/// What `summary.json` says.
#[derive(Serialize)]
struct Summary<'a> {
    engine: &'a str,
    math: &'a str,
    data: String,
    init: Option<String>,
    samples: usize,
    tokens: usize,
    dim: usize,
    head: usize,
    value: usize,
    learning_rate: f32,
    train_output: bool,
    stop_loss: Option<f32>,
    seed: Option<u64>,
    preset: Option<&'a str>,
    ended: &'a str,
    steps: u32,
    initial_train_loss: Option<f32>,
    final_train_loss: Option<f32>,
    final_train_error: Option<f32>,
    final_test_loss: Option<f32>,
    final_test_error: Option<f32>,
    memory_bytes: usize,
    seconds: f64,
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
    if !quiet {
        say(job.describe())?;
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
    let after = trainer.evaluate(&mut data).ok();
    let test = rows.last().and_then(|row| row.test);
    let summary = Summary {
        engine: mote_core::VERSION,
        math: mote_core::math::NAME,
        data: args.data.display().to_string(),
        init: args.init.as_ref().map(|path| path.display().to_string()),
        samples: job.train.samples,
        tokens: job.shape.tokens,
        dim: job.shape.dim,
        head: job.shape.head,
        value: job.shape.value,
        learning_rate: job.settings.learning_rate,
        train_output: job.settings.train_output,
        stop_loss: job.stop_loss,
        seed: job.init.is_none().then_some(seed),
        preset: args.preset.as_deref(),
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
        memory_bytes: job.shape.bytes().unwrap_or_default(),
        seconds: start.elapsed().as_secs_f64(),
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
    say(format_args!("{steps} step{plural} ({}): {}", summary.ended, all.join("; ")))?;
    if !quiet {
        let names: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
        say(format_args!("saved in {}: {}", saved.display(), names.join(" ")))?;
    }
    Ok(())
}

impl Job {
    fn read(args: &TrainArgs) -> Result<Self, InputError> {
        let preset: Option<Preset> = args.preset.as_deref().map(cli::preset).transpose()?;
        let run: Option<&Run> = preset.as_ref().map(|preset| &preset.runs[0]);
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
    let interrupt = Interrupt::install()?;
    let bar = progress::bar(job.steps.into(), "training", quiet);
    let test_labels: Vec<Label> = job.test.as_ref().map(Samples::labels_or_plus).unwrap_or_default();
    let mut test = job.test.as_ref().map(|test| test.dataset(&test_labels));
    let mut rows = Vec::new();
    let mut end = End::MaxSteps;
    for _ in 0..job.steps {
        if interrupt.is_raised() {
            end = End::Interrupted;
            break;
        }
        let next = rows.len() as u32 + 1;
        let report = match trainer.step(data) {
            Ok(report) => report,
            Err(error) => {
                end = End::Diverged(next, error.to_string());
                break;
            }
        };
        let tested = test.as_mut().map(|test| trainer.evaluate(test)).transpose();
        rows.push(Row { step: report.step, train_loss: report.train_loss, test: tested.unwrap_or_default() });
        if let Err(error) = tested {
            end = End::Diverged(next, format!("on the test data, {error}"));
            break;
        }
        bar.inc(1);
        bar.set_message(format!("loss {:.6}", report.train_loss));
        if job.stop_loss.is_some_and(|stop_loss| report.train_loss < stop_loss) {
            end = End::StopLoss;
            break;
        }
    }
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
        x_label: "steps done".into(),
        y_label: if job.test.is_some() { "loss, error" } else { "loss" }.into(),
        y_max: None,
        series,
        marks: Vec::new(),
        from_zero: true,
    }
}
