//! `mote dynamics`: how attention, values and query-key products move through training, with 2-sd bands.

use crate::base::error::InputError;
use crate::base::files::OutFolder;
use crate::base::lists;
use crate::base::progress::{Kind, ProgressArgs, counted, print_line};
use crate::draw;
use crate::lab::dynamics::{follow_all, panel, preset};
use crate::lab::dynamics_page::Followed;
use mote_lab::dynamics::{QUANTITIES, moments, stages};
use mote_lab::place::GridPoint;
use mote_lab::summary::{Moments, or_blank};
use std::path::PathBuf;
use std::time::Instant;

/// Options of `mote dynamics`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Follows training sample 0 (label +1) through every step of seeded runs with fresh data and weights: \
losses, test error, attention on signal and noise, V_mu and V_xi, and four query-key products.

Writes dynamics.csv (step,quantity,mean,sd,runs), stages.json, the figures loss, attention, values and products as PNG \
and SVG, with bands of 2 standard deviations and the three stages, and report.html with all of it on one page. Nothing \
is written before the last run ends; a single run has no deviation and no band.

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
    /// Threads; each computes one run at a time [default: one per core]
    #[arg(long, value_name = "T", allow_negative_numbers = true, value_parser = lists::whole::<usize>)]
    pub threads: Option<usize>,
    /// Folder for the results
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// How progress is told.
    #[command(flatten)]
    pub progress: ProgressArgs,
    /// Open report.html in the browser at the end
    #[arg(long)]
    pub open: bool,
}

/// Follows all runs and draws them.
///
/// # Errors
///
/// [`InputError`] for impossible options; [`Interrupted`](crate::base::error::Interrupted); a run that leaves the finite numbers.
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
    let places: Vec<GridPoint> = (0..args.runs).map(|replicate| GridPoint { replicate, ..place }).collect();
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
        ("values", "V_\u{3bc}, V_\u{3be}", &QUANTITIES[5..7]),
        ("products", "query-key products", &QUANTITIES[7..11]),
    ] {
        let (svg, png) = draw::render(vec![panel(&table, stages, &title, y_label, quantities)])?;
        out.write(&format!("{stem}.svg"), &svg)?;
        out.write(&format!("{stem}.png"), &png)?;
        figures.push((stem, y_label, svg));
    }
    let followed = Followed {
        preset: &args.preset,
        runs: args.runs,
        steps: args.steps,
        seed: args.seed,
        recipe: &recipe,
        place: &place,
        table: &table,
        stages,
        threads,
        seconds,
    };
    followed.page(&figures)?.write(&out, args.open)?;
    for step in [1, 25, 50, 100, 200, args.steps as usize].into_iter().filter(|step| *step <= table.len()) {
        let row = &table[step - 1];
        let shown: Vec<String> = QUANTITIES.iter().zip(row).map(|(name, m)| format!("{name} {:.4}", m.mean)).collect();
        print_line(format_args!("step {step:4}: {}", shown.join("  ")))?;
    }
    let count = counted(runs.len(), "run");
    print_line(format_args!("{count}; stages: {}", serde_json::to_string(&stages)?))?;
    print_line(format_args!(
        "saved in {}: dynamics.csv stages.json report.html, loss attention values products as .png and .svg",
        out.path().display()
    ))
}
