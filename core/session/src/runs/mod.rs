//! Training runs: what they are asked to do, how they go forward, and the presets.

pub mod budget;
pub mod plan;
pub mod port;
pub mod preset_run;
pub mod presets;
pub mod training_run;
