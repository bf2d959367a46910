//! The model of firmware that obeys commands: of the shape of a preset, or of a shape of its own.

use crate::base::error::InputError;
use crate::base::names;
use crate::board::machine::Machine;
use mote_core::shape::{SIZE_MAX, Shape};
use mote_runtime::checkpoint::region_bytes;

/// Which model the firmware is built with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirmwareModel {
    /// Sizes.
    pub shape: Shape,
    /// The preset whose shape it is; `None` of a shape of its own.
    preset: Option<&'static str>,
}

/// Reads `M,D,H,V`.
///
/// # Errors
///
/// If it is not that.
pub fn shape(text: &str) -> Result<Shape, String> {
    Shape::parse(text).ok_or_else(|| format!("expected M,D,H,V, four counts from 1 to {SIZE_MAX}, such as 4,64,8,8"))
}

/// A shape as an option, a file name and an environment variable write it.
pub fn commas(shape: &Shape) -> String {
    let Shape { tokens, dim, head, value } = shape;
    format!("{tokens},{dim},{head},{value}")
}

/// A shape for people.
pub fn letters(shape: &Shape) -> String {
    let Shape { tokens, dim, head, value } = shape;
    format!("M={tokens} D={dim} H={head} V={value}")
}

impl FirmwareModel {
    /// The model of a shape, of a preset, or of the board's own preset.
    ///
    /// # Errors
    ///
    /// [`InputError`]: an unknown preset; a model that does not fit into the board's RAM, or its checkpoints not into
    /// the flash that is kept for them.
    pub fn choose(board: &Machine, preset: Option<&str>, shape: Option<Shape>) -> Result<Self, InputError> {
        let model = match shape {
            Some(shape) => Self { shape, preset: None },
            None => {
                let preset = names::preset(preset.unwrap_or(board.preset))?;
                Self { shape: preset.shape, preset: Some(preset.name) }
            }
        };
        let option = if shape.is_some() { "shape" } else { "preset" };
        board.check_shape(option, &model.shape)?;
        if let Some((bytes, page)) = board.checkpoint_flash {
            let found = region_bytes(model.shape, page).unwrap_or(usize::MAX);
            if found > bytes {
                let name = board.name;
                let fits = format!("mote fit --board {name} --samples-held 1 says what fits");
                let two = format!("expected two checkpoints of at most {bytes} bytes of flash for {name}");
                let what = format!("{two}, found {found}; {fits}");
                return Err(InputError::option(option, what));
            }
        }
        Ok(model)
    }

    /// What to call it in the name of a file.
    pub fn name(&self) -> String {
        self.preset.map_or_else(|| commas(&self.shape).replace(',', "x"), String::from)
    }

    /// The environment that the firmware is built in.
    pub fn environment(&self) -> [(&'static str, String); 2] {
        let preset = self.preset.unwrap_or("tiny").to_owned();
        let shape = if self.preset.is_some() { String::new() } else { commas(&self.shape) };
        [("MOTE_PRESET", preset), ("MOTE_SHAPE", shape)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::machine;

    #[test]
    fn the_largest_model_of_a_board_fits_and_one_more_does_not() {
        let board = machine::by_name("mps2-an386").unwrap();
        // The largest D of the board with M=4, H=8, V=8, by `mote fit --board mps2-an386 --tokens 4 --head 8 --value
        // 8`.
        let largest = 11_393;
        let model = |dim| FirmwareModel::choose(board, None, Some(Shape::new(4, dim, 8, 8)));
        assert_eq!(model(largest).unwrap().name(), format!("4x{largest}x8x8"));
        let error = model(largest + 1).unwrap_err().to_string();
        assert!(
            error.starts_with("--shape: expected a model of at most 2097152 bytes for mps2-an386, found "),
            "{error}"
        );
    }

    #[test]
    fn checkpoints_count_where_the_board_keeps_some() {
        let board = machine::by_name("microbit").unwrap();
        assert!(FirmwareModel::choose(board, Some("tiny"), None).is_ok());
        // 4 D H + 4 numbers of weights; two slots of 2,048 bytes with 128 bytes of their own.
        let model = |dim| FirmwareModel::choose(board, None, Some(Shape::new(4, dim, 4, 4)));
        assert!(model(39).is_ok());
        let error = model(40).unwrap_err().to_string();
        let expected =
            "--shape: expected two checkpoints of at most 4096 bytes of flash for microbit, found 6144; mote fit ";
        assert!(error.starts_with(expected), "{error}");
    }

    #[test]
    fn a_shape_that_is_none_says_what_one_is() {
        let error = shape("4,64,8").unwrap_err();
        assert_eq!(error, "expected M,D,H,V, four counts from 1 to 65536, such as 4,64,8,8");
        assert_eq!(letters(&shape("4,64,8,2").unwrap()), "M=4 D=64 H=8 V=2");
    }
}
