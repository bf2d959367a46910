//! Pictures as pixels, and as PNG files that say how large they are on paper.

use anyhow::Context;
use kuva::backend::png::PngBackend;
use kuva::render::render::Scene;
use std::io::Cursor;

/// Pixels to an inch of a picture whose unit is one: what CSS takes them for.
const UNITS_TO_AN_INCH: f32 = 96.0;

/// A picture of pixels.
#[derive(Debug)]
pub struct Pixels {
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Red, green and blue, row by row from the top.
    data: Vec<u8>,
}

impl Pixels {
    /// A scene with `scale` pixels to its unit.
    ///
    /// # Errors
    ///
    /// If it cannot be drawn.
    pub fn of(scene: &Scene, scale: f32) -> anyhow::Result<Self> {
        let file = PngBackend::new().with_scale(scale).render_scene(scene).map_err(anyhow::Error::msg)?;
        let mut reader = png::Decoder::new(Cursor::new(file)).read_info().context("a picture")?;
        let mut data = vec![0; reader.output_buffer_size().context("a picture of no size")?];
        let frame = reader.next_frame(&mut data).context("a picture")?;
        data.truncate(frame.buffer_size());
        let samples = frame.color_type.samples();
        anyhow::ensure!(frame.bit_depth == png::BitDepth::Eight && samples >= 3, "a picture without colours");
        if samples > 3 {
            // Nothing shines through: the paper is white.
            data = data.chunks_exact(samples).flat_map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect();
        }
        Ok(Self { width: frame.width as usize, height: frame.height as usize, data })
    }

    /// Red, green and blue of a pixel.
    pub fn at(&self, column: usize, row: usize) -> [u8; 3] {
        let at = 3 * (row * self.width + column);
        [self.data[at], self.data[at + 1], self.data[at + 2]]
    }

    /// Lays a colour over a pixel as ink on paper; beside the picture, nothing.
    pub fn darken(&mut self, (column, row): (i64, i64), ink: [u8; 3]) {
        let inside = |at: i64, end: usize| usize::try_from(at).ok().filter(|at| *at < end);
        let (Some(column), Some(row)) = (inside(column, self.width), inside(row, self.height)) else { return };
        let at = 3 * (row * self.width + column);
        for (paper, ink) in self.data[at..at + 3].iter_mut().zip(ink) {
            *paper = (u16::from(*paper) * u16::from(ink) / 255) as u8;
        }
    }

    /// As a PNG file of a picture with `scale` pixels to a unit.
    ///
    /// # Errors
    ///
    /// If it has no pixels.
    pub fn png(&self, scale: f32) -> anyhow::Result<Vec<u8>> {
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, u32::try_from(self.width)?, u32::try_from(self.height)?);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        let to_a_metre = (UNITS_TO_AN_INCH * scale / 0.0254).round() as u32;
        let unit = png::Unit::Meter;
        encoder.set_pixel_dims(Some(png::PixelDimensions { xppu: to_a_metre, yppu: to_a_metre, unit }));
        let mut writer = encoder.write_header().context("a picture")?;
        writer.write_image_data(&self.data).context("a picture")?;
        writer.finish().context("a picture")?;
        Ok(file)
    }
}
