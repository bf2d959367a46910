//! Heat maps: places on a plane, a colour for the number of each, a curve on top.

use super::axis::{self, Axis};
use super::hatch;
use super::image::{self, BLANK};
use super::picture::Picture;
use super::raster::Raster;
use kuva::plot::legend::{LegendEntry, LegendShape};
use kuva::plot::{ColorMap, Heatmap, LinePlot};
use kuva::render::color::Color;
use kuva::render::figure::Figure;
use kuva::render::layout::Layout;
use kuva::render::plots::Plot;
use kuva::render::render::{Primitive, Scene, TextAnchor};
use std::sync::Arc;

/// Rectangles of a panel at most; a grid of more cells is drawn as an image.
const MOST_RECTANGLES: usize = 2000;

/// Colour of the curve: Okabe-Ito's, which is on no place of the colour scale.
const CURVE: &str = "#D55E00";

/// A place and its number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// Along the horizontal axis.
    pub x: f64,
    /// Along the vertical axis.
    pub y: f64,
    /// What its colour says; without it the place is grey and hatched.
    pub value: Option<f64>,
    /// Whether it says so of a part only; then it is hatched over its colour.
    pub is_partial: bool,
}

/// A line over the places.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Curve {
    /// `y = constant / x^2`.
    InverseSquare(f64),
    /// `x = constant`.
    Upright(f64),
}

/// One heat map of a picture.
#[derive(Clone, Debug)]
pub struct Heat {
    /// Above it.
    pub title: String,
    /// To the right.
    pub x: Axis,
    /// Upwards.
    pub y: Axis,
    /// Beside the scale of colours.
    pub color: String,
    /// The places, in any order.
    pub places: Vec<Place>,
    /// The curve, with its name in the legend.
    pub curve: Option<(Curve, String)>,
}

/// Lays out rows of heat maps, the first row on top.
pub fn picture(rows: &[Vec<Heat>]) -> Picture {
    let mut rows = rows.to_vec();
    let names = legend(&rows.iter().flatten().collect::<Vec<_>>());
    if names.len() > 1 {
        // All curves are of one colour: each is named over its own panel.
        for heat in rows.iter_mut().flatten() {
            if let Some((_, name)) = &heat.curve {
                heat.title += &format!("; curve: {name}");
            }
        }
    }
    let all: Vec<&Heat> = rows.iter().flatten().collect();
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let (mut plots, mut layouts, mut rasters) = (Vec::new(), Vec::new(), Vec::new());
    for heat in &all {
        let (of_heat, layout, raster) = panel(heat);
        plots.push(of_heat);
        layouts.push(layout);
        rasters.extend(raster);
    }
    let figure = Figure::new(rows.len(), columns).with_plots(plots).with_layouts(layouts).with_cell_size(620.0, 420.0);
    let figure = match names.len() {
        1 => figure.with_shared_legend_bottom().with_shared_legend_entries(names),
        _ => figure,
    };
    let mut scene = figure.render();
    name_scales(&mut scene, &all);
    Picture::new(scene, rasters)
}

/// Every name of a curve once.
fn legend(all: &[&Heat]) -> Vec<LegendEntry> {
    let mut entries: Vec<LegendEntry> = Vec::new();
    for (_, label) in all.iter().filter_map(|heat| heat.curve.as_ref()) {
        if entries.iter().all(|entry| entry.label != *label) {
            let (label, color) = (label.clone(), CURVE.to_owned());
            entries.push(LegendEntry { label, color, shape: LegendShape::Line, dasharray: None });
        }
    }
    entries
}

/// Writes what the colours say beside the scale of each panel that has one, from the bottom upwards.
fn name_scales(scene: &mut Scene, all: &[&Heat]) {
    const SIZE: u32 = 12;
    let (mut panel, mut depth, mut names) = (0, 0, Vec::new());
    for (at, element) in scene.elements.iter().enumerate() {
        match element {
            Primitive::GroupStart { .. } => depth += 1,
            Primitive::GroupEnd => {
                depth -= 1;
                panel += usize::from(depth == 0);
            }
            // The frame of a scale is the one empty rectangle that is much higher than wide.
            Primitive::Rect { x, y, width, height, fill: Color::None, .. } if depth == 1 && *height > 4.0 * width => {
                names.push((at, panel, x - 10.0, y + height / 2.0));
            }
            _ => {}
        }
    }
    for (at, panel, x, y) in names.into_iter().rev() {
        let Some(heat) = all.get(panel) else { continue };
        let (content, rotate) = (heat.color.clone(), Some(-90.0));
        let anchor = TextAnchor::Middle;
        let name = Primitive::Text { x, y, content, size: SIZE, anchor, rotate, bold: false, color: None };
        scene.elements.insert(at + 1, name);
    }
}

/// The grid of a panel: even steps along its axes, so that unevenly spaced values show as wide as they stand apart.
struct Grid {
    values: Vec<Place>,
    /// Of every y, the index of each x's place.
    places: Vec<Vec<Option<usize>>>,
    /// Of every row of the picture, from the bottom, which y it shows.
    ys: Vec<usize>,
    /// Of every column, which x.
    xs: Vec<usize>,
    x: (f64, f64),
    y: (f64, f64),
}

/// Whether two coordinates are one: those that were computed differ in their last bits.
fn is_same(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * a.abs().max(b.abs())
}

impl Grid {
    /// Of places as they lie along the axes.
    fn of(mut values: Vec<Place>) -> Self {
        values.sort_by(|a, b| a.y.total_cmp(&b.y).then(a.x.total_cmp(&b.x)));
        let mut xs: Vec<f64> = values.iter().map(|place| place.x).collect();
        xs.sort_by(f64::total_cmp);
        xs.dedup_by(|a, b| is_same(*a, *b));
        let (mut ys, mut places, mut first) = (Vec::new(), Vec::new(), 0);
        for row in values.chunk_by(|a, b| is_same(a.y, b.y)) {
            ys.push(row[0].y);
            // Both rise, so that the one is found by going along the other.
            let mut at = 0;
            let mut place = |x: &f64| {
                let is_there = row.get(at).is_some_and(|place| is_same(place.x, *x));
                at += usize::from(is_there);
                is_there.then(|| first + at - 1)
            };
            places.push(xs.iter().map(&mut place).collect());
            first += row.len();
        }
        Self { values, places, x: edges(&xs), y: edges(&ys), ys: fine(&ys), xs: fine(&xs) }
    }

    /// Rows from the bottom of the picture upwards.
    fn rows<T>(&self, value: impl Fn(Option<&Place>) -> T) -> Vec<Vec<T>> {
        let at = |y: &usize, x: &usize| value(self.places[*y][*x].map(|at| &self.values[at]));
        self.ys.iter().map(|y| self.xs.iter().map(|x| at(y, x)).collect()).collect()
    }

    /// The curve inside the edges, from left to right.
    fn curve(&self, heat: &Heat, curve: Curve) -> Vec<(f64, f64)> {
        const POINTS: usize = 200;
        let share = |i: usize, (low, high): (f64, f64)| low + (high - low) * i as f64 / POINTS as f64;
        let point = |i: usize| match curve {
            Curve::Upright(constant) => (heat.x.place(constant), share(i, self.y)),
            Curve::InverseSquare(constant) => {
                let x = share(i, self.x);
                let value = heat.x.value(x);
                (x, if value > 0.0 { heat.y.place(constant / (value * value)) } else { f64::NAN })
            }
        };
        let inside = |(x, y): &(f64, f64)| (self.x.0..=self.x.1).contains(x) && (self.y.0..=self.y.1).contains(y);
        (0..=POINTS).map(point).filter(inside).collect()
    }

    /// A panel's plots from the lowest to the topmost: colours, hatching, curve. Instead of colours and hatching, the
    /// image that takes their place, if there are too many of them.
    fn plots(&self, curve: &[(f64, f64)]) -> (Vec<Plot>, Option<Raster>) {
        let known = self.values.iter().filter_map(|place| place.value);
        let (least, most) = known.fold((f64::NAN, f64::NAN), |(least, most), x| (x.min(least), x.max(most)));
        // One value everywhere, or none, has no scale of its own: it gets the colour it would have between 0 and 1.
        let has_scale = least < most;
        let only = (!has_scale).then_some(if least.is_nan() { 0.0 } else { least.clamp(0.0, 1.0) });
        let map = move |t: f64| if t.is_nan() { BLANK.into() } else { ColorMap::Viridis.map(only.unwrap_or(t)) };
        let heatmap = Heatmap::new().with_color_map(ColorMap::Custom(Arc::new(map)));
        let heatmap = heatmap.with_x_range(self.x.0, self.x.1).with_y_range(self.y.0, self.y.1).with_cell_size(1.0);
        let number = |at: Option<&Place>| at.and_then(|place| place.value).unwrap_or(f64::NAN);
        let has_none = |at: Option<&Place>| number(at).is_nan();
        let has_some = |at: Option<&Place>| at.is_some_and(|place| place.is_partial && place.value.is_some());
        let (mut plots, mut raster) = (Vec::new(), None);
        if self.ys.len() * self.xs.len() > MOST_RECTANGLES {
            // Two cells to be put in its place, which have the whole scale of colours.
            plots.push(Plot::Heatmap(heatmap.with_data([[least, most]])));
            let color = |at: Option<&Place>| {
                (only.unwrap_or((number(at) - least) / (most - least)), has_none(at), has_some(at))
            };
            raster = Some(image::raster(&self.rows(color)));
        } else {
            plots.push(Plot::Heatmap(heatmap.with_data(self.rows(number))));
            plots.extend(hatch::plots(&self.rows(has_none), self.x, self.y, &hatch::NONE));
            plots.extend(hatch::plots(&self.rows(has_some), self.x, self.y, &hatch::SOME));
        }
        if curve.len() > 1 {
            let line = LinePlot::new().with_data(curve.iter().copied()).with_color(CURVE).with_stroke_width(2.5);
            plots.push(Plot::Line(line));
        }
        (plots, raster)
    }
}

fn panel(heat: &Heat) -> (Vec<Plot>, Layout, Option<Raster>) {
    let laid = heat.places.iter().map(|place| Place { x: heat.x.place(place.x), y: heat.y.place(place.y), ..*place });
    let grid = Grid::of(laid.collect());
    let curve = heat.curve.as_ref().map_or(Vec::new(), |(curve, _)| grid.curve(heat, *curve));
    let (plots, raster) = grid.plots(&curve);
    let layout = Layout::auto_from_plots(&plots).with_title(&heat.title);
    let layout = layout.with_x_label(&heat.x.label).with_y_label(&heat.y.label);
    let layout = layout.with_x_axis_min(grid.x.0).with_x_axis_max(grid.x.1);
    let mut layout = layout.with_y_axis_min(grid.y.0).with_y_axis_max(grid.y.1);
    if heat.x.is_log {
        layout = layout.with_x_tick_step(axis::step(grid.x)).with_x_tick_format(axis::format());
    }
    if heat.y.is_log {
        layout = layout.with_y_tick_step(axis::step(grid.y)).with_y_tick_format(axis::format());
    }
    (plots, layout, raster)
}

/// The edges of the picture: half a step beyond the first and the last value.
fn edges(values: &[f64]) -> (f64, f64) {
    let (first, last) = (values[0], values[values.len() - 1]);
    let half = |pair: &[f64]| (pair[1] - pair[0]) / 2.0;
    let (below, above) = (values.first_chunk::<2>(), values.last_chunk::<2>());
    (first - below.map_or(0.5, |pair| half(pair)), last + above.map_or(0.5, |pair| half(pair)))
}

/// Which value to show at each of some evenly spaced places: the nearest one. Evenly spaced values stay as they are.
fn fine(values: &[f64]) -> Vec<usize> {
    // Wider than any screen: values that still share a place lie within one point of each other.
    const MOST: usize = 2000;
    let (low, high) = edges(values);
    let steps = values.windows(2).map(|pair| pair[1] - pair[0]);
    let (least, most) = steps.fold((f64::INFINITY, 0.0f64), |(least, most), step| (least.min(step), most.max(step)));
    let is_even = values.len() < 2 || most - least < 1e-6 * most;
    if is_even && values.len() <= MOST {
        return (0..values.len()).collect();
    }
    let count = ((high - low) / least * 2.0).clamp(1.0, MOST as f64).round();
    let mut at = 0;
    let mut nearest = |place: f64| {
        while at + 1 < values.len() && (values[at + 1] - place).abs() < (values[at] - place).abs() {
            at += 1;
        }
        at
    };
    (0..count as usize).map(|i| nearest(low + (i as f64 + 0.5) * (high - low) / count)).collect()
}
