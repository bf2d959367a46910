//! Symbols in pictures as papers print them: quantities in italics, names and numbers upright.

use super::pixels::Pixels;
use kuva::render::render::{Primitive, Scene, TextAnchor, TextSpan};

/// The quantities of the paper; each is one where it stands alone.
const QUANTITIES: &str = "NMDHV\u{3b1}\u{3c4}";

/// A text in runs of one style; nothing if all of it is upright.
fn spans(text: &str) -> Option<Vec<TextSpan>> {
    let letters: Vec<char> = text.chars().collect();
    let is_word =
        |at: Option<usize>| at.and_then(|at| letters.get(at)).is_some_and(|c| c.is_alphanumeric() || *c == '_');
    let is_italic =
        |at: usize| QUANTITIES.contains(letters[at]) && !is_word(at.checked_sub(1)) && !is_word(Some(at + 1));
    let mut spans: Vec<TextSpan> = Vec::new();
    for (at, letter) in letters.iter().enumerate() {
        match spans.last_mut() {
            Some(span) if span.italic == is_italic(at) => span.text.push(*letter),
            _ => spans.push(TextSpan { italic: is_italic(at), ..TextSpan::plain(*letter) }),
        }
    }
    spans.iter().any(|span| span.italic).then_some(spans)
}

/// A label along the vertical axis, which is turned by a quarter.
#[derive(Debug)]
pub struct Turned {
    x: f64,
    y: f64,
    spans: Vec<TextSpan>,
    size: u32,
}

/// Sets all texts of a scene. A format that cannot turn a text of several styles, and blurs what it turns, gets the
/// turned ones apart.
pub fn set(scene: &mut Scene, mut apart: Option<&mut Vec<Turned>>) {
    let mut origins = vec![(0.0, 0.0)];
    for element in std::mem::take(&mut scene.elements) {
        match &element {
            Primitive::GroupStart { transform, .. } => {
                let (x, y) = origins.last().copied().unwrap_or_default();
                let (dx, dy) = transform.as_deref().and_then(translation).unwrap_or_default();
                origins.push((x + dx, y + dy));
            }
            Primitive::GroupEnd => {
                origins.pop();
            }
            Primitive::Text { x, y, content, size, anchor, rotate, bold: false, color } => {
                let (x, y, size, anchor, color) = (*x, *y, *size, *anchor, color.clone());
                let flat = |x, y, spans| Primitive::RichText { x, y, spans, size, anchor, color };
                match (rotate, &mut apart, spans(content)) {
                    (Some(_), Some(apart), spans) => {
                        let origin = origins.last().copied().unwrap_or_default();
                        let spans = spans.unwrap_or_else(|| vec![TextSpan::plain(content.as_str())]);
                        apart.push(Turned { x: origin.0 + x, y: origin.1 + y, spans, size });
                        continue;
                    }
                    (None, _, Some(spans)) => {
                        scene.elements.push(flat(x, y, spans));
                        continue;
                    }
                    (Some(angle), None, Some(spans)) => {
                        let transform = Some(format!("translate({x},{y}) rotate({angle})"));
                        scene.elements.push(Primitive::GroupStart { transform, title: None, extra_attrs: None });
                        scene.elements.push(flat(0.0, 0.0, spans));
                        scene.elements.push(Primitive::GroupEnd);
                        continue;
                    }
                    (_, _, None) => {}
                }
            }
            _ => {}
        }
        scene.elements.push(element);
    }
}

/// Where a group is moved to.
fn translation(transform: &str) -> Option<(f64, f64)> {
    let (x, y) = transform.strip_prefix("translate(")?.strip_suffix(')')?.split_once(',')?;
    Some((x.trim().parse().ok()?, y.trim().parse().ok()?))
}

impl Turned {
    /// Draws the label over a picture of `scale` pixels to a unit: upright on paper of its own, then turned.
    ///
    /// # Errors
    ///
    /// If it cannot be drawn.
    pub fn draw(&self, picture: &mut Pixels, scale: f32) -> anyhow::Result<()> {
        let size = f64::from(self.size);
        let letters: usize = self.spans.iter().map(|span| span.text.chars().count()).sum();
        // No letter is wider than it is high.
        let (width, height) = (letters as f64 * size, 2.0 * size);
        let (x, y) = (width / 2.0, 1.4 * size);
        let mut paper = Scene::new(width, height);
        let (spans, anchor) = (self.spans.clone(), TextAnchor::Middle);
        paper.elements.push(Primitive::RichText { x, y, spans, size: self.size, anchor, color: None });
        let label = Pixels::of(&paper, scale)?;
        let place = |at: f64| (at * f64::from(scale)).round() as i64;
        for row in 0..label.height {
            for column in 0..label.width {
                let (right, down) = (column as i64 - place(x), row as i64 - place(y));
                picture.darken((place(self.x) + down, place(self.y) - right), label.at(column, row));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn italics(text: &str) -> Vec<String> {
        spans(text).into_iter().flatten().filter(|span| span.italic).map(|span| span.text).collect()
    }

    #[test]
    fn quantities_are_in_italics_and_names_are_not() {
        assert_eq!(italics("N SNR\u{b2} = 903"), ["N"]);
        assert_eq!(italics("mean test loss, M=8 D=4000 H=2000 lr=0.1"), ["M", "D", "H"]);
        for upright in ["SNR", "test loss", "V_mu, V_xi", "NaN", ""] {
            assert!(spans(upright).is_none(), "{upright}");
        }
        let whole: String = spans("a N b").unwrap().into_iter().map(|span| span.text).collect();
        assert_eq!(whole, "a N b");
    }

    #[test]
    fn a_turned_label_lies_along_its_axis() {
        let mut scene = Scene::new(60.0, 200.0);
        let text = |content: &str| Primitive::Text {
            x: 10.0,
            y: 50.0,
            content: content.into(),
            size: 20,
            anchor: TextAnchor::Middle,
            rotate: Some(-90.0),
            bold: false,
            color: None,
        };
        let transform = Some("translate(20,50)".into());
        scene.elements.push(Primitive::GroupStart { transform, title: None, extra_attrs: None });
        scene.elements.push(text("N SNR\u{b2}"));
        scene.elements.push(Primitive::GroupEnd);
        let mut apart = Vec::new();
        set(&mut scene, Some(&mut apart));
        let mut picture = Pixels::of(&scene, 1.0).unwrap();
        let dark = |picture: &Pixels| -> Vec<(usize, usize)> {
            let all = (0..picture.height).flat_map(|y| (0..picture.width).map(move |x| (x, y)));
            all.filter(|(x, y)| picture.at(*x, *y)[0] < 128).collect()
        };
        assert!(dark(&picture).is_empty(), "it is not drawn twice");
        apart[0].draw(&mut picture, 1.0).unwrap();
        let dark = dark(&picture);
        let (left, right) = (dark.iter().map(|p| p.0).min().unwrap(), dark.iter().map(|p| p.0).max().unwrap());
        let (top, bottom) = (dark.iter().map(|p| p.1).min().unwrap(), dark.iter().map(|p| p.1).max().unwrap());
        assert!(left >= 13 && right <= 31 && right - left > 10, "left of its base line at 30: {left} to {right}");
        assert!(top.abs_diff(60) < 12 && bottom.abs_diff(140) < 12, "in its middle at 100: {top} to {bottom}");
    }
}
