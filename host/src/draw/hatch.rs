//! Hatching: diagonal lines over the cells of a grid that have no number, or not every number.

use kuva::plot::LinePlot;
use kuva::render::plots::Plot;
use std::ops::Range;

/// Pixels between two lines, measured along an axis.
const SPACING: f64 = 9.0;

/// About the pixels that the grid takes in its panel, so that the lines come out at 45 degrees.
const GRID_PIXELS: (f64, f64) = (470.0, 320.0);

/// Colour and width of the lines where no replicate has a number.
pub const NONE: [(&str, f64); 1] = [("#606060", 1.2)];

/// The same where some have one: white within black is seen on every colour of the scale.
pub const SOME: [(&str, f64); 2] = [("#000000", 2.4), ("#FFFFFF", 1.2)];

/// The width of the grid's pixels between a point, given in shares of the grid's width and height, and the nearest line.
pub fn distance(x: f64, y: f64) -> f64 {
    let sum = (x * GRID_PIXELS.0 + y * GRID_PIXELS.1) / SPACING;
    // Lines fall at 45 degrees.
    (sum - sum.round()).abs() * SPACING / std::f64::consts::SQRT_2
}

/// Marked cells of a grid that make a rectangle.
#[derive(Clone, Debug, PartialEq)]
pub struct Area {
    columns: Range<usize>,
    rows: Range<usize>,
}

/// The marked cells as few rectangles: runs in a row, and equal runs of neighbouring rows together.
pub fn areas(marked: &[Vec<bool>]) -> Vec<Area> {
    let mut areas: Vec<Area> = Vec::new();
    // Which areas the row below has, from left to right.
    let mut below: Vec<usize> = Vec::new();
    for (at, row) in marked.iter().enumerate() {
        let mut own = Vec::new();
        for columns in runs(row) {
            let same = below.binary_search_by_key(&columns.start, |area| areas[*area].columns.start);
            match same.map(|same| below[same]) {
                Ok(area) if areas[area].columns == columns => {
                    areas[area].rows.end = at + 1;
                    own.push(area);
                }
                _ => {
                    own.push(areas.len());
                    areas.push(Area { columns, rows: at..at + 1 });
                }
            }
        }
        below = own;
    }
    areas
}

fn runs(row: &[bool]) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for at in (0..row.len()).filter(|at| row[*at]) {
        match runs.last_mut() {
            Some(run) if run.end == at => run.end = at + 1,
            _ => runs.push(at..at + 1),
        }
    }
    runs
}

/// The ends of the lines over an area of a grid of `columns` by `rows` cells, as shares of the grid's width and
/// height. All areas cut the same lines, so that the pattern goes on from one to its neighbour.
pub fn segments(area: &Area, columns: usize, rows: usize) -> Vec<[(f64, f64); 2]> {
    let (width, height) = GRID_PIXELS;
    let (cell_width, cell_height) = (width / columns as f64, height / rows as f64);
    let (left, right) = (area.columns.start as f64 * cell_width, area.columns.end as f64 * cell_width);
    let (low, high) = (area.rows.start as f64 * cell_height, area.rows.end as f64 * cell_height);
    // Line k holds the points with x + y = k SPACING.
    let first = ((left + low) / SPACING).floor() as usize + 1;
    let last = ((right + high) / SPACING).ceil() as usize;
    let line = |k: usize| {
        let sum = k as f64 * SPACING;
        let (start, end) = (left.max(sum - high), right.min(sum - low));
        [(start / width, (sum - start) / height), (end / width, (sum - end) / height)]
    };
    (first..last).map(line).collect()
}

/// The lines over all marked cells of a grid that spans the ranges `x` and `y`; each colour and width is drawn over
/// the one before.
pub fn plots(marked: &[Vec<bool>], x: (f64, f64), y: (f64, f64), strokes: &[(&str, f64)]) -> Vec<Plot> {
    let (rows, columns) = (marked.len(), marked.first().map_or(0, Vec::len));
    let place = |(u, v): (f64, f64)| (x.0 + u * (x.1 - x.0), y.0 + v * (y.1 - y.0));
    let lines: Vec<_> = areas(marked).iter().flat_map(|area| segments(area, columns, rows)).collect();
    let stroke = |(color, width): &(&str, f64)| {
        let plot = |ends: &[(f64, f64); 2]| {
            let line = LinePlot::new().with_data(ends.map(place)).with_color(*color).with_stroke_width(*width);
            Plot::Line(line)
        };
        lines.iter().map(plot).collect::<Vec<_>>()
    };
    strokes.iter().flat_map(stroke).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_marked_cell_is_in_exactly_one_area() {
        let marked: Vec<Vec<bool>> =
            ["##.#", "##..", "###.", "...#"].map(|row| row.chars().map(|c| c == '#').collect()).into();
        let areas = areas(&marked);
        for (y, row) in marked.iter().enumerate() {
            for (x, marked) in row.iter().enumerate() {
                let over = areas.iter().filter(|area| area.columns.contains(&x) && area.rows.contains(&y)).count();
                assert_eq!(over, usize::from(*marked), "({x}, {y}) in {areas:?}");
            }
        }
        assert_eq!(areas.len(), 4);
    }

    #[test]
    fn lines_stay_in_their_area_and_go_on_in_the_next() {
        let area = |columns| Area { columns, rows: 1..2 };
        let (whole, halves) = (area(0..10), [area(0..3), area(3..10)]);
        for (area, left, right) in [(&whole, 0.0, 1.0), (&halves[0], 0.0, 0.3), (&halves[1], 0.3, 1.0)] {
            let lines = segments(area, 10, 4);
            assert!(lines.len() > 10);
            for (x, y) in lines.into_iter().flatten() {
                assert!(
                    (left - 1e-9..=right + 1e-9).contains(&x) && (0.25 - 1e-9..=0.5 + 1e-9).contains(&y),
                    "{x} {y}"
                );
            }
        }
        let length = |area: &Area| segments(area, 10, 4).iter().map(|[a, b]| b.0 - a.0).sum::<f64>();
        let parts: f64 = halves.iter().map(length).sum();
        assert!((parts - length(&whole)).abs() < 1e-9);
        assert!(segments(&whole, 10, 4).iter().all(|[a, b]| b.0 >= a.0), "no line is turned around");
        let on_lines = segments(&whole, 10, 4).into_iter().flatten();
        assert!(on_lines.into_iter().all(|(x, y)| distance(x, y) < 1e-9), "points and segments are of one pattern");
        assert!((distance(4.5 / GRID_PIXELS.0, 0.0) - 4.5 / std::f64::consts::SQRT_2).abs() < 1e-9);
    }
}
