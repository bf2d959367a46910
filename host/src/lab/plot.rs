//! Any columns of a finished run as a picture: means over replicates as curves or as a heat map.

use crate::base::error::InputError;
use crate::base::lists;
use crate::draw::axis::{Axis, is_geometric};
use crate::draw::heat::{self, Curve, Heat, Place};
use crate::draw::picture::Picture;
use crate::draw::{self, COLORS, Dots, Panel, Series};
use crate::lab::columns::{Table, label};
use crate::lab::heatmap::significant;
use mote_lab::summary::Moments;
use std::collections::{BTreeMap, BTreeSet};

/// How columns are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// One column against another, a line for each value of a third.
    Curves,
    /// A colour at each pair of values of two columns.
    Heatmap,
}

/// The axes that are drawn on a scale of ratios.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Log {
    /// The horizontal one.
    X,
    /// The vertical one.
    Y,
    /// Both.
    Xy,
    /// Neither.
    None,
}

/// What is asked for; what is not is chosen.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// How.
    pub kind: Option<Kind>,
    /// The column along the horizontal axis.
    pub x: Option<String>,
    /// The column along the vertical axis.
    pub y: Option<String>,
    /// The column that tells lines apart.
    pub by: Option<String>,
    /// The column that colours say.
    pub color: Option<String>,
    /// Which axes are logarithmic.
    pub log: Option<Log>,
}

/// A picture, and what is to be said of it.
#[derive(Debug)]
pub struct Drawn {
    /// The picture.
    pub picture: Picture,
    /// What it shows.
    pub says: String,
}

/// The forms of the signal's strength: each says the same of a cell, once its N is known.
const SIGNALS: [&str; 3] = ["signal_norm", "snr", "n_snr2"];

/// Panels at most; more are too small to read.
const MOST_PANELS: usize = 12;

/// Lines of a panel at most.
const MOST_LINES: usize = 12;

/// The cells of a run, as far as the picture needs them.
pub struct Cells {
    table: Table,
    /// The columns that say where a cell lies, and the values of each.
    axes: Vec<(String, Vec<String>)>,
    /// Where `N SNR^2` is at the boundary, by D and H.
    constants: BTreeMap<(String, String), f64>,
}

impl Cells {
    /// Of a table of cells or of their summary, and the constants of the models.
    ///
    /// # Errors
    ///
    /// [`InputError`] if the table has no such columns.
    pub fn new(table: Table, constants: BTreeMap<(String, String), f64>) -> Result<Self, InputError> {
        let names = table.names();
        // An extra axis stands between what a cell came to and the digest.
        let extra = names.iter().skip_while(|name| **name != "seconds").skip(1).take_while(|name| **name != "config");
        let places = ["n", "signal_norm", "dim", "head"].into_iter().filter(|name| table.has(name));
        let mut axes = Vec::new();
        for name in places.chain(extra.copied()) {
            axes.push((name.to_owned(), values(&table.words("x", name)?)));
        }
        Ok(Self { axes, table, constants })
    }

    fn count(&self, name: &str) -> usize {
        self.axes.iter().find(|(axis, _)| axis == name).map_or(0, |(_, values)| values.len())
    }

    /// Draws what is asked for.
    ///
    /// # Errors
    ///
    /// [`InputError`] that names the option: an unknown column, with the nearest ones; one that is not of numbers; too
    /// many panels; an option of the other kind.
    pub fn draw(&self, wanted: &Wanted) -> Result<Drawn, InputError> {
        let is_plane = self.count("n") > 2 && self.count("signal_norm") > 2;
        let is_open = wanted.x.is_none() && wanted.y.is_none() && wanted.by.is_none();
        let kind = wanted.kind.unwrap_or(match &wanted.color {
            Some(_) => Kind::Heatmap,
            None if is_open && is_plane => Kind::Heatmap,
            None => Kind::Curves,
        });
        match (kind, &wanted.by, &wanted.color) {
            (Kind::Heatmap, Some(_), _) => Err(InputError::option("by", "a heat map has no lines; --kind curves has")),
            (Kind::Curves, _, Some(_)) => Err(InputError::option("color", "curves have no colour scale; --y takes it")),
            (Kind::Heatmap, ..) => self.heat_map(wanted),
            (Kind::Curves, ..) => self.curves(wanted),
        }
    }

    fn curves(&self, wanted: &Wanted) -> Result<Drawn, InputError> {
        let first_varying = |names: &[&'static str]| names.iter().find(|name| self.count(name) > 1).copied();
        let default_x =
            if self.count("signal_norm") > 1 { "n_snr2" } else { first_varying(&["n", "dim"]).unwrap_or("n") };
        let (x, y) = (wanted.x.as_deref().unwrap_or(default_x), wanted.y.as_deref().unwrap_or("test_loss"));
        let by = wanted.by.as_deref().or_else(|| {
            let free = self.axes.iter().map(|(name, values)| (name.as_str(), values.len()));
            free.filter(|(name, count)| *count > 1 && *name != axis_of(x)).map(|(name, _)| name).next()
        });
        let (xs, ys) = (self.table.numbers("x", x)?, self.table.numbers("y", y)?);
        let lines: Vec<&str> = by.map_or_else(|| Ok(vec![""; xs.len()]), |by| self.table.words("by", by))?;
        let is_axis = self.axes.iter().any(|(name, _)| name == x) || SIGNALS.contains(&x);
        let used: Vec<&str> = [x].into_iter().chain(by).collect();
        let panels = if is_axis { self.panels(&used)? } else { vec![String::new(); xs.len()] };
        // A point is the mean over replicates; where x is not an axis but a result, both its coordinates are.
        let places = if is_axis { xs.iter().map(f64::to_string).collect() } else { self.places()? };
        let mut points: BTreeMap<(&str, &str), BTreeMap<&str, Vec<usize>>> = BTreeMap::new();
        for row in 0..xs.len() {
            let line = points.entry((panels[row].as_str(), lines[row])).or_default();
            line.entry(places[row].as_str()).or_default().push(row);
        }
        let names = values(&lines);
        let shown = evenly(&names, MOST_LINES);
        let (mut figures, mut count, mut hidden, mut least, mut most) = (Vec::new(), 0, 0, usize::MAX, 0);
        for title in in_order(&panels) {
            let mut series = Vec::new();
            for (at, name) in shown.iter().enumerate() {
                let Some(line) = points.get(&(title.as_str(), name.as_str())) else { continue };
                let mut means: Vec<(f64, Moments)> = line.values().filter_map(|rows| mean(rows, &xs, &ys)).collect();
                means.sort_by(|a, b| a.0.total_cmp(&b.0));
                count += means.len();
                least = means.iter().map(|(_, m)| m.count).fold(least, usize::min);
                most = means.iter().map(|(_, m)| m.count).fold(most, usize::max);
                let legend = by.map_or(String::new(), |by| entry(by, name));
                series.push(curve(legend, color(at, shown.len()), &means, is_axis));
            }
            let log = wanted.log.map(|log| (matches!(log, Log::X | Log::Xy), matches!(log, Log::Y | Log::Xy)));
            let is_log = log.unwrap_or((self.is_log(x, &xs), false));
            let fits = |(x, y): &(f64, f64)| (!is_log.0 || *x > 0.0) && (!is_log.1 || *y > 0.0);
            hidden += series.iter().flat_map(|series: &Series| &series.points).filter(|point| !fits(point)).count();
            let y_label = if most > 1 && is_axis { format!("{}, mean \u{b1} 2 s.e.", label(y)) } else { label(y) };
            figures.push(Panel {
                title: if title.is_empty() { self.constants_of(&used) } else { title },
                x: Axis { label: label(x), is_log: is_log.0 },
                y: Axis { label: y_label, is_log: is_log.1 },
                y_max: None,
                from_zero: false,
                marks: Vec::new(),
                series,
            });
        }
        if count == 0 {
            return Err(InputError::option("y", format!("expected numbers in column {y}, found only blanks")));
        }
        let over = if least == most { most.to_string() } else { format!("{least} to {most}") };
        let left = names.len() - shown.len();
        let left = if left > 0 { format!("; {} of {} lines drawn", shown.len(), names.len()) } else { String::new() };
        let bands = match is_axis {
            true if most > 1 => ", bands of 2 standard errors",
            true => ", a single one and so no band",
            false => " of a place",
        };
        let hidden = match hidden {
            0 => String::new(),
            _ => format!("; {hidden} of them left out, 0 or less on a logarithmic axis"),
        };
        let says = format!("{y} over {x}: {count} points, means over {over} replicates{bands}{left}{hidden}");
        Ok(Drawn { picture: draw::panels(figures), says })
    }

    fn heat_map(&self, wanted: &Wanted) -> Result<Drawn, InputError> {
        let or = |name: &'_ Option<String>, default: &str| name.clone().unwrap_or_else(|| default.into());
        let x = or(&wanted.x, if self.count("signal_norm") > 1 { "signal_norm" } else { "dim" });
        let (y, color) = (or(&wanted.y, "n"), or(&wanted.color, "test_loss"));
        let (xs, ys) = (self.table.numbers("x", &x)?, self.table.numbers("y", &y)?);
        let colors = self.table.numbers("color", &color)?;
        for (option, name) in [("x", &x), ("y", &y)] {
            if !SIGNALS.contains(&name.as_str()) && self.count(name) == 0 {
                let axes: Vec<&str> = self.axes.iter().map(|(name, _)| name.as_str()).chain(SIGNALS).collect();
                return Err(InputError::option(
                    option,
                    format!("expected an axis of the grid, {}, found {name}, a result", axes.join(", ")),
                ));
            }
        }
        let panels = self.panels(&[&x, &y])?;
        let mut points: BTreeMap<(&str, u64, u64), Vec<usize>> = BTreeMap::new();
        for row in 0..xs.len() {
            points.entry((&panels[row], ys[row].to_bits(), xs[row].to_bits())).or_default().push(row);
        }
        let mut heats = Vec::new();
        for title in in_order(&panels) {
            let of_panel = points.iter().filter(|((panel, ..), _)| *panel == title);
            let place = |((_, y, x), rows): (&(&str, u64, u64), &Vec<usize>)| {
                let known: Vec<f64> = rows.iter().map(|row| colors[*row]).filter(|value| !value.is_nan()).collect();
                let value = Moments::of(&known).map(|m| m.mean);
                Place { x: f64::from_bits(*x), y: f64::from_bits(*y), value, is_partial: known.len() < rows.len() }
            };
            let places: Vec<Place> = of_panel.map(place).collect();
            let axis = |name: &str, values: &[f64], asked: Option<bool>| Axis {
                label: label(name),
                is_log: asked.unwrap_or_else(|| is_geometric(&lists::sorted(values.to_vec()))),
            };
            let log = wanted.log.map(|log| (matches!(log, Log::X | Log::Xy), matches!(log, Log::Y | Log::Xy)));
            let (mut x_axis, y_axis) = (axis(&x, &xs, log.map(|log| log.0)), axis(&y, &ys, log.map(|log| log.1)));
            for (option, axis, values) in [("x", &x_axis, &xs), ("y", &y_axis, &ys)] {
                if axis.is_log && values.iter().any(|value| *value <= 0.0) {
                    return Err(InputError::option("log", format!("--{option} has 0 or less, which has no logarithm")));
                }
            }
            if places.iter().any(|place| place.value.is_none()) {
                x_axis.label += " (hatched: no number)";
            }
            let curve = self.boundary(&x, &y, &title)?;
            let color = format!("{}, mean", label(&color));
            let title = if title.is_empty() { self.constants_of(&[&x, &y]) } else { title };
            heats.push(Heat { title, x: x_axis, y: y_axis, color, places, curve });
        }
        let says = format!("{color} over {x} and {y}: {} places, means over replicates", points.len());
        let rows: Vec<Vec<Heat>> = heats.chunks(2).map(<[Heat]>::to_vec).collect();
        Ok(Drawn { picture: heat::picture(&rows), says })
    }

    /// The boundary of a panel's model, where its axes are N and a form of the signal.
    fn boundary(&self, x: &str, y: &str, title: &str) -> Result<Option<(Curve, String)>, InputError> {
        if y != "n" || !SIGNALS.contains(&x) {
            return Ok(None);
        }
        let (dims, heads) = (self.table.words("x", "dim")?, self.table.words("x", "head")?);
        let panels = self.panels(&[x, y])?;
        let Some(row) = panels.iter().position(|panel| panel == title) else { return Ok(None) };
        let Some(constant) = self.constants.get(&(dims[row].to_owned(), heads[row].to_owned())) else {
            return Ok(None);
        };
        let (norms, snrs) = (self.table.numbers("x", "signal_norm")?, self.table.numbers("x", "snr")?);
        let curve = match x {
            "signal_norm" => Curve::InverseSquare(constant * (norms[row] / snrs[row]).powi(2)),
            "snr" => Curve::InverseSquare(*constant),
            _ => Curve::Upright(*constant),
        };
        Ok(Some((curve, format!("N SNR\u{b2} = {}", significant(*constant)))))
    }

    /// Of every row the panel that it belongs to: the values of the axes that vary and are not drawn.
    fn panels(&self, drawn: &[&str]) -> Result<Vec<String>, InputError> {
        let drawn_axes: Vec<&str> = drawn.iter().map(|name| axis_of(name)).collect();
        let mut titles = vec![String::new(); self.table.words("x", &self.axes[0].0)?.len()];
        let mut left = Vec::new();
        for (name, values) in &self.axes {
            let words = self.table.words("x", name)?;
            if values.len() < 2 || drawn_axes.contains(&name.as_str()) || self.is_determined(drawn, &words)? {
                continue;
            }
            left.push(name.as_str());
            for (title, word) in titles.iter_mut().zip(words) {
                let comma = if title.is_empty() { "" } else { ", " };
                *title += &format!("{comma}{}", entry(name, word));
            }
        }
        let count = titles.iter().collect::<BTreeSet<_>>().len();
        if count > MOST_PANELS {
            let found = format!("found {count} for the values of {}", left.join(" and "));
            let way = "take one of them as an axis, or a folder of fewer values";
            return Err(InputError::option("x", format!("expected at most {MOST_PANELS} panels, {found}; {way}")));
        }
        Ok(titles)
    }

    /// Whether a drawn column says a row's value of another, as D says H in most grids.
    fn is_determined(&self, drawn: &[&str], words: &[&str]) -> Result<bool, InputError> {
        for name in drawn.iter().filter(|name| self.count(name) > 1) {
            let mut known: BTreeMap<&str, &str> = BTreeMap::new();
            let drawn = self.table.words("x", name)?;
            if drawn.into_iter().zip(words).all(|(key, word)| *known.entry(key).or_insert(word) == *word) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Of every row its place, all axes together.
    fn places(&self) -> Result<Vec<String>, InputError> {
        let mut places = vec![String::new(); self.table.words("x", &self.axes[0].0)?.len()];
        for (name, _) in &self.axes {
            for (place, word) in places.iter_mut().zip(self.table.words("x", name)?) {
                *place += &format!("{word},");
            }
        }
        Ok(places)
    }

    /// The axes that have one value, for a title.
    fn constants_of(&self, drawn: &[&str]) -> String {
        let fixed = self.axes.iter().filter(|(name, values)| values.len() == 1 && !drawn.contains(&name.as_str()));
        fixed.map(|(name, values)| entry(name, &values[0])).collect::<Vec<_>>().join(", ")
    }

    /// Whether a column is drawn on a scale of ratios unless told otherwise.
    fn is_log(&self, name: &str, values: &[f64]) -> bool {
        let is_positive = values.iter().all(|value| *value > 0.0);
        let spans = ["n_snr2", "snr", "dim", "head"].contains(&name) && is_positive;
        spans || is_geometric(&lists::sorted(values.iter().copied().filter(|value| !value.is_nan()).collect()))
    }
}

/// The axis that a column is a form of.
fn axis_of(name: &str) -> &str {
    if SIGNALS.contains(&name) { "signal_norm" } else { name }
}

/// Every value once: numbers in their order, words in theirs.
fn values(words: &[&str]) -> Vec<String> {
    let all: BTreeSet<&str> = words.iter().copied().collect();
    let mut all: Vec<&str> = all.into_iter().collect();
    let numbers: Option<Vec<f64>> = all.iter().map(|word| word.parse().ok()).collect();
    if numbers.is_some() {
        all.sort_by(|a, b| a.parse().unwrap_or(f64::NAN).total_cmp(&b.parse().unwrap_or(f64::NAN)));
    }
    all.into_iter().map(String::from).collect()
}

/// The titles of panels, each once, in the order of the numbers in them.
fn in_order(titles: &[String]) -> Vec<String> {
    let numbers = |title: &str| -> Vec<f64> { title.split([' ', ',']).filter_map(|word| word.parse().ok()).collect() };
    let titles: BTreeSet<&str> = titles.iter().map(String::as_str).collect();
    let mut titles: Vec<&str> = titles.into_iter().collect();
    titles.sort_by(|a, b| numbers(a).partial_cmp(&numbers(b)).unwrap_or(std::cmp::Ordering::Equal));
    titles.into_iter().map(String::from).collect()
}

/// A value with the name of its column, for a legend or a title.
fn entry(name: &str, value: &str) -> String {
    let is_number = value.parse::<f64>().is_ok();
    if is_number { format!("{} = {}", label(name), short(value)) } else { value.replace('_', " ") }
}

/// A large round number as a power of ten would be typed.
fn short(value: &str) -> String {
    match value.parse::<f64>() {
        Ok(number) if number.abs() >= 1e5 => format!("{number:e}"),
        _ => value.into(),
    }
}

/// All of a list, or as many as fit, evenly chosen.
fn evenly(all: &[String], most: usize) -> Vec<String> {
    let last = all.len().saturating_sub(1);
    if all.len() <= most { all.to_vec() } else { (0..most).map(|i| all[i * last / (most - 1)].clone()).collect() }
}

/// The mean of y over some rows at the mean of x; nothing where no row has a number.
fn mean(rows: &[usize], xs: &[f64], ys: &[f64]) -> Option<(f64, Moments)> {
    let known = || rows.iter().filter(|row| !xs[**row].is_nan() && !ys[**row].is_nan());
    let of = |values: &[f64]| Moments::of(&known().map(|row| values[*row]).collect::<Vec<_>>());
    Some((of(xs)?.mean, of(ys)?))
}

/// A line through means, with a band of two standard errors.
fn curve(name: String, color: String, means: &[(f64, Moments)], is_axis: bool) -> Series {
    const MOST_DOTS: usize = 60;
    let edge = |sign: f64| -> Vec<f64> {
        // A point of one replicate has no spread, and its neighbours' bands end there.
        means.iter().map(|(_, m)| m.mean + sign * 2.0 * m.standard_error.unwrap_or(0.0)).collect()
    };
    let has_band = is_axis && means.iter().any(|(_, m)| m.standard_error.is_some());
    Series {
        name,
        color,
        dashed: false,
        points: means.iter().map(|(x, m)| (*x, m.mean)).collect(),
        band: has_band.then(|| (edge(-1.0), edge(1.0))),
        dots: match is_axis {
            false => Dots::Alone,
            true if means.len() <= MOST_DOTS => Dots::OnLine,
            true => Dots::None,
        },
    }
}

/// The colour of a line: of a palette while it has enough, else along a scale.
fn color(at: usize, count: usize) -> String {
    match COLORS.get(at) {
        Some(color) if count <= COLORS.len() => (*color).into(),
        // The end of the scale is too light for a line on white.
        _ => draw::along_scale(0.92 * at as f64 / (count - 1).max(1) as f64),
    }
}
