//! The end of `mote dynamics`: what all its runs say together, as files, as a page and in the terminal.

use crate::base::error::Interrupted;
use crate::base::files::OutFolder;
use crate::base::progress::{Interrupt, counted, print_line};
use crate::draw::{self, Dots, Panel, Series};
use crate::lab::columns::label;
use crate::lab::dynamics::X_LABEL;
use crate::lab::dynamics_curves::{
    Curves, FIGURES, MOST_DRAWN, Sitting, curves, drawn, labelled, shown_steps, signal, value, varying,
};
use crate::lab::grid::Config;
use crate::lab::runs::{self, Followed, Runs};
use crate::lab::{dynamics_page, page, run_record, runs_parquet};
use mote_lab::axes::{self, Kind, Strength};
use mote_lab::control::{Stop, check};
use mote_lab::dynamics::QUANTITIES;
use mote_lab::place::GridPoint;
use mote_lab::summary::{Moments, or_blank};

/// What of a place stands in the title of its pictures.
fn title(config: &Config, place: &GridPoint) -> String {
    let (n, (symbol, value)) = (place.samples, signal(config, place));
    let symbol = if config.signal.strength() == Strength::Norm { "s" } else { symbol };
    let model = if config.models.len() > 1 { format!(" D={} H={}", place.dim, place.head) } else { String::new() };
    format!("N={n} {symbol}={value}{model}{}", axes::label(config.axes, &place.extra))
}

/// Writes what all runs say together. All files are made before the first is written, so that told to stop it leaves the
/// folder as it was.
///
/// # Errors
///
/// [`Interrupted`] when told to stop. If a file cannot be written or a picture not be drawn. The runs are saved, and the
/// same command ends the work.
pub fn summarize(
    config: &Config,
    mut followed: Vec<Followed>,
    others: Vec<Followed>,
    store: &Runs,
    out: &OutFolder,
    sitting: &Sitting,
) -> anyhow::Result<()> {
    let (count, left_out, stop) = (followed.len(), others.len(), Interrupt::current().flag());
    // In the order of the grid, whatever the order on disk: a mean must not depend on threads.
    followed.sort_by_key(|run| run.place.key());
    let blame = |error: anyhow::Error| match error.downcast_ref() == Some(&mote_lab::Error::Stopped) {
        true => {
            Interrupted { done: format!("{count} of {}", counted(count, "run")), saved: Some(out.path().into()) }.into()
        }
        false => error.context("all runs are saved; the same command continues from here"),
    };
    let curves = curves(config, &followed, stop).map_err(blame)?;
    let mut all = followed;
    all.extend(others);
    all.sort_by_key(|run| run.place.key());
    store.sort(&all, out)?;
    let mut files = make(config, &curves, (count, left_out), sitting, stop).map_err(blame)?;
    if sitting.keep_runs || out.path().join(runs_parquet::NAME).exists() {
        let parquet = runs_parquet::runs(&all, config, store.extra()).map_err(blame)?;
        files.insert(0, (runs_parquet::NAME.into(), parquet));
    }
    for (name, contents) in &files {
        out.write(name, contents).map_err(blame)?;
    }
    if sitting.open {
        page::show(out);
    }
    for (label, curves) in labelled(config, &curves) {
        report(&label, curves)?;
    }
    if let Some(left) = curves.len().checked_sub(MOST_DRAWN).filter(|left| *left > 0) {
        print_line(format_args!("{} more, in dynamics.csv", counted(left, "place")))?;
    }
    if left_out > 0 {
        print_line(format_args!("{} off this grid stay in runs.csv and are left out here", counted(left_out, "run")))?;
    }
    let names: Vec<&str> = std::iter::once(runs::NAME).chain(files.iter().map(|file| file.0.as_str())).collect();
    print_line(format_args!("saved in {}: {}", out.path().display(), names.join(" ")))
}

/// Makes every file but those of the runs themselves: names and contents.
fn make(
    config: &Config,
    curves: &[Curves],
    (count, left_out): (usize, usize),
    sitting: &Sitting,
    stop: Stop,
) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let mut files = Vec::new();
    let mut put = |name: &str, contents: Vec<u8>| {
        files.push((name.to_owned(), contents));
        check(stop)
    };
    put("dynamics.csv", csv(config, curves).into())?;
    put("stages.json", format!("{}\n", serde_json::to_string_pretty(&stages_of(config, curves))?).into())?;
    let (axes, mut figures) = (varying(config, curves), Vec::new());
    for curves in drawn(curves) {
        let suffix = axes.iter().map(|axis| format!("-{}{}", axis.name, value(config, axis, &curves.place)));
        let suffix: String = suffix.collect();
        for (stem, y_label, quantities) in FIGURES {
            let (svg, png) = draw::render(vec![panel(config, curves, y_label, quantities)])?;
            put(&format!("{stem}{suffix}.svg"), svg.clone())?;
            put(&format!("{stem}{suffix}.png"), png)?;
            figures.push(svg);
        }
    }
    let own = serde_json::json!({ "runs": count, "runs_off_grid": left_out });
    let run = run_record::text(config, sitting.threads, sitting.seconds, own)?;
    put(run_record::NAME, run.into())?;
    put(page::NAME, dynamics_page::page(config, curves, &figures, sitting)?.render()?.into())?;
    Ok(files)
}

/// Mean, deviation and runs of every quantity after every step, with a column for each axis that varies.
fn csv(config: &Config, curves: &[Curves]) -> String {
    let axes = varying(config, curves);
    let columns: String = axes.iter().map(|axis| format!("{},", axis.column)).collect();
    let mut csv = format!("{columns}step,quantity,mean,sd,runs\n");
    for Curves { place, table, .. } in curves {
        let values: String = axes.iter().map(|axis| format!("{},", value(config, axis, place))).collect();
        for (step, row) in table.iter().enumerate() {
            for (quantity, moments) in QUANTITIES.iter().zip(row) {
                let (mean, sd) = (moments.map(|m| m.mean), moments.and_then(|m| m.sd));
                let (mean, sd, count) = (or_blank(mean), or_blank(sd), moments.map_or(0, |m| m.count));
                csv += &format!("{values}{},{quantity},{mean},{sd},{count}\n", step + 1);
            }
        }
    }
    csv
}

/// The stages, of several places each with where it is.
fn stages_of(config: &Config, curves: &[Curves]) -> serde_json::Value {
    let axes = varying(config, curves);
    let of_place = |curves: &Curves| {
        let mut stages = serde_json::json!(curves.stages);
        for axis in &axes {
            let value = value(config, axis, &curves.place);
            stages[axis.column] =
                if matches!(axis.kind, Kind::Count(_)) { (value as u64).into() } else { value.into() };
        }
        stages
    };
    match curves {
        [one] => serde_json::json!(one.stages),
        all => all.iter().map(of_place).collect(),
    }
}

/// What a place came to, line by line.
fn report(label: &str, Curves { runs, table, stages, .. }: &Curves) -> anyhow::Result<()> {
    if !label.is_empty() {
        print_line(format_args!("{label}:"))?;
    }
    for step in shown_steps(table.len()) {
        let number = |(name, m): (&&str, &Option<Moments>)| m.map(|m| format!("{name} {:.4}", m.mean));
        let shown: Vec<String> = QUANTITIES.iter().zip(&table[step - 1]).filter_map(number).collect();
        print_line(format_args!("step {step:4}: {}", shown.join("  ")))?;
    }
    print_line(format_args!("{}; stages: {}", counted(*runs, "run"), serde_json::to_string(stages)?))
}

/// The picture of some quantities of a place, with bands of two standard deviations and the stages.
fn panel(config: &Config, curves: &Curves, y_label: &str, quantities: &[&str]) -> Panel {
    let colors = draw::COLORS;
    let Curves { place, table, stages, .. } = curves;
    let series = quantities.iter().zip(colors).filter_map(|(name, color)| {
        let of = QUANTITIES.iter().position(|known| known == name)?;
        let known = || table.iter().enumerate().filter_map(move |(step, row)| Some((step as f64 + 1.0, row[of]?)));
        let band =
            |sign: f64| -> Option<Vec<f64>> { known().map(|(_, m)| Some(m.mean + sign * 2.0 * m.sd?)).collect() };
        let points: Vec<(f64, f64)> = known().map(|(step, m)| (step, m.mean)).collect();
        // What this model or these samples do not have is no line.
        (!points.is_empty()).then(|| Series {
            name: label(name),
            color: color.into(),
            dashed: false,
            points,
            dots: Dots::None,
            band: band(-1.0).zip(band(1.0)),
        })
    });
    let marks = [stages.attention_starts, stages.attention_settles].into_iter().flatten().map(f64::from).collect();
    Panel {
        title: format!("{}: {} lr={}", config.preset, title(config, place), config.recipe.learning_rate),
        x: draw::axis::Axis::linear(X_LABEL),
        y: draw::axis::Axis::linear(y_label),
        y_max: None,
        series: series.collect(),
        marks,
        from_zero: false,
    }
}
