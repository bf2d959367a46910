//! Phase diagrams: N upwards, signal to the right, colour for a mean over replicates.

use super::encode;
use crate::lab::summary::{Group, Moments};
use kuva::plot::scatter::MarkerShape;
use kuva::plot::{ColorMap, Heatmap, LinePlot, ScatterPlot};
use kuva::render::figure::Figure;
use kuva::render::layout::Layout;
use kuva::render::plots::Plot;

/// Test loss, and test error beside it, with the curve `N SNR^2 = constant` on top; as SVG and PNG.
///
/// # Errors
///
/// If the picture cannot be drawn.
pub fn losses(groups: &[Group], constant: f64, title: &str) -> anyhow::Result<(Vec<u8>, Vec<u8>)> {
    let loss = |group: &Group| Moments::of(&group.test_loss).map(|m| m.mean);
    let error = |group: &Group| Moments::of(&group.test_error).map(|m| m.mean);
    figure(groups, constant, &[(&loss, format!("mean test loss, {title}")), (&error, "mean 0-1 test error".into())])
}

/// The picture cut: 1 where the mean test loss is at or above `cut`, else 0.
///
/// # Errors
///
/// If the picture cannot be drawn.
pub fn cut(groups: &[Group], cut: f64, constant: f64, title: &str) -> anyhow::Result<(Vec<u8>, Vec<u8>)> {
    let side = |group: &Group| Moments::of(&group.test_loss).map(|m| f64::from(u8::from(m.mean >= cut)));
    figure(groups, constant, &[(&side, format!("test loss at least {cut}, {title}"))])
}

type Value<'a> = &'a dyn Fn(&Group) -> Option<f64>;

fn figure(groups: &[Group], constant: f64, panels: &[(Value, String)]) -> anyhow::Result<(Vec<u8>, Vec<u8>)> {
    let axis = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values.dedup();
        values
    };
    let ns = axis(groups.iter().map(|group| group.n as f64).collect());
    let signals = axis(groups.iter().map(|group| group.signal_norm).collect());
    let (y_min, y_max) = edges(&ns);
    let (x_min, x_max) = edges(&signals);
    let curve: Vec<(f64, f64)> = groups
        .iter()
        .filter_map(|group| {
            // SNR is proportional to the signal norm, so the curve needs no more than one group's ratio.
            let y = constant / (group.snr * group.snr);
            (y_min..=y_max).contains(&y).then_some((group.signal_norm, y))
        })
        .collect();
    let curve = axis_points(curve);
    let mut all = Vec::new();
    let mut layouts = Vec::new();
    for (value, title) in panels {
        let at = |n: f64, signal: f64| groups.iter().find(|group| group.n as f64 == n && group.signal_norm == signal);
        let mut blank = Vec::new();
        // Rows from the top of the picture down.
        let rows: Vec<Vec<f64>> = ns
            .iter()
            .rev()
            .map(|&n| {
                let row = signals.iter().map(|&signal| {
                    let found = at(n, signal).and_then(value);
                    if found.is_none() {
                        blank.push((signal, n));
                    }
                    found.unwrap_or(0.0)
                });
                row.collect()
            })
            .collect();
        let heatmap = Heatmap::new().with_data(rows).with_color_map(ColorMap::Viridis);
        let heatmap = heatmap.with_x_range(x_min, x_max).with_y_range(y_min, y_max).with_legend("value");
        let mut plots = vec![Plot::Heatmap(heatmap)];
        if curve.len() > 1 {
            let line = LinePlot::new().with_data(curve.iter().copied()).with_color("#D55E00").with_stroke_width(2.5);
            plots.push(Plot::Line(line));
        }
        if !blank.is_empty() {
            // Not converged: marked, whatever the colour below.
            let marks = ScatterPlot::new().with_data(blank).with_color("#FFFFFF").with_marker(MarkerShape::Cross);
            plots.push(Plot::Scatter(marks));
        }
        let layout = Layout::auto_from_plots(&plots).with_title(title).with_x_label("signal norm").with_y_label("N");
        layouts.push(layout);
        all.push(plots);
    }
    let figure = Figure::new(1, panels.len()).with_plots(all).with_layouts(layouts).with_cell_size(620.0, 420.0);
    encode(&figure.render())
}

/// The edges of cells that are centred on the values.
fn edges(values: &[f64]) -> (f64, f64) {
    let (first, last) = (values[0], values[values.len() - 1]);
    let half = if values.len() > 1 { (last - first) / (values.len() - 1) as f64 / 2.0 } else { 0.5 };
    (first - half, last + half)
}

fn axis_points(mut points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    points.dedup_by(|a, b| a.0 == b.0);
    points
}
