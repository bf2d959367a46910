//! `mote presets`: every preset there is.

use crate::base::progress::print_line;
#[cfg(feature = "lab")]
use crate::lab;
use mote_runtime::runs::presets;

/// Prints every preset with its shape and runs, then those of the laboratory with the commands that take them.
///
/// # Errors
///
/// If standard output cannot be written.
pub fn print_presets() -> anyhow::Result<()> {
    for preset in presets::ALL {
        let runs: Vec<_> = preset.runs.iter().map(|run| run.name).collect();
        print_line(format_args!("{:12} {} (runs: {})", preset.name, preset.about, runs.join(", ")))?;
    }
    #[cfg(feature = "lab")]
    for (name, about) in lab::presets::ALL {
        print_line(format_args!("{name:12} {about} (mote phase)"))?;
    }
    #[cfg(feature = "lab")]
    for (name, about) in lab::presets::DYNAMICS {
        print_line(format_args!("{name:12} {about} (mote dynamics)"))?;
    }
    Ok(())
}
