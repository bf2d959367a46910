//! A session: the commands that a chip obeys.

mod dispatch;
mod line_assembler;
mod port;
mod runs;
mod sample_source;
mod session;
mod state;
mod transfer;
mod transfers;
mod weight_storage;
mod work;

pub use port::{ERASE_LINE, Port};
pub use session::Session;
pub use weight_storage::{FlashStorage, NoStorage, Wear, WeightStorage};
