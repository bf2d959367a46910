//! The dynamics of a finished run, drawn again from its table.

use crate::base::error::InputError;
use crate::base::lists;
use crate::draw::axis::Axis;
use crate::draw::{self, COLORS, Dots, Panel, Series};
use crate::lab::columns::{Table, label};
use crate::lab::dynamics::X_LABEL;
use crate::lab::plot::{Drawn, Kind, Log, Wanted};
use mote_lab::dynamics::QUANTITIES;

/// The pictures of dynamics: quantities of one size together, with the name of their axis.
pub const FAMILIES: [(&str, &[&str]); 4] = [
    ("loss, 0-1 error", QUANTITIES.first_chunk::<3>().expect("eleven").as_slice()),
    ("attention", &[QUANTITIES[3], QUANTITIES[4]]),
    ("values", &[QUANTITIES[5], QUANTITIES[6]]),
    ("query-key products", &[QUANTITIES[7], QUANTITIES[8], QUANTITIES[9], QUANTITIES[10]]),
];

/// Panels of a picture.
const MOST_PANELS: usize = 12;

/// The columns of a table of one place; those of the axes that vary come before them.
const COLUMNS: [&str; 5] = ["step", "quantity", "mean", "sd", "runs"];

/// A place of the grid.
struct Place {
    /// What tells it from the others.
    label: String,
    /// Its rows of the table.
    rows: Vec<usize>,
}

/// The places of a table, in its order.
fn places(table: &Table) -> Result<Vec<Place>, InputError> {
    let axes: Vec<&str> = table.names().into_iter().filter(|name| !COLUMNS.contains(name)).collect();
    let values = axes.iter().map(|axis| table.words("y", axis)).collect::<Result<Vec<_>, _>>()?;
    let mut places: Vec<Place> = Vec::new();
    for row in 0..table.words("y", "step")?.len() {
        let part = |(axis, values): (&&str, &Vec<&str>)| format!("{}={}", label(axis), values[row]);
        let label = axes.iter().zip(&values).map(part).collect::<Vec<_>>().join(" ");
        match places.last_mut().filter(|place| place.label == label) {
            Some(place) => place.rows.push(row),
            None => places.push(Place { label, rows: vec![row] }),
        }
    }
    Ok(places)
}

/// Draws one quantity over steps, or all of them; `marks` are the steps at which the stages change.
///
/// # Errors
///
/// [`InputError`] that names the option: an unknown quantity, with the nearest ones; an option that dynamics have not.
pub fn draw(table: &Table, marks: &[f64], wanted: &Wanted) -> Result<Drawn, InputError> {
    if let Some(x) = wanted.x.as_deref().filter(|x| *x != "step") {
        return Err(lists::unknown("x", x, &["step"]));
    }
    for (option, asked) in [("by", wanted.by.is_some()), ("color", wanted.color.is_some())] {
        if asked {
            return Err(InputError::option(
                option,
                "dynamics are drawn over their steps; --y takes one quantity, a line for each place",
            ));
        }
    }
    if wanted.kind == Some(Kind::Heatmap) {
        return Err(InputError::option("kind", "a folder of dynamics has curves alone"));
    }
    let quantities = table.words("y", "quantity")?;
    let numbers = |name| table.numbers("y", name);
    let (steps, means, sds, runs) = (numbers("step")?, numbers("mean")?, numbers("sd")?, numbers("runs")?);
    let one: [&str; 1];
    let families: Vec<(String, &[&str])> = match &wanted.y {
        Some(y) => {
            let known: Vec<&str> = QUANTITIES.to_vec();
            one = [known.iter().copied().find(|name| name == y).ok_or_else(|| lists::unknown("y", y, &known))?];
            vec![(label(y), &one[..])]
        }
        None => FAMILIES.map(|(label, names)| (label.to_owned(), names)).into(),
    };
    let series = |at: usize, quantity: &str, name: String, place: &Place| {
        let is_known = |row: &usize| quantities[*row] == quantity && !means[*row].is_nan();
        let rows: Vec<usize> = place.rows.iter().copied().filter(is_known).collect();
        let has_band = rows.iter().all(|row| !sds[*row].is_nan());
        let edge = |sign: f64| rows.iter().map(|row| means[*row] + sign * 2.0 * sds[*row]).collect();
        Series {
            name,
            color: COLORS[at % COLORS.len()].into(),
            dashed: false,
            points: rows.iter().map(|row| (steps[*row], means[*row])).collect(),
            band: has_band.then(|| (edge(-1.0), edge(1.0))),
            dots: Dots::None,
        }
    };
    let places = places(table)?;
    let panel = |title: &str, label: &str, series: Vec<Series>| Panel {
        title: title.into(),
        x: Axis { label: X_LABEL.into(), is_log: matches!(wanted.log, Some(Log::X | Log::Xy)) },
        y: Axis { label: label.into(), is_log: matches!(wanted.log, Some(Log::Y | Log::Xy)) },
        y_max: None,
        series: series.into_iter().filter(|series| !series.points.is_empty()).collect(),
        marks: if places.len() == 1 { marks.to_vec() } else { Vec::new() },
        from_zero: false,
    };
    let panels: Vec<Panel> = match (&wanted.y, &places[..]) {
        // One quantity of several places: a line for each of them.
        (Some(quantity), [_, _, ..]) => {
            let lines = places.iter().enumerate().map(|(at, place)| series(at, quantity, place.label.clone(), place));
            vec![panel("", &families[0].0, lines.collect())]
        }
        _ => {
            let (most, found) = (MOST_PANELS, places.len() * families.len());
            if found > most {
                let what =
                    format!("expected at most {most} panels, found {found}; one quantity is a line for each place");
                return Err(InputError::option("y", what));
            }
            let of_place = |place: &Place| {
                let of_family = |(axis, names): &(String, &[&str])| {
                    let lines = names.iter().enumerate().map(|(at, name)| series(at, name, label(name), place));
                    panel(&place.label, axis, lines.collect())
                };
                families.iter().map(of_family).collect::<Vec<_>>()
            };
            places.iter().flat_map(of_place).collect()
        }
    };
    let names: Vec<&str> = families.iter().flat_map(|(_, names)| names.iter().copied()).collect();
    let runs = runs.first().copied().unwrap_or_default();
    let bands = if runs > 1.0 { ", bands of 2 standard deviations" } else { ", a single one and so no band" };
    let says = format!("{} over step: means over {runs} runs{bands}", names.join(", "));
    Ok(Drawn { picture: draw::panels(panels), says })
}
