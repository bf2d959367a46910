//! The end of a phase diagram: what all its cells say together, as files, as a page and in the terminal.

use crate::base::error::Interrupted;
use crate::base::files::OutFolder;
use crate::base::progress::{counted, print_line};
use crate::draw;
use crate::draw::axis::Axis;
use crate::draw::picture::SCREEN;
use crate::draw::{COLORS, Dots, Panel, Series};
use crate::lab::grid::Config;
use crate::lab::heatmap::{self, Shown};
use crate::lab::parquet::Columns;
use crate::lab::session::{Model, Session, condition, ends, places, shown_in_curves, verdicts};
use crate::lab::{page, parquet, phase_page, rows, run_record, wording};
use mote_lab::boundary::{Crossing, Missing};
use mote_lab::control::{Stop, check};
use mote_lab::error::Error;
use mote_lab::outcome::Cell;
use mote_lab::place::GridPoint;
use mote_lab::recipe::Form;
use mote_lab::statistics::Redraws;
use mote_lab::summary::{self, Group, Moments};
use mote_lab::theory::CONSTANTS;

/// All cells of a folder.
#[derive(Clone, Copy, Debug)]
pub struct Cells<'a> {
    /// Those of the grid, in its order.
    pub grid: &'a [Cell],
    /// Those and the others, in the order of the grid.
    pub all: &'a [Cell],
    /// The extra axes that have a column.
    pub extra: &'a Columns,
}

/// Writes what all cells of the grid say together. All files are made before the first is written, so that told to stop
/// it leaves the folder as it was.
///
/// # Errors
///
/// [`Interrupted`] when told to stop. If a file cannot be written or a picture not be drawn. The cells are saved, and the
/// same command ends the work.
pub fn summarize(config: &Config, cells: Cells, out: &OutFolder, session: &Session, stop: Stop) -> anyhow::Result<()> {
    conclude(config, cells, |groups, models| make(config, cells, groups, models, session, stop), out, session, stop)
}

/// Writes where the cells turn at the cut of the session, beside the files of another cut.
///
/// # Errors
///
/// As [`summarize`].
pub fn beside(config: &Config, cells: Cells, out: &OutFolder, session: &Session, stop: Stop) -> anyhow::Result<()> {
    let alone = Session { csv: false, ..session.clone() };
    conclude(config, cells, |_, models| beside_files(config, models, session.threshold), out, &alone, stop)
}

fn beside_files(config: &Config, models: &[Model], cut: f64) -> anyhow::Result<Files> {
    let at = format!("-cut{cut}");
    let mut files = vec![(format!("boundary{at}.json"), boundaries(config, models, cut)?)];
    for model in models {
        files.extend(pictures(model, models.len(), &at, &[("cut", &[Shown::Cut])])?);
    }
    Ok(files)
}

/// Names and contents.
type Files = Vec<(String, Vec<u8>)>;

/// Writes the files that are made of the cells, and says what the cells say.
fn conclude(
    config: &Config,
    cells: Cells,
    make: impl FnOnce(&[Group], &[Model]) -> anyhow::Result<Files>,
    out: &OutFolder,
    session: &Session,
    stop: Stop,
) -> anyhow::Result<()> {
    let (count, others) = (cells.grid.len(), cells.all.len() - cells.grid.len());
    let groups = summary::groups(cells.grid, |place| config.recipe.snr(place));
    let blame = |error: anyhow::Error| match error.downcast_ref() == Some(&Error::Stopped) {
        true => Interrupted { done: format!("{count} of {}", counted(count, "cell")), saved: Some(out.path().into()) }
            .into(),
        false => error.context("all cells are saved; the same command continues from here"),
    };
    let models = groups.chunk_by(Group::is_beside).map(|groups| Model::new(config, groups, session.threshold, stop));
    let models: Vec<Model> = models.collect::<Result<_, _>>().map_err(|stopped: Error| blame(stopped.into()))?;
    let files = make(&groups, &models).map_err(blame)?;
    for (name, contents) in &files {
        out.write(name, contents).map_err(blame)?;
    }
    if session.open {
        page::show(out);
    }
    let not_converged: usize = models.iter().map(|model| model.boundary.not_converged).sum();
    let (count, seconds) = (counted(count, "cell"), session.seconds);
    let others = match others {
        0 => String::new(),
        others => format!("; {others} off this grid stay in the table and are left out here"),
    };
    print_line(format_args!("{count}, {not_converged} of them not converged, in {seconds:.1} s{others}"))?;
    for model in &models {
        if models.len() > 1 {
            print_line(format_args!("{}:", model.name))?;
        }
        report(model)?;
    }
    if models.iter().any(|model| model.boundary.crossings.iter().any(|crossing| crossing.snr.is_some())) {
        print_line(format_args!("crossings: {}", wording::SMOOTHING))?;
    }
    let table = session.csv.then_some("cells.csv");
    let names: Vec<&str> = table.into_iter().chain(files.iter().map(|file| file.0.as_str())).collect();
    if let Some(condition) = condition(config) {
        print_line(condition.text())?;
    }
    print_line(format_args!("saved in {}: {}", out.path().display(), names.join(" ")))
}

/// Heat maps of a model, one of some: each `stem` with what it shows, and `at` at the end of its name.
fn pictures(model: &Model, models: usize, at: &str, stems: &[(&str, &[Shown])]) -> anyhow::Result<Files> {
    let suffix = if models > 1 { model.suffix() } else { String::new() };
    let mut files = Files::new();
    for (stem, shown) in stems {
        let picture = heatmap::panels(&[model.groups.into()], &model.labels, shown);
        files.push((format!("{stem}{suffix}{at}.svg"), picture.svg()?));
        files.push((format!("{stem}{suffix}{at}.png"), picture.png(SCREEN)?));
    }
    Ok(files)
}

/// Figures of `boundary.json` that follow from the mean test loss of each place: exact in every space, as means are.
const FROM_MEANS: [&str; 3] = ["crossings", "exponent", "constant"];

/// Those that count cells by the test loss of each, which is not linear in it: exact in spaces `weights` and `tokens`.
const FROM_CELLS: [&str; 4] = ["agreement_1000", "best_constant", "best_constant_interval", "agreement_best"];

/// Makes every file but `cells.csv`, which is there: names and contents.
fn make(
    config: &Config,
    cells: Cells,
    groups: &[Group],
    models: &[Model],
    session: &Session,
    stop: Stop,
) -> anyhow::Result<Files> {
    let mut files = Files::new();
    let mut put = |name: &str, contents: Vec<u8>| {
        files.push((name.to_owned(), contents));
        check(stop)
    };
    put(parquet::NAME, parquet::cells(cells.all, config, &rows::digest(config), cells.extra)?)?;
    put("summary.csv", summary::to_csv(groups, &config.swept()).into())?;
    put("boundary.json", boundaries(config, models, session.threshold)?)?;
    for model in models {
        let stems = [("heatmap", &[Shown::Loss, Shown::Error][..]), ("cut", &[Shown::Cut])];
        for (name, contents) in pictures(model, models.len(), "", &stems)? {
            put(&name, contents)?;
        }
    }
    let curves = if models.len() > 1 { Some(curves(&config.n, models)?) } else { None };
    let page =
        phase_page::page(config, cells.grid, models, curves.as_ref().map(|(svg, _)| svg.as_slice()), session, stop)?;
    if let Some((svg, png)) = curves {
        put("curves.svg", svg)?;
        put("curves.png", png)?;
    }
    if let Form::Uniform { .. } = config.recipe.form {
        put("theory.csv", theory(config).into())?;
    }
    let own = serde_json::json!({
        "cut": session.threshold,
        "condition": condition(config),
        "cells": cells.grid.len(),
        "cells_off_grid": cells.all.len() - cells.grid.len(),
        "seconds_of_all_cells": cells.grid.iter().map(|cell| cell.seconds).sum::<f64>(),
    });
    let run = run_record::text(config, session.threads, session.seconds, own)?;
    put(run_record::NAME, run.into())?;
    put(page::NAME, page.render()?.into())?;
    Ok(files)
}

/// `boundary.json`: where every diagram turns.
fn boundaries(config: &Config, models: &[Model], cut: f64) -> anyhow::Result<Vec<u8>> {
    let is_said = |figure: &&str| models.iter().all(|model| model.has(figure));
    let json = serde_json::json!({
        "cut": cut,
        "models": models.iter().map(|model| model.json(config)).collect::<Result<Vec<_>, _>>()?,
        "intervals": { "level": 0.95, "redraws": Redraws::COUNT },
        "smoothing": wording::SMOOTHING,
        "from_means": FROM_MEANS,
        "from_cells": FROM_CELLS.into_iter().filter(is_said).collect::<Vec<_>>(),
    });
    Ok(format!("{}\n", serde_json::to_string_pretty(&json)?).into())
}

/// Mean test loss against `N SNR^2`, a line with a band of two standard errors for every model, a panel for every N.
fn curves(ns: &[usize], models: &[Model]) -> anyhow::Result<(Vec<u8>, Vec<u8>)> {
    let panel = |n: &usize| {
        let line = |(model, color): (&Model, &&str)| {
            let of_n = model.groups.chunk_by(|a, b| a.n == b.n).find(|row| row[0].n == *n).unwrap_or_default();
            // More than anyone can tell apart would only make the file large.
            let of_n = of_n.iter().step_by(of_n.len().div_ceil(2000).max(1));
            let points: Vec<(f64, Moments)> = of_n
                .filter_map(|group| Some((*n as f64 * group.snr * group.snr, Moments::of(&group.test_loss)?)))
                .collect();
            // No band where a point's spread is not known.
            let edge = |sign: f64| -> Option<Vec<f64>> {
                points.iter().map(|(_, m)| Some(m.mean + sign * 2.0 * m.standard_error?)).collect()
            };
            let (dim, head) = (model.boundary.dim, model.boundary.head);
            Series {
                name: format!("D={} H={}{}", short(dim), short(head as u64), model.beside),
                color: (*color).into(),
                dashed: false,
                points: points.iter().map(|(x, m)| (*x, m.mean)).collect(),
                band: edge(-1.0).zip(edge(1.0)),
                dots: if points.len() <= 60 { Dots::OnLine } else { Dots::None },
            }
        };
        Panel {
            title: format!("mean test loss, N={n}"),
            x: Axis { label: "N SNR\u{b2}".into(), is_log: true },
            y: Axis::linear("test loss"),
            y_max: None,
            series: models.iter().zip(COLORS.iter().cycle()).map(line).collect(),
            marks: Vec::new(),
            from_zero: true,
        }
    };
    draw::render(shown_in_curves(ns).iter().map(panel).collect())
}

/// Which items of Condition 4.1 each place misses.
fn theory(config: &Config) -> String {
    let mut csv = String::from("n,signal_norm,snr,n_snr2,dim,head,eps,missed,constants\n");
    for (place, verdict) in places(config).zip(verdicts(config)) {
        let (GridPoint { samples, signal_norm, dim, head, .. }, missed) = (place, verdict.missed().join(" "));
        let (snr, n_snr2, eps) = (verdict.snr, verdict.n_snr2, config.recipe.stop_loss);
        csv += &format!("{samples},{signal_norm},{snr},{n_snr2},{dim},{head},{eps},{missed},{CONSTANTS}\n");
    }
    csv
}

fn report(model: &Model) -> anyhow::Result<()> {
    let (groups, boundary, option) = (model.groups, &model.boundary, model.labels.signal.option());
    let threshold = boundary.threshold;
    for Crossing { n, snr, n_snr2, missing, .. } in &boundary.crossings {
        match (snr, n_snr2) {
            (Some(snr), Some(n_snr2)) => {
                let (value, interval) = (snr.value, wording::ends_or_why(Some(*snr), *missing, 3));
                let line = format_args!(
                    "N={n:3}: test loss crosses {threshold} at SNR {value:.3} {interval}, N SNR^2 = {n_snr2:.2}"
                );
                print_line(line)?;
            }
            _ if *missing == Some(Missing::NoMean) => print_line(format_args!("N={n:3}: no replicate converged"))?,
            _ => {
                let why = missing.map_or("", Missing::text);
                let not = format!("test loss does not cross {threshold} on this grid");
                print_line(format_args!("N={n:3}: {not}, {why}; widen {option}"))?;
            }
        }
    }
    if let (Some(exponent), Some(constant)) = (boundary.exponent, boundary.constant) {
        let ends = |interval, digits| wording::fit_ends_or_why(interval, &boundary.crossings, digits);
        print_line(format_args!(
            "SNR* = constant N^{:.3} {}; N SNR*^2 = {:.2} {}",
            exponent.value,
            ends(exponent, 3),
            constant.value,
            ends(constant, 2)
        ))?;
        if let Some(left_out) = wording::left_out(model) {
            print_line(format_args!("exponent {left_out}"))?;
        }
    }
    if boundary.crossings.iter().any(|crossing| crossing.snr.is_some()) {
        print_line(wording::intervals(model))?;
    }
    let errors: Vec<f64> = groups.iter().flat_map(|group| group.test_error.iter().copied()).collect();
    let high = errors.iter().filter(|error| **error > 0.05).count();
    let share = 100.0 * boundary.agreement_best;
    let constant = match boundary.best_constant {
        Some(constant) => format!("best constant {constant:.4}{}", ends(boundary.best_constant_interval, 4)),
        None => "best constant above the grid".into(),
    };
    print_line(format_args!(
        "{constant}: {share:.2}% of the cells agree; 0-1 error above 5% in {}",
        counted(high, "cell")
    ))?;
    if model.reaches_1000() {
        let share = 100.0 * boundary.agreement_1000;
        print_line(format_args!(
            "agreement with \"test loss below {threshold} if and only if N SNR^2 >= 1000\": {share:.2}%"
        ))?;
    }
    Ok(())
}

/// A size for a legend: in full while that is short.
fn short(size: u64) -> String {
    if size < 100_000 { size.to_string() } else { format!("{size:e}") }
}
