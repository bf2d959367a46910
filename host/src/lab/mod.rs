//! The laboratory at the command line: grids, folders, pages and pictures around `mote-lab`.

pub mod dynamics;
pub mod dynamics_page;
pub mod dynamics_summary;
pub mod estimate;
pub mod grid;
pub mod heatmap;
pub mod journal;
pub mod memory;
pub mod options;
pub mod page;
pub mod parquet;
pub mod phase_page;
pub mod presets;
pub mod run_file;
pub mod runner;
pub mod runs;
pub mod session;
pub mod store;
pub mod summarize;
