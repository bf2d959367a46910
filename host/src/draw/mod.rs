//! Pictures: one description, drawn as SVG, as PNG and in the terminal.

pub mod hatch;
pub mod image;
pub mod raster;

use kuva::backend::png::PngBackend;
use kuva::backend::svg::SvgBackend;
use kuva::backend::terminal::TerminalBackend;
use kuva::plot::LinePlot;
use kuva::render::figure::Figure;
use kuva::render::layout::Layout;
use kuva::render::plots::Plot;
use kuva::render::render::Scene;

/// Colours of the Okabe-Ito palette, told apart by colour-blind readers too.
pub const BLUE: &str = "#0072B2";
/// See [`BLUE`].
pub const ORANGE: &str = "#E69F00";
/// See [`BLUE`].
pub const RED: &str = "#D55E00";

/// See [`BLUE`].
pub const GREEN: &str = "#009E73";

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
}

/// One pair of axes with its lines.
#[derive(Clone, Debug)]
pub struct Panel {
    /// Above the panel.
    pub title: String,
    /// Below the panel.
    pub x_label: String,
    /// Beside the panel.
    pub y_label: String,
    /// Top of the vertical axis, or as high as the lines need.
    pub y_max: Option<f64>,
    /// The lines.
    pub series: Vec<Series>,
    /// Places on the horizontal axis that are marked by a dashed line.
    pub marks: Vec<f64>,
    /// Whether the vertical axis starts at 0.
    pub from_zero: bool,
}

/// Panels side by side.
fn scene(panels: &[Panel], width: f64, height: f64) -> Scene {
    let plots: Vec<Vec<Plot>> = panels.iter().map(lines).collect();
    let layouts = panels.iter().zip(&plots).map(|(panel, plots)| {
        let layout = Layout::auto_from_plots(plots)
            .with_title(&panel.title)
            .with_x_label(&panel.x_label)
            .with_y_label(&panel.y_label);
        let layout = if panel.from_zero { layout.with_y_axis_min(0.0) } else { layout };
        match panel.y_max {
            Some(top) => layout.with_y_axis_max(top),
            None => layout,
        }
    });
    let layouts = layouts.collect();
    Figure::new(1, panels.len())
        .with_plots(plots)
        .with_layouts(layouts)
        .with_cell_size(width, height)
        .with_shared_legend_bottom()
        .render()
}

/// The lines of a panel, then its marks from the lowest to the highest point.
fn lines(panel: &Panel) -> Vec<Plot> {
    let mut plots: Vec<Plot> = panel.series.iter().map(line).collect();
    let heights = || panel.series.iter().flat_map(|series| series.points.iter().map(|point| point.1));
    let (low, high) = (heights().fold(f64::INFINITY, f64::min), heights().fold(f64::NEG_INFINITY, f64::max));
    for x in &panel.marks {
        let mark = LinePlot::new().with_data([(*x, low), (*x, high)]).with_color("#666666").with_stroke_width(1.0);
        plots.push(Plot::Line(mark.with_dashed()));
    }
    plots
}

fn line(series: &Series) -> Plot {
    let line = LinePlot::new()
        .with_data(series.points.iter().copied())
        .with_color(series.color.as_str())
        .with_stroke_width(2.0)
        .with_legend(series.name.as_str());
    let line = match &series.band {
        Some((lower, upper)) => line.with_band(lower.iter().copied(), upper.iter().copied()),
        None => line,
    };
    Plot::Line(if series.dashed { line.with_dashed() } else { line })
}

/// Panels side by side, as SVG and PNG. A panel without lines is left out.
///
/// # Errors
///
/// If the picture cannot be drawn.
pub fn render(panels: Vec<Panel>) -> anyhow::Result<(Vec<u8>, Vec<u8>)> {
    let panels: Vec<Panel> = panels.into_iter().filter(|panel| !panel.series.is_empty()).collect();
    encode(&scene(&panels, 520.0, 380.0))
}

pub(crate) fn svg(scene: &Scene) -> Vec<u8> {
    SvgBackend.render_scene(scene).into_bytes()
}

/// Pixels of a PNG to a unit of a scene.
pub(crate) const PNG_SCALE: f32 = 2.0;

pub(crate) fn png(scene: &Scene) -> anyhow::Result<Vec<u8>> {
    PngBackend::new().with_scale(PNG_SCALE).render_scene(scene).map_err(anyhow::Error::msg)
}

/// A scene as SVG and PNG.
pub fn encode(scene: &Scene) -> anyhow::Result<(Vec<u8>, Vec<u8>)> {
    Ok((svg(scene), png(scene)?))
}

/// The panels as text of `cols` by `rows` characters; in colour if standard output is a terminal.
pub fn in_terminal(panels: &[Panel], cols: usize, rows: usize) -> String {
    let picture = TerminalBackend::new(cols, rows).render_scene(&scene(panels, 420.0, 380.0));
    // Black on white is for paper: let text have the terminal's own colour, and the paper none.
    let picture = picture.replace("\x1b[38;2;0;0;0m", "\x1b[39m").replace('█', " ");
    let picture = if console::colors_enabled() { picture } else { console::strip_ansi_codes(&picture).into_owned() };
    picture.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}
