//! The end of a phase diagram: what all its cells say together, as files, as a page and in the terminal.

use super::cell::Recipe;
use super::grid::Config;
use super::page::{self, Figure, Page, Table};
use super::store::Cell;
use super::summary::{self, Boundary, Crossing, Group, Interval, Moments};
use crate::draw::heatmap::{self, Labels, Shown};
use crate::files::{OutFolder, parquet};
use crate::progress::say;
use anyhow::Context;

/// Test loss at which the paper cuts its picture.
const CUT: f64 = 0.2;

/// What of a run is not in its numbers.
#[derive(Clone, Debug)]
pub struct Session {
    /// Threads that computed.
    pub threads: usize,
    /// How long they took, the cells of earlier sessions left out.
    pub seconds: f64,
    /// The run file, if there was one.
    pub run_file: Option<String>,
    /// Whether to show the page.
    pub open: bool,
}

/// Writes what all cells say together.
///
/// # Errors
///
/// If a file cannot be written or a picture not be drawn. The cells are saved, and the same command ends the work.
pub fn conclude(config: &Config, mut cells: Vec<Cell>, out: &OutFolder, session: Session) -> anyhow::Result<()> {
    // In the order of the grid, whatever the order on disk: a mean must not depend on threads.
    cells.sort_by_key(|cell| (cell.place.samples, cell.place.signal_norm.to_bits(), cell.place.replicate));
    let groups = summary::groups(&cells, |signal| config.recipe.snr(signal));
    let boundary = Boundary::of(&groups, CUT, config.seed);
    let constant = boundary.constant.map_or(boundary.best_constant, |constant| constant.value);
    let labels = Labels { recipe: title(&config.recipe), cut: CUT, constant };
    let run = serde_json::json!({
        "engine": mote_core::VERSION,
        "math": mote_core::math::NAME,
        "config": config,
        "cells": cells.len(),
        "threads": session.threads,
        "machine": machine(),
        "seconds_of_this_session": session.seconds,
        "seconds_of_all_cells": cells.iter().map(|cell| cell.seconds).sum::<f64>(),
    });
    let write = || -> anyhow::Result<()> {
        out.write("cells.parquet", &parquet::cells(&cells, &config.recipe)?)?;
        out.write("summary.csv", summary::to_csv(&groups).as_bytes())?;
        out.write("boundary.json", format!("{}\n", serde_json::to_string_pretty(&boundary)?).as_bytes())?;
        for (stem, shown) in [("heatmap", &[Shown::Loss, Shown::Error][..]), ("cut", &[Shown::Cut])] {
            let (svg, png) = heatmap::panels(&groups, &labels, shown)?;
            out.write(&format!("{stem}.svg"), &svg)?;
            out.write(&format!("{stem}.png"), &png)?;
        }
        out.write("run.json", format!("{}\n", serde_json::to_string_pretty(&run)?).as_bytes())?;
        page(config, &cells, &groups, &boundary, &labels, &session)?.write(out, session.open)
    };
    write().context("all cells are saved, and the same command goes on from here")?;
    report(&groups, &boundary, cells.len(), session.seconds)?;
    let path = out.path().display();
    say(format_args!(
        "saved in {path}: cells.csv cells.parquet summary.csv boundary.json heatmap.png heatmap.svg cut.png cut.svg \
         run.json report.html"
    ))
}

fn title(recipe: &Recipe) -> String {
    format!("M={} D={} H={} lr={}", recipe.tokens, recipe.dim, recipe.head, recipe.learning_rate)
}

fn machine() -> String {
    format!("{} {}", std::env::consts::ARCH, std::env::consts::OS)
}

/// Whether the constant of the paper's own recipe lies on the grid.
fn reaches_1000(groups: &[Group]) -> bool {
    groups.iter().any(|group| group.n as f64 * group.snr * group.snr >= 1000.0)
}

fn report(groups: &[Group], boundary: &Boundary, cells: usize, seconds: f64) -> anyhow::Result<()> {
    say(format_args!("{cells} cells, {} of them not converged, in {seconds:.1} s", boundary.not_converged))?;
    for crossing in &boundary.crossings {
        match (crossing.snr, crossing.n_snr2) {
            (Some(snr), Some(n_snr2)) => say(format_args!(
                "N={:3}: test loss crosses {CUT} at SNR {:.3} [{:.3}, {:.3}], N SNR^2 = {n_snr2:.2}",
                crossing.n, snr.value, snr.low, snr.high
            ))?,
            _ => say(format_args!("N={:3}: test loss does not cross {CUT} on this grid", crossing.n))?,
        }
    }
    if let (Some(exponent), Some(constant)) = (boundary.exponent, boundary.constant) {
        say(format_args!(
            "SNR* = constant N^{:.3} [{:.3}, {:.3}]; N SNR*^2 = {:.2} [{:.2}, {:.2}]",
            exponent.value, exponent.low, exponent.high, constant.value, constant.low, constant.high
        ))?;
    }
    let errors: Vec<f64> = groups.iter().flat_map(|group| group.test_error.iter().copied()).collect();
    let high = errors.iter().filter(|error| **error > 0.05).count();
    let (constant, share) = (boundary.best_constant, 100.0 * boundary.agreement_best);
    say(format_args!(
        "best constant {constant:.4}: {share:.2}% of the cells agree; 0-1 error above 5% in {high} cells"
    ))?;
    if reaches_1000(groups) {
        let share = 100.0 * boundary.agreement_1000;
        say(format_args!("agreement with \"test loss below {CUT} if and only if N SNR^2 >= 1000\": {share:.2}%"))?;
    }
    Ok(())
}

/// The page of a phase diagram.
fn page(
    config: &Config,
    cells: &[Cell],
    groups: &[Group],
    boundary: &Boundary,
    labels: &Labels,
    session: &Session,
) -> anyhow::Result<Page> {
    let picture = |name, shown, caption: String| Figure::new(name, &heatmap::svg(groups, labels, &[shown]), caption);
    let curve = format!("The orange curve is N SNR\u{b2} = {:.4}.", labels.constant);
    let hatched = "Hatched cells did not converge and have no number; hatching over a colour means that some did.";
    let hatched = if boundary.not_converged > 0 { format!(" {hatched}") } else { String::new() };
    Ok(Page {
        title: format!("Phase diagram: {}", config.preset),
        lead: format!(
            "Test loss and 0-1 test error of a softmax-attention classifier after gradient descent, over the number of \
             training samples N and the norm of the signal. {}.",
            labels.recipe
        ),
        facts: facts(cells, groups, boundary, session),
        figures: vec![
            picture("loss", Shown::Loss, format!("Mean test loss over replicates. {curve}{hatched}"))?,
            picture(
                "error",
                Shown::Error,
                format!("Mean 0-1 test error: the share of wrong labels. {curve}{hatched}"),
            )?,
            picture(
                "cut",
                Shown::Cut,
                format!("1 where the mean test loss is at least {CUT}, else 0. {curve}{hatched}"),
            )?,
        ],
        tables: vec![crossings(&boundary.crossings), means(groups)],
        config: page::settings(config)?,
        run_file: session.run_file.clone(),
        files: FILES.to_vec(),
    })
}

const FILES: [(&str, &str); 8] = [
    ("cells.csv", "one row a cell, in the order they were done"),
    ("cells.parquet", "the same with types and nulls, sorted: pandas.read_parquet, polars.read_parquet, DuckDB"),
    ("summary.csv", "mean, standard deviation, standard error and count of every (n, signal_norm)"),
    ("boundary.json", "crossings, exponent, constant and agreement, with intervals"),
    ("heatmap.png, heatmap.svg", "mean test loss, and mean 0-1 test error beside it"),
    ("cut.png, cut.svg", "where the mean test loss is at least the cut"),
    ("config.json", "the configuration"),
    ("run.json", "the configuration, versions, machine and durations"),
];

fn facts(cells: &[Cell], groups: &[Group], boundary: &Boundary, session: &Session) -> Vec<(&'static str, String)> {
    let agrees = |share: f64| format!("agrees with {:.2}% of the converged cells", 100.0 * share);
    let none = boundary.not_converged == cells.len();
    let best = format!("{:.4}: {}", boundary.best_constant, agrees(boundary.agreement_best));
    let all: f64 = cells.iter().map(|cell| cell.seconds).sum();
    let mut facts = vec![
        ("cells", cells.len().to_string()),
        ("not converged", format!("{} of {}", boundary.not_converged, cells.len())),
        ("exponent of SNR* against N (theory: -1/2)", boundary.exponent.map_or("no fit".into(), with_interval)),
        ("N SNR*\u{b2} at the boundary", boundary.constant.map_or("no fit".into(), with_interval)),
        ("best constant", if none { "no cell converged".into() } else { best }),
    ];
    if reaches_1000(groups) && !none {
        facts.push(("constant 1000", agrees(boundary.agreement_1000)));
    }
    facts.push((
        "duration of this session",
        format!("{:.1} s, on {} threads, {}", session.seconds, session.threads, machine()),
    ));
    facts.push(("computing time of all cells", format!("{all:.1} s")));
    facts
}

fn with_interval(interval: Interval) -> String {
    let Interval { value, low, high } = interval;
    format!("{value:.3} [{low:.3}, {high:.3}]")
}

fn crossings(crossings: &[Crossing]) -> Table {
    let row = |crossing: &Crossing| {
        let number = |x: Option<f64>, digits: usize| x.map_or("none".into(), |x| format!("{x:.digits$}"));
        let first = crossing.first_signal_below.map_or("none".into(), |signal| signal.to_string());
        let interval = crossing.snr.map_or(String::new(), |snr| format!("[{:.4}, {:.4}]", snr.low, snr.high));
        let snr = number(crossing.snr.map(|snr| snr.value), 4);
        vec![crossing.n.to_string(), snr, interval, number(crossing.n_snr2, 3), first]
    };
    Table {
        title: "Boundary".into(),
        note: format!(
            "Where the mean test loss of each N crosses {CUT}, with the interval that holds 95 of 100 resamplings of \
             the replicates."
        ),
        head: ["N", "SNR*", "95% interval", "N SNR*\u{b2}", "first signal norm below"].map(String::from).into(),
        rows: crossings.iter().map(row).collect(),
        folded: false,
    }
}

fn means(groups: &[Group]) -> Table {
    let moments = |numbers: &[f64]| match Moments::of(numbers) {
        Some(m) => format!("{:.4} \u{b1} {:.4}", m.mean, m.standard_error),
        None => String::new(),
    };
    let row = |group: &Group| {
        let steps = Moments::of(&group.steps).map_or(String::new(), |m| format!("{:.1}", m.mean));
        vec![
            group.n.to_string(),
            group.signal_norm.to_string(),
            format!("{:.4}", group.snr),
            format!("{:.3}", group.n as f64 * group.snr * group.snr),
            moments(&group.test_loss),
            moments(&group.test_error),
            steps,
            group.test_loss.len().to_string(),
            group.not_converged.to_string(),
        ]
    };
    let head =
        ["N", "signal norm", "SNR", "N SNR\u{b2}", "test loss", "0-1 error", "steps", "converged", "not converged"];
    Table {
        title: "Means".into(),
        note: "Over the replicates that converged, with the standard error of the mean; blank where none did.".into(),
        head: head.map(String::from).into(),
        rows: groups.iter().map(row).collect(),
        folded: true,
    }
}
