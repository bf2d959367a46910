//! Whether the machine holds what is computed at once.

use crate::base::error::InputError;
use crate::base::progress::counted;
use crate::lab::grid::Config;
use mote_lab::place::GridPoint;

/// Bytes of the largest place, and which it is.
pub fn largest<'a>(config: &Config, places: &'a [GridPoint]) -> (f64, &'a GridPoint) {
    let bytes = |place: &GridPoint| config.bytes(place, config.space_of(place));
    places.iter().map(|place| (bytes(place), place)).max_by(|a, b| a.0.total_cmp(&b.0)).expect("a grid has places")
}

/// Refuses what the machine cannot hold, before the first place; `unit` is what one is called.
///
/// # Errors
///
/// [`InputError`] with what it takes and what there is.
pub fn check(config: &Config, places: &[GridPoint], threads: usize, unit: &str) -> Result<(), InputError> {
    let mut system = sysinfo::System::new(); // an error where the platform cannot tell
    let available = match &mut system {
        Ok(system) => {
            system.refresh_memory();
            system.available_memory() as f64
        }
        // A machine that cannot say has nothing to refuse by.
        Err(_) => return Ok(()),
    };
    let (bytes, place) = largest(config, places);
    let needed = bytes * threads as f64;
    if available == 0.0 || needed <= available {
        return Ok(());
    }
    let GridPoint { samples, dim, head, .. } = place;
    let space = config.space_of(place).name();
    Err(InputError::option(
        "space",
        format!(
            "{} of N={samples} D={dim} H={head} at once take {:.1} GB of memory in {space} space, and this \
             machine has {:.1} GB free; try --space auto, or fewer --threads",
            counted(threads, unit),
            needed / 1e9,
            available / 1e9
        ),
    ))
}
