//! The laboratory at the command line: grids, folders, pages and pictures around `mote-lab`.

pub mod columns;
pub mod dynamics;
pub mod dynamics_page;
pub mod estimate;
pub mod grid;
pub mod heatmap;
pub mod jobs;
pub mod journal;
pub mod options;
pub mod page;
pub mod parquet;
pub mod parts;
pub mod phase_page;
pub mod plot;
pub mod plot_dynamics;
pub mod presets;
pub mod run_file;
pub mod runner;
pub mod session;
pub mod settings;
pub mod store;
pub mod summarize;
pub mod task;
pub mod wording;
