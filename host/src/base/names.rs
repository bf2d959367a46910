//! Names that a person gives, looked up.

use crate::base::error::InputError;
use crate::base::lists;
use mote_runtime::runs::presets::{self, Preset};

/// The preset of a name.
///
/// # Errors
///
/// [`InputError`] with the names there are.
pub fn preset(name: &str) -> Result<Preset, InputError> {
    Preset::by_name(name).ok_or_else(|| {
        let names: Vec<_> = presets::ALL.iter().map(|preset| preset.name).collect();
        lists::unknown("preset", name, &names)
    })
}
