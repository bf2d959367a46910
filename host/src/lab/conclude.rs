//! What a finished phase diagram is turned into: tables, pictures, and a few lines of text.

use super::boundary::Boundary;
use super::cell::Place;
use super::grid::Config;
use super::recipe::Form;
use super::store::Cell;
use super::summary::{self, Group, Moments};
use super::theory::Verdict;
use crate::draw::{self, Panel, Series, heatmap};
use crate::files::OutFolder;
use crate::progress::say;

/// Test loss at which the paper cuts its picture.
const CUT: f64 = 0.2;

/// Writes what all cells say together.
///
/// # Errors
///
/// If a file cannot be written.
pub fn conclude(config: &Config, cells: &[Cell], out: &OutFolder, threads: usize, seconds: f64) -> anyhow::Result<()> {
    // In the order of the grid, whatever the order on disk: a mean must not depend on threads.
    let mut cells = cells.to_vec();
    cells.sort_by_key(|cell| cell.place.key());
    let groups = summary::groups(&cells, |place| config.recipe.snr(place));
    let models: Vec<&[Group]> = groups.chunk_by(|a, b| a.model == b.model).collect();
    let boundaries: Vec<Boundary> = models.iter().map(|groups| Boundary::of(groups, CUT, config.seed)).collect();
    let json = serde_json::json!({ "cut": CUT, "models": boundaries });
    let mut files = vec!["cells.csv".to_owned(), "summary.csv".into(), "boundary.json".into(), "run.json".into()];
    out.write("summary.csv", summary::to_csv(&groups).as_bytes())?;
    out.write("boundary.json", format!("{}\n", serde_json::to_string_pretty(&json)?).as_bytes())?;
    for (groups, boundary) in models.iter().zip(&boundaries) {
        let (dim, head) = (boundary.dim, boundary.head);
        let suffix = if models.len() > 1 { format!("-D{dim}-H{head}") } else { String::new() };
        let title = format!("M={} D={dim} H={head} lr={}", config.recipe.tokens, config.recipe.learning_rate);
        let constant = boundary.constant.map_or(boundary.best_constant, |constant| constant.value);
        picture(out, &mut files, &format!("heatmap{suffix}"), heatmap::losses(groups, constant, &title)?)?;
        picture(out, &mut files, &format!("cut{suffix}"), heatmap::cut(groups, CUT, constant, &title)?)?;
    }
    if models.len() > 1 {
        picture(out, &mut files, "curves", curves(&config.n, &models)?)?;
    }
    if let Form::Uniform { .. } = config.recipe.form {
        out.write("theory.csv", theory(config).as_bytes())?;
        files.push("theory.csv".into());
    }
    let run = serde_json::json!({
        "engine": mote_core::VERSION,
        "math": mote_core::math::NAME,
        "config": config,
        "cells": cells.len(),
        "threads": threads,
        "machine": format!("{} {}", std::env::consts::ARCH, std::env::consts::OS),
        "seconds_of_this_session": seconds,
        "seconds_of_all_cells": cells.iter().map(|cell| cell.seconds).sum::<f64>(),
    });
    out.write("run.json", format!("{}\n", serde_json::to_string_pretty(&run)?).as_bytes())?;
    let not_converged: usize = boundaries.iter().map(|boundary| boundary.not_converged).sum();
    say(format_args!("{} cells, {not_converged} of them not converged, in {seconds:.1} s", cells.len()))?;
    for (groups, boundary) in models.iter().zip(&boundaries) {
        if models.len() > 1 {
            say(format_args!("D={} H={}:", boundary.dim, boundary.head))?;
        }
        report(groups, boundary)?;
    }
    say(format_args!("saved in {}: {}", out.path().display(), files.join(" ")))
}

fn picture(out: &OutFolder, files: &mut Vec<String>, stem: &str, drawn: (Vec<u8>, Vec<u8>)) -> anyhow::Result<()> {
    for (extension, bytes) in [("svg", drawn.0), ("png", drawn.1)] {
        let name = format!("{stem}.{extension}");
        out.write(&name, &bytes)?;
        files.push(name);
    }
    Ok(())
}

/// Mean test loss against `N SNR^2`, a line with a band of two standard errors for every model, a panel for every N.
fn curves(ns: &[usize], models: &[&[Group]]) -> anyhow::Result<(Vec<u8>, Vec<u8>)> {
    let colors = [draw::BLUE, draw::ORANGE, draw::GREEN, draw::RED];
    let panel = |n: &usize| {
        let line = |(model, color): (&&[Group], &&str)| {
            let of_n = model.iter().filter(|group| group.n == *n);
            let points: Vec<(f64, Moments)> = of_n
                .filter_map(|group| Some((*n as f64 * group.snr * group.snr, Moments::of(&group.test_loss)?)))
                .collect();
            let edge = |sign: f64| points.iter().map(|(_, m)| m.mean + sign * 2.0 * m.standard_error).collect();
            let (dim, head) = model[0].model;
            Series {
                name: format!("D={dim:e} H={head:e}"),
                color: (*color).into(),
                dashed: false,
                points: points.iter().map(|(x, m)| (*x, m.mean)).collect(),
                band: Some((edge(-1.0), edge(1.0))),
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
    // The constant of the paper's own recipe, where the grid reaches it.
    if groups.iter().any(|group| group.n as f64 * group.snr * group.snr >= 1000.0) {
        let share = 100.0 * boundary.agreement_1000;
        say(format_args!("agreement with \"test loss below {CUT} if and only if N SNR^2 >= 1000\": {share:.2}%"))?;
    }
    Ok(())
}
