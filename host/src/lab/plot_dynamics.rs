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
            return Err(InputError::option(option, "a folder of dynamics has one set of runs, drawn over its steps"));
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
    let series = |(at, name): (usize, &&str)| {
        let rows: Vec<usize> = (0..steps.len()).filter(|row| quantities[*row] == *name).collect();
        let has_band = rows.iter().all(|row| !sds[*row].is_nan());
        let edge = |sign: f64| rows.iter().map(|row| means[*row] + sign * 2.0 * sds[*row]).collect();
        Series {
            name: label(name),
            color: COLORS[at % COLORS.len()].into(),
            dashed: false,
            points: rows.iter().map(|row| (steps[*row], means[*row])).collect(),
            band: has_band.then(|| (edge(-1.0), edge(1.0))),
            dots: Dots::None,
        }
    };
    let panel = |(label, names): &(String, &[&str])| Panel {
        title: String::new(),
        x: Axis { label: X_LABEL.into(), is_log: matches!(wanted.log, Some(Log::X | Log::Xy)) },
        y: Axis { label: label.clone(), is_log: matches!(wanted.log, Some(Log::Y | Log::Xy)) },
        y_max: None,
        series: names.iter().enumerate().map(series).collect(),
        marks: marks.to_vec(),
        from_zero: false,
    };
    let panels: Vec<Panel> = families.iter().map(panel).collect();
    let names: Vec<&str> = families.iter().flat_map(|(_, names)| names.iter().copied()).collect();
    let runs = runs.first().copied().unwrap_or_default();
    let bands = if runs > 1.0 { ", bands of 2 standard deviations" } else { ", a single one and so no band" };
    let says = format!("{} over step: means over {runs} runs{bands}", names.join(", "));
    Ok(Drawn { picture: draw::panels(panels), says })
}
