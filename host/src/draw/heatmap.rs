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
    let (fine_ns, fine_signals) = (fine(&ns), fine(&signals));
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
        // Rows from the bottom of the picture upwards.
        let row = |n: &f64| fine_signals.iter().map(|signal| at(*n, *signal).and_then(value).unwrap_or(0.0)).collect();
        let rows: Vec<Vec<f64>> = fine_ns.iter().map(row).collect();
        let is_blank = |(n, signal): &(f64, f64)| at(*n, *signal).and_then(value).is_none();
        let places = ns.iter().flat_map(|n| signals.iter().map(|signal| (*n, *signal)));
        let blank: Vec<(f64, f64)> = places.filter(is_blank).map(|(n, signal)| (signal, n)).collect();
        let heatmap = Heatmap::new().with_data(rows).with_color_map(ColorMap::Viridis);
        let heatmap = heatmap.with_x_range(x_min, x_max).with_y_range(y_min, y_max).with_cell_size(1.0);
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
        let layout = layout.with_x_axis_min(x_min).with_x_axis_max(x_max).with_y_axis_min(y_min).with_y_axis_max(y_max);
        layouts.push(layout);
        all.push(plots);
    }
    let figure = Figure::new(1, panels.len()).with_plots(all).with_layouts(layouts).with_cell_size(620.0, 420.0);
    encode(&figure.render())
}

/// The edges of the picture: half a step beyond the first and the last value.
fn edges(values: &[f64]) -> (f64, f64) {
    let (first, last) = (values[0], values[values.len() - 1]);
    let half = |pair: &[f64]| (pair[1] - pair[0]) / 2.0;
    let (below, above) = (values.first_chunk::<2>(), values.last_chunk::<2>());
    (first - below.map_or(0.5, |pair| half(pair)), last + above.map_or(0.5, |pair| half(pair)))
}

/// The value to show at each of some evenly spaced places: the nearest one. Evenly spaced values stay as they are.
fn fine(values: &[f64]) -> Vec<f64> {
    const MOST: f64 = 400.0;
    let (low, high) = edges(values);
    let steps = values.windows(2).map(|pair| pair[1] - pair[0]);
    let (least, most) = steps.fold((f64::INFINITY, 0.0f64), |(least, most), step| (least.min(step), most.max(step)));
    if values.len() < 2 || most - least < 1e-6 * most {
        return values.to_vec();
    }
    let count = ((high - low) / least * 2.0).clamp(1.0, MOST).round();
    let nearest = |place: f64| {
        let closer = |a: &&f64, b: &&f64| (**a - place).abs().total_cmp(&(**b - place).abs());
        values.iter().min_by(closer).copied().unwrap_or(low)
    };
    (0..count as usize).map(|i| nearest(low + (i as f64 + 0.5) * (high - low) / count)).collect()
}

fn axis_points(mut points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    points.dedup_by(|a, b| a.0 == b.0);
    points
}
