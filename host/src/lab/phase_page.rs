//! The page of a phase diagram: see [`crate::lab::page`].

use crate::base::progress::counted;
use crate::lab::grid::Config;
use crate::lab::heatmap::{self, Shown};
use crate::lab::page::{self, Figure, Page, Table};
use crate::lab::session::{Model, Session, condition, ends, machine, shown_in_curves};
use crate::lab::wording;
use mote_lab::control::{Stop, check};
use mote_lab::outcome::Cell;
use mote_lab::statistics::Interval;
use mote_lab::summary::{Group, Moments};

/// The page; `curves` is the picture of all models together, if there are several.
///
/// # Errors
///
/// If a picture is not what it should be; [`Error::Stopped`](mote_lab::Error::Stopped) when told to.
pub fn page(
    config: &Config,
    cells: &[Cell],
    models: &[Model],
    curves: Option<&[u8]>,
    session: &Session,
    stop: Stop,
) -> anyhow::Result<Page> {
    let threshold = session.threshold;
    let mut figures = Vec::new();
    let mut tables = Vec::new();
    if let Some(svg) = curves {
        let band = if config.replicates > 1 { ", with a band of two standard errors" } else { "" };
        let (shown, all) = (shown_in_curves(&config.n).len(), config.n.len());
        let some = if shown < all { format!(" {shown} of {all} N are shown.") } else { String::new() };
        let caption = format!("Mean test loss against N SNR\u{b2}{band}.{some}");
        figures.push(Figure::new("curves", svg, caption)?);
    }
    for (i, model) in models.iter().enumerate() {
        let of = if models.len() > 1 { format!(" {}.", model.labels.recipe) } else { String::new() };
        let picture = |name, shown, caption: String| {
            check(stop)?;
            let svg = heatmap::panels(&[model.groups.into()], &model.labels, &[shown]).svg()?;
            Figure::new(&format!("{name}{i}"), &svg, caption + &of)
        };
        let curve = match model.labels.constant {
            Some(constant) => format!("The orange curve is N SNR\u{b2} = {}.", heatmap::significant(constant)),
            None => "No constant separates this grid.".into(),
        };
        let hatched = "Hatched cells did not converge and have no number; hatching over a colour means that some did.";
        let hatched = if model.boundary.not_converged > 0 { format!(" {hatched}") } else { String::new() };
        let error = "Mean 0-1 test error: the share of wrong labels.";
        figures.extend([
            picture("loss", Shown::Loss, format!("Mean test loss over replicates. {curve}{hatched}"))?,
            picture("error", Shown::Error, format!("{error} {curve}{hatched}"))?,
            picture(
                "cut",
                Shown::Cut,
                format!("1 where the mean test loss is at least {threshold}, else 0. {curve}{hatched}"),
            )?,
        ]);
        tables.push(crossings(model, &of));
    }
    tables.extend(models.iter().map(|model| means(model, models.len() > 1)));
    let one = if let [model] = models { format!(" {}.", model.labels.recipe) } else { String::new() };
    Ok(Page {
        title: format!("Phase diagram: {}", config.preset),
        lead: format!(
            "Test loss and 0-1 test error of a softmax-attention classifier after gradient descent, over the number of \
             training samples N and the norm of the signal.{one}"
        ),
        facts: facts(config, cells, models, session),
        figures,
        tables,
        config: page::settings(config)?,
        run_file: session.run_file.clone(),
        files: FILES.into_iter().filter(|(name, _)| session.csv || *name != "cells.csv").collect(),
    })
}

const FILES: [(&str, &str); 10] = [
    ("cells.csv", "one row per cell, in the order of the grid"),
    (
        "cells.parquet",
        "one row per cell with types and nulls, sorted: pandas.read_parquet, polars.read_parquet, DuckDB",
    ),
    ("summary.csv", "mean, standard deviation, standard error and count of every (n, signal_norm)"),
    (
        "boundary.json",
        "from the mean test loss of each place: crossings, exponent and constant; from the test loss of each cell: \
         agreement and best constant; with intervals",
    ),
    ("heatmap*.png, .svg", "mean test loss, and mean 0-1 test error beside it; of several models, one each"),
    ("cut*.png, .svg", "where the mean test loss is at least the cut"),
    ("curves.png, .svg", "several models: mean test loss over N SNR^2, with bands of two standard errors"),
    ("theory.csv", "uniform form: which items of the theorem's condition each place misses"),
    ("config.json", "the configuration"),
    ("run.json", "the configuration, versions, machine and durations"),
];

fn facts(config: &Config, cells: &[Cell], models: &[Model], session: &Session) -> Vec<(&'static str, String)> {
    let not_converged: usize = models.iter().map(|model| model.boundary.not_converged).sum();
    let all: f64 = cells.iter().map(|cell| cell.seconds).sum();
    let mut facts =
        vec![("cells", cells.len().to_string()), ("not converged", format!("{not_converged} of {}", cells.len()))];
    for model in models {
        let boundary = &model.boundary;
        let of = if models.len() > 1 { format!(" ({})", model.name) } else { String::new() };
        let over = wording::left_out(model);
        let over = over.map_or(String::new(), |over| format!(", {over}"));
        let with_interval = |interval: Interval| {
            format!("{:.3} {}{over}{of}", interval.value, wording::fit_ends_or_why(interval, &boundary.crossings, 3))
        };
        let agrees = |share: f64| format!("agrees with {:.2}% of the converged cells{of}", 100.0 * share);
        // A grid that has no boundary, or cells that did not converge, have no figures.
        let exponent = boundary.exponent.map(|x| ("exponent of SNR* against N (theory: -1/2)", with_interval(x)));
        let constant = boundary.constant.map(|x| ("N SNR*\u{b2} at the boundary", with_interval(x)));
        let is_fitted = constant.is_some();
        facts.extend(exponent.into_iter().chain(constant));
        if is_fitted {
            facts.push(("intervals", format!("{}{of}", wording::intervals(model))));
        }
        if model.groups.iter().all(|group| group.test_loss.is_empty()) {
            continue;
        }
        let interval = ends(boundary.best_constant_interval, 4);
        let best =
            boundary.best_constant.map_or("above the grid".into(), |constant| format!("{constant:.4}{interval}"));
        facts.push(("best constant", format!("{best}: {}", agrees(boundary.agreement_best))));
        if model.reaches_1000() {
            facts.push(("constant 1000", agrees(boundary.agreement_1000)));
        }
    }
    facts.extend(condition(config).map(|condition| ("theorem", condition.text())));
    let session = format!("{:.1} s, on {}, {}", session.seconds, counted(session.threads, "thread"), machine());
    facts.push(("duration of this session", session));
    facts.push(("computing time of all cells", format!("{all:.1} s")));
    facts
}

fn crossings(model: &Model, of: &str) -> Table {
    let (crossings, threshold) = (&model.boundary.crossings, model.boundary.threshold);
    let row = |i: usize| {
        let crossing = &crossings[i];
        let number = |x: Option<f64>, digits: usize| x.map_or("none".into(), |x| format!("{x:.digits$}"));
        let first = crossing.first_signal_below.map_or("none".into(), |signal| signal.to_string());
        let interval = match (crossing.snr, crossing.missing) {
            (None, Some(missing)) => missing.text().into(),
            (snr, missing) => wording::ends_or_why(snr, missing, 4),
        };
        let snr = number(crossing.snr.map(|snr| snr.value), 4);
        vec![crossing.n.to_string(), snr, interval, number(crossing.n_snr2, 3), first]
    };
    Table {
        title: "Boundary".into(),
        note: format!(
            "Where the mean test loss of each N crosses {threshold}; {}. {}: every mean is redrawn from a t \
             distribution, with a variance pooled over up to five neighbouring signals.{of} {EXACT}",
            wording::SMOOTHING,
            wording::intervals(model)
        ),
        head: ["N", "SNR*", "95% interval", "N SNR*\u{b2}", "first signal norm below"].map(String::from).into(),
        rows: Vec::new(),
        folded: false,
    }
    .or_file(crossings.len(), row, "boundary.json")
}

/// What the spaces that draw test samples independently leave as it is, and what not.
const EXACT: &str = "Crossings, exponent and constant come from means over cells, which are exact in every space. \
                     Agreement and best constant count cells by the test loss of each, and standard deviations are of \
                     cells: in spaces sampled and free, which draw the test samples of a cell independently, these are \
                     not exact.";

fn means(model: &Model, is_one_of_many: bool) -> Table {
    let moments = |numbers: &[f64]| match Moments::of(numbers) {
        Some(Moments { mean, standard_error: Some(error), .. }) => format!("{mean:.4} \u{b1} {error:.4}"),
        Some(Moments { mean, .. }) => format!("{mean:.4}"),
        None => String::new(),
    };
    let row = |i: usize| {
        let group: &Group = &model.groups[i];
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
        title: if is_one_of_many { format!("Means, {}", model.labels.recipe) } else { "Means".into() },
        note: "Over the replicates that converged, with the standard error of the mean; blank where none did.".into(),
        head: head.map(String::from).into(),
        rows: Vec::new(),
        folded: true,
    }
    .or_file(model.groups.len(), row, "summary.csv")
}
