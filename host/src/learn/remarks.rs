//! Options that are allowed and seldom meant.

use crate::base::error::short;
use std::io::Write;

/// A learning rate above it gets a remark: that of every preset is at most 1.
const LARGE_LEARNING_RATE: f32 = 1000.0;

/// What to say of a run before it starts.
pub fn remarks(steps: u32, learning_rate: f32) -> Vec<String> {
    let mut remarks = Vec::new();
    if steps == 0 {
        remarks.push("--steps 0: no step is done, and the saved weights are the initial ones".into());
    }
    if learning_rate > LARGE_LEARNING_RATE {
        let rate = short(learning_rate);
        remarks.push(format!("--lr {rate}: training may diverge; the learning rate of every preset is at most 1"));
    }
    remarks
}

/// Writes the remarks on standard error.
pub fn tell(steps: u32, learning_rate: f32, quiet: bool) {
    for remark in remarks(steps, learning_rate).iter().filter(|_| !quiet) {
        // Without standard error there is nobody to tell.
        let _ = writeln!(std::io::stderr(), "mote: remark: {remark}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mote_runtime::runs::presets;

    #[test]
    fn presets_get_no_remark() {
        for run in presets::ALL.iter().flat_map(|preset| preset.runs) {
            assert!(run.settings.learning_rate <= 1.0);
            assert!(remarks(run.max_steps, run.settings.learning_rate).is_empty());
        }
    }
}
