//! A picture that is laid out, to be written in any format.

use super::pixels::Pixels;
use super::raster::{Raster, Rasters};
use super::symbols;
use kuva::backend::svg::SvgBackend;
use kuva::render::render::Scene;

/// Pixels of a PNG to a unit, for screens.
pub const SCREEN: f32 = 2.0;

/// The same for print: 300 to an inch.
pub const PRINT: f32 = 300.0 / 96.0;

/// A scene, and the images that take the place of its heat maps.
#[derive(Debug)]
pub struct Picture {
    scene: Scene,
    rasters: Vec<Raster>,
}

impl Picture {
    /// A picture with as many heat maps of two cells as there are images.
    pub fn new(scene: Scene, rasters: Vec<Raster>) -> Self {
        Self { scene, rasters }
    }

    fn copy(&self) -> Scene {
        let Scene { width, height, .. } = self.scene;
        Scene {
            elements: self.scene.elements.clone(),
            defs: self.scene.defs.clone(),
            background_color: self.scene.background_color.clone(),
            text_color: self.scene.text_color.clone(),
            font_family: self.scene.font_family.clone(),
            ..Scene::new(width, height)
        }
    }

    /// As SVG.
    ///
    /// # Errors
    ///
    /// If an image cannot be made.
    pub fn svg(&self) -> anyhow::Result<Vec<u8>> {
        let mut scene = self.copy();
        if self.rasters.is_empty() {
            symbols::set(&mut scene, None);
            return Ok(SvgBackend.render_scene(&scene).into_bytes());
        }
        let rasters = Rasters::place(&self.rasters, &scene)?;
        let marks = rasters.mark(&mut scene);
        symbols::set(&mut scene, None);
        rasters.fill_marks(&marks, SvgBackend.render_scene(&scene))
    }

    /// As PNG with `scale` pixels to a unit.
    ///
    /// # Errors
    ///
    /// If it cannot be drawn.
    pub fn png(&self, scale: f32) -> anyhow::Result<Vec<u8>> {
        let mut scene = self.copy();
        if !self.rasters.is_empty() {
            Rasters::place(&self.rasters, &scene)?.fill(&mut scene, scale.into());
        }
        let mut turned = Vec::new();
        symbols::set(&mut scene, Some(&mut turned));
        let mut pixels = Pixels::of(&scene, scale)?;
        turned.iter().try_for_each(|label| label.draw(&mut pixels, scale))?;
        pixels.png(scale)
    }
}
