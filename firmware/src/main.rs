//! Trains a preset and reports it over serial, line for line what `mote` computes on the host.
//!
//! No arithmetic here: the engine is `mote-core`, the registers are in `board`.

#![no_std]
#![no_main]

#[cfg(feature = "test-echo")]
mod echo;
mod port;

use cortex_m_rt::entry;
use mote_core::memory::Fixed;
use mote_core::shape::Shape;
use mote_firmware::board;
use mote_runtime::runs::preset_run::run_preset;
use mote_runtime::runs::presets::Preset;

const PRESET: Preset = match Preset::by_name(env!("MOTE_PRESET")) {
    Some(preset) => preset,
    None => panic!("MOTE_PRESET is not the name of a preset of mote-runtime"),
};
const SHAPE: Shape = PRESET.shape;
type Memory = Fixed<{ SHAPE.tokens }, { SHAPE.dim }, { SHAPE.head }, { SHAPE.value }>;
const _: () = assert!(size_of::<Memory>() <= board::MEMORY_BUDGET_BYTES, "the model does not fit this board");

#[entry]
fn main() -> ! {
    static mut MEMORY: Memory = Memory::zeroed(); // `entry` lends it out as `&'static mut`

    #[allow(unused_mut)] // with one of the features below
    let Some(mut parts) = board::take() else { board::exit(false) };
    #[cfg(feature = "test-panic")]
    panic!("as asked for");
    #[cfg(feature = "test-fault")]
    board::fault_on_purpose();
    #[cfg(feature = "test-overflow")]
    board::overflow_on_purpose();
    #[cfg(feature = "test-hang")]
    loop {
        cortex_m::interrupt::disable(); // takes no byte either
    }
    #[cfg(feature = "test-echo")]
    board::exit(echo::echo(&mut parts));

    #[allow(unreachable_code)] // with one of the features above
    let mut port = port::SerialPort::new(parts);
    #[cfg(feature = "test-flood")]
    while port.announce().is_ok() {}
    let succeeded = port.announce().and_then(|()| run_preset(&PRESET, MEMORY, &mut port)) == Ok(0);
    port.finish(succeeded);
    board::exit(succeeded)
}
