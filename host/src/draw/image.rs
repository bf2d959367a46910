//! The image of a heat map: colours and hatching, pixel by pixel.

use super::hatch;
use super::raster::Raster;
use kuva::plot::ColorMap;

/// Colour of a cell without a number.
pub const BLANK: &str = "#D0D0D0";

/// Steps of the colour scale; the colours after them are those of blank cells and of hatching.
const STEPS: u8 = 250;
const GREY: u8 = STEPS;
const LINE: u8 = STEPS + 1;
const BLACK: u8 = STEPS + 2;
const WHITE: u8 = STEPS + 3;

/// Least width and height in pixels: two for each that the panel has on a screen.
const LEAST: (usize, usize) = (940, 640);

/// The image of cells, rows from the bottom upwards: of each its place on the colour scale, whether it has no number, and
/// whether not all of it has one. All cells are of one whole number of pixels, and keep their sharp edges.
pub fn raster(cells: &[Vec<(f64, bool, bool)>]) -> Raster {
    let (rows, columns) = (cells.len(), cells.first().map_or(0, Vec::len));
    let (wide, high) = (LEAST.0.div_ceil(columns.max(1)), LEAST.1.div_ceil(rows.max(1)));
    let (width, height) = (columns * wide, rows * high);
    let mut pixels = Vec::with_capacity(width * height);
    for y in 0..height {
        let row = &cells[(height - 1 - y) / high];
        let up = (height as f64 - y as f64 - 0.5) / height as f64;
        pixels.extend((0..width).map(|x| color(row[x / wide], (x as f64 + 0.5) / width as f64, up)));
    }
    Raster { width, height, pixels, palette: palette() }
}

/// The colour of a point of a cell.
fn color((scale, has_none, has_some): (f64, bool, bool), x: f64, y: f64) -> u8 {
    // Half the width of a line lies on either side of it.
    let is_on = |(_, width): (&str, f64)| hatch::distance(x, y) <= width / 2.0;
    if has_none {
        if is_on(hatch::NONE[0]) { LINE } else { GREY }
    } else if has_some && is_on(hatch::SOME[1]) {
        WHITE
    } else if has_some && is_on(hatch::SOME[0]) {
        BLACK
    } else {
        (scale.clamp(0.0, 1.0) * f64::from(STEPS - 1)).round() as u8
    }
}

fn palette() -> Vec<[u8; 3]> {
    let step = |i: u8| {
        let (red, green, blue) = ColorMap::Viridis.map_rgb(f64::from(i) / f64::from(STEPS - 1)).unwrap_or_default();
        [red, green, blue]
    };
    let named = [BLANK, hatch::NONE[0].0, hatch::SOME[0].0, hatch::SOME[1].0].map(rgb);
    (0..STEPS).map(step).chain(named).collect()
}

/// Red, green and blue of `#RRGGBB`.
fn rgb(color: &str) -> [u8; 3] {
    let number = u32::from_str_radix(color.trim_start_matches('#'), 16).unwrap_or_default();
    [(number >> 16) as u8, (number >> 8) as u8, number as u8]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cell_has_its_colour_and_its_place() {
        let cells =
            vec![vec![(0.0, false, false), (1.0, false, false)], vec![(f64::NAN, true, false), (0.5, false, true)]];
        let raster = raster(&cells);
        assert_eq!((raster.width, raster.height), (940, 640));
        let count = |x: usize, y: usize, color: u8| {
            let rows =
                (320 * y..320 * (y + 1)).map(|row| &raster.pixels[row * 940 + 470 * x..row * 940 + 470 * (x + 1)]);
            rows.flatten().filter(|pixel| **pixel == color).count()
        };
        let all = 470 * 320;
        assert_eq!((count(0, 1, 0), count(1, 1, STEPS - 1)), (all, all), "the first row is the lowest");
        let (grey, line) = (count(0, 0, GREY), count(0, 0, LINE));
        let (black, white, half) = (count(1, 0, BLACK), count(1, 0, WHITE), count(1, 0, (STEPS - 1) / 2 + 1));
        assert_eq!((grey + line, black + white + half), (all, all));
        // A line goes through every 18th pixel of a row, as pixels are half a point. Lines of 1.2 points take that pixel
        // and its two neighbours, those of 2.4 points two more on either side.
        let eighteenths = |count: usize| 18.0 * count as f64 / all as f64;
        for (count, expected) in [(line, 3.0), (white, 3.0), (black, 4.0)] {
            assert!((eighteenths(count) - expected).abs() < 0.05, "{} of {expected}", eighteenths(count));
        }
        assert_eq!(raster.palette[usize::from(WHITE)], [255; 3]);
        assert_eq!(raster.palette[usize::from(GREY)], [0xd0; 3]);
    }
}
