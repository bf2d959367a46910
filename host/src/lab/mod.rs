//! The laboratory at the command line: grids, folders, pages and pictures around `mote-lab`.

pub mod columns;
pub mod dynamics;
pub mod dynamics_page;
pub mod estimate;
pub mod grid;
pub mod heatmap;
pub mod options;
pub mod page;
pub mod parquet;
pub mod phase_page;
pub mod plot;
pub mod plot_dynamics;
pub mod presets;
pub mod run_file;
pub mod session;
pub mod store;
pub mod summarize;
pub mod wording;
