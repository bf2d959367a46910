//! The end of a phase diagram: what all its cells say together, as files, as a page and in the terminal.

use super::boundary::Boundary;
use super::cell::Place;
use super::grid::Config;
use super::phase_page;
use super::product;
use super::recipe::Form;
use super::store::Cell;
use super::summary::{self, Group, Moments};
use super::theory::Verdict;
use crate::draw::heatmap::{self, Labels, Shown};
use crate::draw::{self, Panel, Series};
use crate::files::{OutFolder, parquet};
use crate::progress::{counted, say};
use anyhow::Context;

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
    /// Test loss at which the picture is cut.
    pub cut: f64,
}

/// All cells of one model, and what they say.
pub struct Model<'a> {
    /// Cells by (n, signal norm).
    pub groups: &'a [Group],
    /// Where they turn.
    pub boundary: Boundary,
    /// What a picture of them says besides.
    pub labels: Labels,
}

/// Writes what all cells say together.
///
/// # Errors
///
/// If a file cannot be written or a picture not be drawn. The cells are saved, and the same command ends the work.
pub fn conclude(config: &Config, mut cells: Vec<Cell>, out: &OutFolder, session: &Session) -> anyhow::Result<()> {
    // In the order of the grid, whatever the order on disk: a mean must not depend on threads.
    cells.sort_by_key(|cell| cell.place.key());
    let groups = summary::groups(&cells, |place| config.recipe.snr(place));
    let models: Vec<Model> =
        groups.chunk_by(|a, b| a.model == b.model).map(|groups| Model::new(config, groups, session.cut)).collect();
    let files = write(config, &cells, &groups, &models, out, session)
        .context("all cells are saved, and the same command goes on from here")?;
    let not_converged: usize = models.iter().map(|model| model.boundary.not_converged).sum();
    let (count, seconds) = (cells.len(), session.seconds);
    let count = counted(count, "cell");
    say(format_args!("{count}, {not_converged} of them not converged, in {seconds:.1} s"))?;
    for model in &models {
        if models.len() > 1 {
            say(format_args!("D={} H={}:", model.boundary.dim, model.boundary.head))?;
        }
        report(model.groups, &model.boundary)?;
    }
    say(format_args!("saved in {}: {}", out.path().display(), files.join(" ")))
}

impl<'a> Model<'a> {
    fn new(config: &Config, groups: &'a [Group], cut: f64) -> Self {
        let boundary = Boundary::of(groups, cut, config.seed);
        let (tokens, lr) = (config.recipe.tokens, config.recipe.learning_rate);
        let recipe = format!("M={tokens} D={} H={} lr={lr}", boundary.dim, boundary.head);
        let constant = boundary.constant.map(|constant| constant.value).or(boundary.best_constant);
        Self { groups, boundary, labels: Labels { recipe, cut, constant } }
    }

    /// Whether the constant of the paper's own recipe lies on the grid.
    pub fn reaches_1000(&self) -> bool {
        reaches_1000(self.groups)
    }
}

/// Writes every file but `cells.csv`, which is there; names them all.
fn write(
    config: &Config,
    cells: &[Cell],
    groups: &[Group],
    models: &[Model],
    out: &OutFolder,
    session: &Session,
) -> anyhow::Result<Vec<String>> {
    let mut files = vec!["cells.csv".to_owned()];
    let mut put = |name: &str, bytes: &[u8]| {
        files.push(name.into());
        out.write(name, bytes)
    };
    put("cells.parquet", &parquet::cells(cells, config)?)?;
    put("summary.csv", summary::to_csv(groups).as_bytes())?;
    let boundaries: Vec<&Boundary> = models.iter().map(|model| &model.boundary).collect();
    let json = serde_json::json!({ "cut": session.cut, "models": boundaries });
    put("boundary.json", format!("{}\n", serde_json::to_string_pretty(&json)?).as_bytes())?;
    let mut pictures = Vec::new();
    for model in models {
        let (dim, head) = (model.boundary.dim, model.boundary.head);
        let suffix = if models.len() > 1 { format!("-D{dim}-H{head}") } else { String::new() };
        for (stem, shown) in [("heatmap", &[Shown::Loss, Shown::Error][..]), ("cut", &[Shown::Cut])] {
            pictures.push((format!("{stem}{suffix}"), heatmap::panels(model.groups, &model.labels, shown)?));
        }
    }
    if models.len() > 1 {
        pictures.push(("curves".into(), curves(&config.n, models)?));
    }
    for (stem, (svg, png)) in &pictures {
        put(&format!("{stem}.svg"), svg)?;
        put(&format!("{stem}.png"), png)?;
    }
    if let Form::Uniform { .. } = config.recipe.form {
        put("theory.csv", theory(config).as_bytes())?;
    }
    let run = serde_json::json!({
        "engine": mote_core::VERSION,
        "math": mote_core::math::NAME,
        "config": config,
        "cells": cells.len(),
        "threads": session.threads,
        "machine": machine(),
        "simd": product::simd(),
        "seconds_of_this_session": session.seconds,
        "seconds_of_all_cells": cells.iter().map(|cell| cell.seconds).sum::<f64>(),
    });
    put("run.json", format!("{}\n", serde_json::to_string_pretty(&run)?).as_bytes())?;
    let curves = pictures.last().filter(|_| models.len() > 1).map(|(_, (svg, _))| svg.as_slice());
    phase_page::page(config, cells, models, curves, session)?.write(out, session.open)?;
    files.push(super::page::NAME.into());
    Ok(files)
}

/// What kind of machine this is.
pub fn machine() -> String {
    format!("{} {}", std::env::consts::ARCH, std::env::consts::OS)
}

fn reaches_1000(groups: &[Group]) -> bool {
    groups.iter().any(|group| group.n as f64 * group.snr * group.snr >= 1000.0)
}

/// Mean test loss against `N SNR^2`, a line with a band of two standard errors for every model, a panel for every N.
fn curves(ns: &[usize], models: &[Model]) -> anyhow::Result<(Vec<u8>, Vec<u8>)> {
    let colors = [draw::BLUE, draw::ORANGE, draw::GREEN, draw::RED];
    let panel = |n: &usize| {
        let line = |(model, color): (&Model, &&str)| {
            let of_n = model.groups.iter().filter(|group| group.n == *n);
            let points: Vec<(f64, Moments)> = of_n
                .filter_map(|group| Some((*n as f64 * group.snr * group.snr, Moments::of(&group.test_loss)?)))
                .collect();
            // No band where a point's spread is not known.
            let edge = |sign: f64| -> Option<Vec<f64>> {
                points.iter().map(|(_, m)| Some(m.mean + sign * 2.0 * m.standard_error?)).collect()
            };
            let (dim, head) = (model.boundary.dim, model.boundary.head);
            Series {
                name: format!("D={} H={}", short(dim), short(head as u64)),
                color: (*color).into(),
                dashed: false,
                points: points.iter().map(|(x, m)| (*x, m.mean)).collect(),
                band: edge(-1.0).zip(edge(1.0)),
            }
        };
        Panel {
            title: format!("mean test loss, N={n}"),
            x_label: "N SNR^2".into(),
            y_label: "test loss".into(),
            y_max: None,
            series: models.iter().zip(colors.iter().cycle()).map(line).collect(),
            marks: Vec::new(),
            from_zero: true,
        }
    };
    draw::render(ns.iter().map(panel).collect())
}

/// Which items of Condition 4.1 each place misses.
fn theory(config: &Config) -> String {
    let mut csv = String::from("n,signal_norm,snr,n_snr2,dim,head,eps,missed\n");
    for &(dim, head) in &config.models {
        for &samples in &config.n {
            for &signal_norm in &config.signal {
                let place = Place { samples, signal_norm, replicate: 0, dim, head };
                let verdict = Verdict::of(&config.recipe, &place);
                let (snr, n_snr2, missed) = (verdict.snr, verdict.n_snr2, verdict.missed().join(" "));
                let eps = config.recipe.stop_loss;
                csv += &format!("{samples},{signal_norm},{snr},{n_snr2},{dim},{head},{eps},{missed}\n");
            }
        }
    }
    csv
}

fn report(groups: &[Group], boundary: &Boundary) -> anyhow::Result<()> {
    let cut = boundary.cut;
    for crossing in &boundary.crossings {
        match (crossing.snr, crossing.n_snr2) {
            (Some(snr), Some(n_snr2)) => {
                let n = crossing.n;
                say(format_args!("N={n:3}: test loss crosses {cut} at SNR {snr:.3}, N SNR^2 = {n_snr2:.2}"))?;
            }
            _ => say(format_args!("N={:3}: test loss does not cross {cut} on this grid", crossing.n))?,
        }
    }
    if let (Some(exponent), Some(constant)) = (boundary.exponent, boundary.constant) {
        say(format_args!("SNR* = constant N^{exponent:.3}; N SNR*^2 = {constant:.2}"))?;
    }
    let errors: Vec<f64> = groups.iter().flat_map(|group| group.test_error.iter().copied()).collect();
    let high = errors.iter().filter(|error| **error > 0.05).count();
    let share = 100.0 * boundary.agreement_best;
    let constant = match boundary.best_constant {
        Some(constant) => format!("best constant {constant:.4}"),
        None => "best constant above the grid".into(),
    };
    say(format_args!("{constant}: {share:.2}% of the cells agree; 0-1 error above 5% in {}", counted(high, "cell")))?;
    if reaches_1000(groups) {
        let share = 100.0 * boundary.agreement_1000;
        say(format_args!("agreement with \"test loss below {cut} if and only if N SNR^2 >= 1000\": {share:.2}%"))?;
    }
    Ok(())
}

/// A size for a legend: in full while that is short.
fn short(size: u64) -> String {
    if size < 100_000 { size.to_string() } else { format!("{size:e}") }
}
