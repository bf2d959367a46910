//! `mote dynamics`: how attention, values and query-key products move through training, with 2-sd bands.

use super::cell::{Place, Run};
use super::dynamics_page::Followed;
use super::lists;
use super::recipe::{Form, Recipe, Scaling};
use super::sampled::{SampledRun, Width};
use super::summary::{Moments, or_blank};
use crate::draw::{self, Panel, Series};
use crate::error::{InputError, Interrupted};
use crate::files::OutFolder;
use crate::progress::{Interrupt, Kind, Progress, ProgressArgs, counted, say};
use anyhow::Context;
use serde::Serialize;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// What is followed, in the order of the rows; the training loss is measured before the step, the rest after it.
pub const QUANTITIES: [&str; 11] = [
    "train_loss",
    "test_loss",
    "test_error",
    "attention_signal",
    "attention_noise",
    "v_signal",
    "v_noise",
    "qk_signal_signal",
    "qk_signal_noise",
    "qk_xi3_signal",
    "qk_xi3_noise",
];

/// The presets, and what each is for.
pub const PRESETS: [(&str, &str); 2] = [
    ("benign", "the paper's dynamics where attention turns to the signal, N=16, signal norm 25"),
    ("harmful", "the paper's dynamics where it turns to the noise, N=10, signal norm 15"),
];

/// A run as it is followed: queries and keys need only as many numbers as their span has dimensions.
type Follower = SampledRun<f32>;

/// A row of [`QUANTITIES`].
type Row = [f64; QUANTITIES.len()];

/// Options of `mote dynamics`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Follows training sample 0 (label +1) through every step of seeded runs with fresh data and weights:
losses, test error, attention on signal and noise, V_mu and V_xi, and four query-key products.

Writes dynamics.csv (step,quantity,mean,sd,runs), stages.json, the figures loss, attention, values
and products as PNG and SVG, with bands of 2 standard deviations and the three stages, and
report.html with all of it on a page. Nothing is written before the last run ends; a single run has
no deviation and no band.

Example:
  mote dynamics --preset benign --runs 20 --out benign"
)]
pub struct DynamicsArgs {
    /// benign or harmful: the two recipes of the paper
    #[arg(long, value_name = "NAME", default_value = "benign")]
    pub preset: String,
    /// Independent runs
    #[arg(long, value_name = "R", default_value_t = 20, allow_negative_numbers = true, value_parser = lists::whole::<u32>)]
    pub runs: u32,
    /// Steps of every run
    #[arg(long, value_name = "K", default_value_t = 500, allow_negative_numbers = true, value_parser = lists::whole::<u32>)]
    pub steps: u32,
    /// Seed of all runs
    #[arg(long, value_name = "S", default_value_t = 1, allow_negative_numbers = true, value_parser = lists::whole::<u64>)]
    pub seed: u64,
    /// Threads; each works on a run of its own
    #[arg(long, value_name = "T", allow_negative_numbers = true, value_parser = lists::whole::<usize>)]
    pub threads: Option<usize>,
    /// Folder for the results
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// How progress is told.
    #[command(flatten)]
    pub progress: ProgressArgs,
    /// Show report.html in the browser at the end
    #[arg(long)]
    pub open: bool,
}

/// When attention moves.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Stages {
    /// First step at which the mean of the larger attention is a tenth above `1/M`: the end of the first stage.
    pub attention_starts: Option<u32>,
    /// First step at which it has come 95% of its way: from here on growth is slow.
    pub attention_settles: Option<u32>,
}

/// The two recipes of the paper's section on dynamics.
///
/// # Errors
///
/// [`InputError`] with the names there are.
pub fn preset(name: &str) -> Result<(Recipe, Place), InputError> {
    let (samples, signal_norm, learning_rate) = match name {
        "benign" => (16, 25.0, 0.01),
        "harmful" => (10, 15.0, 0.02),
        _ => return Err(lists::unknown("preset", name, &PRESETS.map(|(name, _)| name))),
    };
    let recipe = Recipe {
        form: Form::Paper { big: 1.0, small: 0.05, divisor: 64.0 },
        tokens: 4,
        dim: 2048,
        head: 1024,
        value: 256,
        scaling: Scaling::Plain,
        learning_rate,
        stop_loss: 0.0,
        max_steps: u32::MAX,
        test_samples: 10,
    };
    Ok((recipe, recipe.place(samples, signal_norm, 0)))
}

/// Follows all runs and draws them.
///
/// # Errors
///
/// [`InputError`] for impossible options; [`Interrupted`]; a run that leaves the finite numbers.
pub fn dynamics(args: &DynamicsArgs, quiet: bool) -> anyhow::Result<()> {
    let (recipe, place) = preset(&args.preset)?;
    for (option, found) in [("runs", args.runs), ("steps", args.steps)] {
        if found == 0 {
            return Err(InputError::option(option, "expected at least 1, found 0").into());
        }
    }
    let threads = match args.threads {
        Some(0) => return Err(InputError::option("threads", "expected at least 1, found 0").into()),
        Some(threads) => threads,
        None => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
    };
    let out = OutFolder::open(&args.out)?;
    let places: Vec<Place> = (0..args.runs).map(|replicate| Place { replicate, ..place }).collect();
    let kind = if quiet { Kind::None } else { args.progress.progress };
    let start = Instant::now();
    let runs = follow_all(&recipe, &places, args.seed, args.steps, threads, kind)?;
    let seconds = start.elapsed().as_secs_f64();
    let table = moments(&runs);
    let stages = stages(&table, recipe.tokens);
    let mut csv = String::from("step,quantity,mean,sd,runs\n");
    for (step, row) in table.iter().enumerate() {
        for (quantity, Moments { mean, sd, count, .. }) in QUANTITIES.iter().zip(row) {
            csv += &format!("{},{quantity},{mean},{},{count}\n", step + 1, or_blank(*sd));
        }
    }
    out.write("dynamics.csv", csv.as_bytes())?;
    out.write("stages.json", format!("{}\n", serde_json::to_string_pretty(&stages)?).as_bytes())?;
    let title = format!("{}: N={} s={} lr={}", args.preset, place.samples, place.signal_norm, recipe.learning_rate);
    let mut figures = Vec::new();
    for (stem, y_label, quantities) in [
        ("loss", "loss, error", &QUANTITIES[0..3]),
        ("attention", "attention", &QUANTITIES[3..5]),
        ("values", "V_mu, V_xi", &QUANTITIES[5..7]),
        ("products", "query-key products", &QUANTITIES[7..11]),
    ] {
        let (svg, png) = draw::render(vec![panel(&table, stages, &title, y_label, quantities)])?;
        out.write(&format!("{stem}.svg"), &svg)?;
        out.write(&format!("{stem}.png"), &png)?;
        figures.push((stem, y_label, svg));
    }
    let followed = Followed { args, recipe: &recipe, place: &place, table: &table, stages, threads, seconds };
    followed.page(&figures)?.write(&out, args.open)?;
    for step in [1, 25, 50, 100, 200, args.steps as usize].into_iter().filter(|step| *step <= table.len()) {
        let row = &table[step - 1];
        let shown: Vec<String> = QUANTITIES.iter().zip(row).map(|(name, m)| format!("{name} {:.4}", m.mean)).collect();
        say(format_args!("step {step:4}: {}", shown.join("  ")))?;
    }
    let count = counted(runs.len(), "run");
    say(format_args!("{count}; stages: {}", serde_json::to_string(&stages)?))?;
    say(format_args!(
        "saved in {}: dynamics.csv stages.json report.html, loss attention values products as .png and .svg",
        out.path().display()
    ))
}

/// Follows every run, each on one thread; in the order of `places` whatever the threads.
pub fn follow_all(
    recipe: &Recipe,
    places: &[Place],
    seed: u64,
    steps: u32,
    threads: usize,
    progress: Kind,
) -> anyhow::Result<Vec<Vec<Row>>> {
    let interrupt = Interrupt::install()?;
    let progress = Progress::start(progress, "steps", places.len() as u64 * u64::from(steps), 0, None);
    let next = AtomicUsize::new(0);
    let results: Vec<Mutex<Option<anyhow::Result<Vec<Row>>>>> = places.iter().map(|_| Mutex::new(None)).collect();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(place) = places.get(at) else { break };
                    let mut run = Follower::new(recipe, place, place.seed(seed), Width::Reduced);
                    let rows = follow(&mut run, steps, || {
                        progress.add(1, 0);
                        interrupt.is_raised()
                    });
                    if let Ok(mut slot) = results[at].lock() {
                        *slot = Some(rows);
                    }
                }
            });
        }
    });
    progress.finish();
    let rows = results.into_iter().map(|slot| slot.into_inner().ok().flatten().context("a thread ended early")?);
    let rows: Vec<anyhow::Result<Vec<Row>>> = rows.collect();
    let whole = rows.iter().flatten().count();
    if whole < rows.len() && interrupt.is_raised() {
        // Means over some of the runs would pass for means over all.
        return Err(Interrupted { done: format!("{whole} of {}", counted(rows.len(), "run")), saved: None }.into());
    }
    rows.into_iter().collect()
}

/// Every quantity after every step of one run; `stop` is asked after each.
fn follow(run: &mut Follower, steps: u32, mut stop: impl FnMut() -> bool) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::with_capacity(steps as usize);
    for step in 1..=steps {
        let train_loss = run.step()?.with_context(|| format!("step {step}: the loss is not finite"))?;
        let scores = run.test()?;
        let mut row = [train_loss, scores.loss(), scores.error(), 0., 0., 0., 0., 0., 0., 0., 0.];
        row[3..].copy_from_slice(&run.span().track(0));
        rows.push(row);
        anyhow::ensure!(!stop() || step == steps, "interrupted");
    }
    Ok(rows)
}

/// Means and deviations over runs, step by step.
pub fn moments(runs: &[Vec<Row>]) -> Vec<[Moments; QUANTITIES.len()]> {
    let steps = runs.first().map_or(0, Vec::len);
    let of = |step: usize, quantity: usize| {
        let numbers: Vec<f64> = runs.iter().map(|rows| rows[step][quantity]).collect();
        Moments::of(&numbers).unwrap_or(Moments { mean: 0.0, sd: None, standard_error: None, count: 0 })
    };
    (0..steps).map(|step| std::array::from_fn(|quantity| of(step, quantity))).collect()
}

/// Where the attention that grows starts and settles.
pub fn stages(table: &[[Moments; QUANTITIES.len()]], tokens: usize) -> Stages {
    let uniform = 1.0 / tokens as f64;
    let last = |quantity: usize| table.last().map_or(0.0, |row| row[quantity].mean);
    let growing = if last(3) >= last(4) { 3 } else { 4 };
    let first = |level: f64| table.iter().position(|row| row[growing].mean >= level).map(|at| at as u32 + 1);
    let settled = uniform + 0.95 * (last(growing) - uniform);
    let starts = first(1.1 * uniform);
    Stages { attention_starts: starts, attention_settles: starts.and_then(|_| first(settled)) }
}

fn panel(
    table: &[[Moments; QUANTITIES.len()]],
    stages: Stages,
    title: &str,
    y_label: &str,
    quantities: &[&str],
) -> Panel {
    let colors = [draw::BLUE, draw::ORANGE, draw::RED, draw::GREEN];
    let of = |name: &str| QUANTITIES.iter().position(|known| *known == name).unwrap_or(0);
    let series = quantities.iter().zip(colors).map(|(name, color)| {
        let points = |value: &dyn Fn(&Moments) -> f64| -> Vec<(f64, f64)> {
            table.iter().enumerate().map(|(step, row)| (step as f64 + 1.0, value(&row[of(name)]))).collect()
        };
        let band = |sign: f64| -> Option<Vec<f64>> {
            table.iter().map(|row| row[of(name)]).map(|m| Some(m.mean + sign * 2.0 * m.sd?)).collect()
        };
        Series {
            name: name.replace('_', " "),
            color: color.into(),
            dashed: false,
            points: points(&|m| m.mean),
            band: band(-1.0).zip(band(1.0)),
        }
    });
    let marks = [stages.attention_starts, stages.attention_settles].into_iter().flatten().map(f64::from).collect();
    let x_label = "step (dashed: attention starts to move, attention settles)".into();
    Panel {
        title: title.into(),
        x_label,
        y_label: y_label.into(),
        y_max: None,
        series: series.collect(),
        marks,
        from_zero: false,
    }
}
