//! Pictures: one description, drawn as SVG, as PNG and in the terminal.

pub mod axis;
pub mod hatch;
pub mod heat;
pub mod image;
pub mod picture;
pub mod pixels;
pub mod raster;
pub mod symbols;

use axis::Axis;
use kuva::backend::terminal::TerminalBackend;
use kuva::plot::{ColorMap, LegendPosition, LinePlot, ScatterPlot};
use kuva::render::figure::Figure;
use kuva::render::layout::{Layout, TickFormat};
use kuva::render::plots::Plot;
use kuva::render::render::Scene;
use picture::{Picture, SCREEN};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Colours of the Okabe-Ito palette, told apart by colour-blind readers too.
pub const BLUE: &str = "#0072B2";
/// See [`BLUE`].
pub const ORANGE: &str = "#E69F00";
/// See [`BLUE`].
pub const RED: &str = "#D55E00";
/// See [`BLUE`].
pub const GREEN: &str = "#009E73";

/// The colours of lines, in their order: Okabe-Ito without its yellow, which is too light for a line on white.
pub const COLORS: [&str; 7] = [BLUE, ORANGE, GREEN, RED, "#CC79A7", "#56B4E9", "#000000"];

/// A colour along a scale from 0 to 1 that colour-blind readers see rise too.
pub fn along_scale(share: f64) -> String {
    ColorMap::Viridis.map(share)
}

/// One line in a panel.
#[derive(Clone, Debug)]
pub struct Series {
    /// What the legend calls it.
    pub name: String,
    /// Its colour.
    pub color: String,
    /// Whether it is dashed.
    pub dashed: bool,
    /// Its points, from left to right.
    pub points: Vec<(f64, f64)>,
    /// Lower and upper edge of a band around them.
    pub band: Option<(Vec<f64>, Vec<f64>)>,
    /// What stands at its points.
    pub dots: Dots,
}

/// What stands at the points of a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dots {
    /// Nothing.
    #[default]
    None,
    /// A dot.
    OnLine,
    /// A dot, and there is no line.
    Alone,
}

/// One pair of axes with its lines.
#[derive(Clone, Debug)]
pub struct Panel {
    /// Above the panel.
    pub title: String,
    /// Below the panel.
    pub x: Axis,
    /// Beside the panel.
    pub y: Axis,
    /// Top of the vertical axis, or as high as the lines need.
    pub y_max: Option<f64>,
    /// The lines.
    pub series: Vec<Series>,
    /// Places on the horizontal axis that are marked by a dashed line.
    pub marks: Vec<f64>,
    /// Whether the vertical axis starts at 0.
    pub from_zero: bool,
}

/// Panels side by side, at most [`MOST_IN_A_ROW`] in a row. They share a legend, unless a colour has another name in
/// another panel: then each has its own.
fn scene(panels: &[Panel], width: f64, height: f64) -> Scene {
    let named = || panels.iter().flat_map(|panel| &panel.series).map(|series| (&series.color, &series.name));
    let names: BTreeMap<&String, &String> = named().collect();
    let is_shared = named().all(|(color, name)| names[color] == name);
    let plots: Vec<Vec<Plot>> = panels.iter().map(lines).collect();
    let layouts = panels.iter().zip(&plots).map(|(panel, plots)| {
        let layout = Layout::auto_from_plots(plots)
            .with_title(&panel.title)
            .with_x_label(&panel.x.label)
            .with_y_label(&panel.y.label);
        let layout = log_scales(layout, panel);
        let layout = layout.with_legend_position(LegendPosition::OutsideBottomColumns).with_legend_col_limit(2);
        let layout = if panel.from_zero && !panel.y.is_log { layout.with_y_axis_min(0.0) } else { layout };
        match panel.y_max {
            Some(top) => layout.with_y_axis_max(top),
            None => layout,
        }
    });
    let layouts = layouts.collect();
    let columns = panels.len().min(if is_shared { MOST_IN_A_ROW } else { 2 });
    let figure = Figure::new(panels.len().div_ceil(columns.max(1)), columns)
        .with_plots(plots)
        .with_layouts(layouts)
        .with_cell_size(width, height);
    // A long legend stands beside the panels.
    match is_shared {
        false => figure.render(),
        true if names.len() > MOST_NAMES_BELOW => figure.with_shared_legend().render(),
        true => figure.with_shared_legend_bottom().render(),
    }
}

/// Sets the scales of ratios, each as far as the points of the panel and a little more, not to whole powers of ten.
fn log_scales(mut layout: Layout, panel: &Panel) -> Layout {
    let points = || panel.series.iter().flat_map(|series| series.points.iter());
    let ends = |values: &mut dyn Iterator<Item = f64>| {
        let positive = values.filter(|value| *value > 0.0);
        let (low, high) = positive.fold((f64::INFINITY, 0.0f64), |(low, high), x| (low.min(x), high.max(x)));
        let margin = (high / low).powf(0.03).max(1.02);
        (low / margin, high * margin)
    };
    let format = || TickFormat::Custom(Arc::new(axis::short));
    if panel.x.is_log {
        let (low, high) = ends(&mut points().map(|point| point.0));
        layout = layout.with_log_x().with_x_axis_min(low).with_x_axis_max(high).with_x_tick_format(format());
    }
    if panel.y.is_log {
        let bands = panel.series.iter().filter_map(|series| series.band.as_ref()).flat_map(|(_, upper)| upper);
        let (low, high) = ends(&mut points().map(|point| point.1).chain(bands.copied()));
        layout = layout.with_log_y().with_y_axis_min(low).with_y_axis_max(high).with_y_tick_format(format());
    }
    layout
}

/// Panels in a row; more would be too small on a page.
const MOST_IN_A_ROW: usize = 4;

/// Lines of a legend below the panels.
const MOST_NAMES_BELOW: usize = 4;

/// The lines of a panel, then its marks from the lowest to the highest point.
fn lines(panel: &Panel) -> Vec<Plot> {
    let mut plots: Vec<Plot> = panel.series.iter().flat_map(|series| line(series, panel)).collect();
    let heights = || panel.series.iter().flat_map(|series| series.points.iter().map(|point| point.1));
    let (low, high) = (heights().fold(f64::INFINITY, f64::min), heights().fold(f64::NEG_INFINITY, f64::max));
    for x in &panel.marks {
        let mark = LinePlot::new().with_data([(*x, low), (*x, high)]).with_color("#666666").with_stroke_width(1.0);
        plots.push(Plot::Line(mark.with_dashed()));
    }
    plots
}

/// A line with its band, and its dots. An axis of ratios has no place for 0 and below: such points are left out, and an
/// edge of a band ends at the lowest point.
fn line(series: &Series, panel: &Panel) -> Vec<Plot> {
    let fits = |(x, y): (f64, f64)| (!panel.x.is_log || x > 0.0) && (!panel.y.is_log || y > 0.0);
    let shown: Vec<usize> = (0..series.points.len()).filter(|at| fits(series.points[*at])).collect();
    let points: Vec<(f64, f64)> = shown.iter().map(|at| series.points[*at]).collect();
    let least = points.iter().map(|point| point.1).fold(f64::INFINITY, f64::min);
    let edge = |edge: &[f64]| -> Vec<f64> {
        let lift = |y: f64| if panel.y.is_log && y <= 0.0 { least } else { y };
        shown.iter().map(|at| lift(edge[*at])).collect()
    };
    let dots = ScatterPlot::new().with_data(points.iter().copied()).with_color(series.color.as_str()).with_size(3.0);
    if series.dots == Dots::Alone {
        return vec![Plot::Scatter(if series.name.is_empty() { dots } else { dots.with_legend(series.name.as_str()) })];
    }
    let line =
        LinePlot::new().with_data(points.iter().copied()).with_color(series.color.as_str()).with_stroke_width(2.0);
    let line = if series.name.is_empty() { line } else { line.with_legend(series.name.as_str()) };
    let line = match &series.band {
        Some((lower, upper)) => line.with_band(edge(lower), edge(upper)),
        None => line,
    };
    let line = Plot::Line(if series.dashed { line.with_dashed() } else { line });
    let dots = (series.dots == Dots::OnLine).then_some(Plot::Scatter(dots));
    std::iter::once(line).chain(dots).collect()
}

/// Lays out panels side by side. A panel without lines is left out.
pub fn panels(panels: Vec<Panel>) -> Picture {
    let panels: Vec<Panel> = panels.into_iter().filter(|panel| !panel.series.is_empty()).collect();
    Picture::new(scene(&panels, 520.0, 380.0), Vec::new())
}

/// [`panels`] as SVG and PNG.
///
/// # Errors
///
/// If the picture cannot be drawn.
pub fn render(panels: Vec<Panel>) -> anyhow::Result<(Vec<u8>, Vec<u8>)> {
    let picture = self::panels(panels);
    Ok((picture.svg()?, picture.png(SCREEN)?))
}

/// The panels as text of `cols` by `rows` characters; in colour if standard output is a terminal.
pub fn in_terminal(panels: &[Panel], cols: usize, rows: usize) -> String {
    let picture = TerminalBackend::new(cols, rows).render_scene(&scene(panels, 420.0, 380.0));
    // Black on white is for paper: let text have the terminal's own colour, and the paper none.
    let picture = picture.replace("\x1b[38;2;0;0;0m", "\x1b[39m").replace('█', " ");
    let picture = if console::colors_enabled() { picture } else { console::strip_ansi_codes(&picture).into_owned() };
    picture.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}
