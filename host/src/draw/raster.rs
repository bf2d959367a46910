//! A grid of colours as one image inside a picture, for grids with too many places for a rectangle each.

use anyhow::Context;
use kuva::render::color::Color;
use kuva::render::render::{Primitive, Scene};

/// An image of at most 256 colours.
#[derive(Clone, Debug, PartialEq)]
pub struct Raster {
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Indices into the palette, from the top row down.
    pub pixels: Vec<u8>,
    /// Red, green and blue of every colour.
    pub palette: Vec<[u8; 3]>,
}

impl Raster {
    /// The image as a PNG file.
    ///
    /// # Errors
    ///
    /// If it has no pixels, or not as many as it says.
    pub fn png(&self) -> anyhow::Result<Vec<u8>> {
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, u32::try_from(self.width)?, u32::try_from(self.height)?);
        encoder.set_color(png::ColorType::Indexed);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_palette(self.palette.concat());
        // Indices are no brightness: differences between them compress worse than they do.
        encoder.set_filter(png::Filter::NoFilter);
        let mut writer = encoder.write_header().context("image of a heat map")?;
        writer.write_image_data(&self.pixels).context("image of a heat map")?;
        writer.finish().context("image of a heat map")?;
        Ok(file)
    }

    /// The image inside an attribute of SVG.
    fn href(&self) -> anyhow::Result<String> {
        let mut text = String::from("href=\"data:image/png;base64,");
        base64(&self.png()?, &mut text);
        text.push('"');
        Ok(text)
    }

    fn color(&self, column: usize, row: usize) -> [u8; 3] {
        self.palette[usize::from(self.pixels[row * self.width + column])]
    }

    /// The image over `area` as rectangles on a grid of `1 / scale`, a run of one colour each.
    fn rectangles(&self, area: Area, scale: f64) -> Primitive {
        let (mut x, mut y, mut w, mut h, mut fills) = (vec![], vec![], vec![], vec![], vec![]);
        let pixels = |length: f64| ((length * scale).round() as usize).max(1);
        let (columns, rows) = (pixels(area.width), pixels(area.height));
        let (wide, high) = (area.width / columns as f64, area.height / rows as f64);
        for row in 0..rows {
            let color = |column: usize| self.color(column * self.width / columns, row * self.height / rows);
            let mut start = 0;
            for end in 1..=columns {
                if end < columns && color(end) == color(start) {
                    continue;
                }
                let [red, green, blue] = color(start);
                x.push(area.x + start as f64 * wide);
                y.push(area.y + row as f64 * high);
                // A little more, which the next one covers: else there is a hairline between them.
                w.push((end - start) as f64 * wide + if end < columns { wide } else { 0.0 });
                h.push(high * if row + 1 < rows { 2.0 } else { 1.0 });
                fills.push(Color::Rgb(red, green, blue));
                start = end;
            }
        }
        Primitive::RectBatch { x, y, w, h, fills }
    }
}

/// Where an image lies in its picture.
#[derive(Clone, Copy, Debug)]
struct Area {
    x: f64,
    y: f64,
    width: f64,
    height: f64,
}

/// Images that take the place of heat maps.
#[derive(Debug)]
pub struct Rasters<'a> {
    rasters: &'a [Raster],
    areas: Vec<Area>,
    at: Vec<usize>,
}

impl<'a> Rasters<'a> {
    /// Finds the heat maps of a scene, one for each raster, each of two cells side by side.
    ///
    /// # Errors
    ///
    /// If the scene has not as many.
    pub fn place(rasters: &'a [Raster], scene: &Scene) -> anyhow::Result<Self> {
        let (mut at, mut areas) = (Vec::new(), Vec::new());
        for (i, element) in scene.elements.iter().enumerate() {
            if let Primitive::RectBatch { x, y, h, .. } = element
                && let ([left, right], [y, _], [height, _]) = (&x[..], &y[..], &h[..])
            {
                // Heights have half a pixel on top, to cover hairlines.
                areas.push(Area { x: *left, y: *y, width: 2.0 * (right - left), height: height - 0.5 });
                at.push(i);
            }
        }
        anyhow::ensure!(at.len() == rasters.len(), "{} heat maps for {} images", at.len(), rasters.len());
        Ok(Self { rasters, areas, at })
    }

    /// Marks where the images belong, as [`Self::fill_marks`] finds them again in the SVG.
    pub fn mark(&self, scene: &mut Scene) -> Vec<String> {
        let marks: Vec<String> = (0..self.rasters.len()).map(|i| format!("raster-{i}")).collect();
        self.cover(scene, &marks);
        marks
    }

    /// One rectangle over each heat map, filled as told.
    fn cover(&self, scene: &mut Scene, fills: &[String]) {
        for ((at, area), fill) in self.at.iter().zip(&self.areas).zip(fills) {
            let &Area { x, y, width, height } = area;
            let fills = vec![Color::Css(fill.as_str().into())];
            scene.elements[*at] =
                Primitive::RectBatch { x: vec![x], y: vec![y], w: vec![width], h: vec![height], fills };
        }
    }

    /// The SVG of a marked scene, with the images inside.
    ///
    /// # Errors
    ///
    /// If an image cannot be made.
    pub fn fill_marks(&self, marks: &[String], mut svg: String) -> anyhow::Result<Vec<u8>> {
        for (mark, raster) in marks.iter().zip(self.rasters) {
            let fill = format!("fill=\"{mark}\"");
            let end = svg.find(&fill).context("a heat map has no place in its picture")?;
            let start = svg[..end].rfind("<rect ").context("a heat map is no rectangle")?;
            let image = svg[start..end].replacen("<rect ", "<image preserveAspectRatio=\"none\" ", 1);
            svg.replace_range(start..end + fill.len(), &format!("{image}{}", raster.href()?));
        }
        Ok(svg.into_bytes())
    }

    /// Puts the images into the scene as rectangles, for a picture of `scale` pixels to its unit.
    pub fn fill(&self, scene: &mut Scene, scale: f64) {
        for ((raster, area), at) in self.rasters.iter().zip(&self.areas).zip(&self.at) {
            scene.elements[*at] = raster.rectangles(*area, scale);
        }
    }
}

/// Bytes as text of 64 letters, as RFC 4648 has it.
fn base64(bytes: &[u8], text: &mut String) {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    text.reserve(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let bits = (0..3).fold(0u32, |bits, i| bits << 8 | u32::from(three.get(i).copied().unwrap_or(0)));
        for i in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * i) & 63) as usize];
            text.push(if i <= three.len() { char::from(letter) } else { '=' });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_rfc() {
        for (bytes, expected) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            let mut text = String::new();
            base64(bytes.as_bytes(), &mut text);
            assert_eq!(text, expected);
        }
    }

    #[test]
    fn a_png_has_the_colours_of_its_pixels() {
        let palette = vec![[1, 2, 3], [40, 50, 60], [255, 0, 7]];
        let raster = Raster { width: 3, height: 2, pixels: vec![0, 1, 2, 2, 1, 0], palette };
        let file = raster.png().unwrap();
        let mut decoder = png::Decoder::new(std::io::Cursor::new(file));
        decoder.set_transformations(png::Transformations::EXPAND);
        let mut reader = decoder.read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut pixels).unwrap();
        let expected = [[1, 2, 3], [40, 50, 60], [255, 0, 7], [255, 0, 7], [40, 50, 60], [1, 2, 3]].concat();
        assert_eq!(pixels[..18], expected);
        assert!(Raster { width: 0, ..raster }.png().is_err(), "no pixels");
    }

    #[test]
    fn rectangles_are_runs_of_one_colour() {
        let raster = Raster { width: 4, height: 1, pixels: vec![0, 0, 1, 1], palette: vec![[9; 3], [200; 3]] };
        let area = Area { x: 10.0, y: 20.0, width: 8.0, height: 1.0 };
        let Primitive::RectBatch { x, y, fills, .. } = raster.rectangles(area, 1.0) else { panic!("no rectangles") };
        assert_eq!((x, y), (vec![10.0, 14.0], vec![20.0, 20.0]));
        assert!(matches!(fills[..], [Color::Rgb(9, 9, 9), Color::Rgb(200, 200, 200)]), "{fills:?}");
    }
}
