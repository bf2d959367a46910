//! Idles and obeys: commands come over serial, training and its reports are the answer.
//!
//! No arithmetic here: the session is in `mote-runtime`, the registers are in `board`. The model has the
//! shape of the preset that `MOTE_PRESET` names, or the one that `MOTE_SHAPE` gives as `M,D,H,V`.

#![no_std]
#![no_main]

#[path = "../session_port.rs"]
mod session_port;

use core::mem::MaybeUninit;
use cortex_m_rt::entry;
#[cfg(keeps_weights)]
use embedded_storage::nor_flash::NorFlash;
use mote_core::memory::Fixed;
use mote_core::shape::Shape;
use mote_firmware::board;
use mote_protocol::report::Board;
use mote_protocol::wire::{WireError, to_name};
#[cfg(keeps_weights)]
use mote_runtime::checkpoint::region_bytes;
#[cfg(keeps_weights)]
use mote_runtime::commands::FlashStorage;
#[cfg(not(keeps_weights))]
use mote_runtime::commands::NoStorage;
use mote_runtime::commands::Session;
use mote_runtime::runs::budget::samples_held;
use mote_runtime::runs::presets::Preset;
use session_port::SessionPort;

const PRESET: Preset = match Preset::by_name(env!("MOTE_PRESET")) {
    Some(preset) => preset,
    None => panic!("MOTE_PRESET is not the name of a preset of mote-runtime"),
};
const OWN_SHAPE: &str = env!("MOTE_SHAPE");
const SHAPE: Shape = if OWN_SHAPE.is_empty() {
    PRESET.shape
} else {
    match Shape::parse(OWN_SHAPE) {
        Some(shape) => shape,
        None => panic!("MOTE_SHAPE is not four counts from 1 to 65536, M,D,H,V"),
    }
};
type Memory = Fixed<{ SHAPE.tokens }, { SHAPE.dim }, { SHAPE.head }, { SHAPE.value }>;
const _: () = assert!(size_of::<Memory>() <= board::MEMORY_BUDGET_BYTES, "the model does not fit this board");

/// Numbers in a sample: its tokens and its label.
const SAMPLE: usize = SHAPE.tokens * SHAPE.dim + 1;
/// Samples held in RAM: what the model leaves of the board's budget, less what the session itself takes.
const HELD: usize = samples_held(&SHAPE, board::MEMORY_BUDGET_BYTES);

#[cfg(keeps_weights)]
type BoardStorage = FlashStorage<board::Flash>;
#[cfg(not(keeps_weights))]
type BoardStorage = NoStorage;

type BoardSession = Session<'static, Memory, BoardStorage>;

/// The flash that outlasts a power cut.
#[cfg(keeps_weights)]
fn storage(flash: board::Flash) -> Option<BoardStorage> {
    const {
        let fits = matches!(region_bytes(SHAPE, board::Flash::ERASE_SIZE), Some(bytes) if bytes <= board::Flash::BYTES);
        assert!(fits, "two checkpoints of the model do not fit the flash that is kept for them");
    }
    FlashStorage::new(flash, 0, board::Flash::BYTES as u32, board::Flash::ERASURES, SHAPE).ok()
}

#[entry]
fn main() -> ! {
    // `entry` lends them out as `&'static mut`.
    static mut MEMORY: Memory = Memory::zeroed();
    static mut STORE: [f32; HELD * SAMPLE] = [0.0; HELD * SAMPLE];
    // Not `None`, which is not all zero and would lie in flash.
    static mut SESSION: MaybeUninit<BoardSession> = MaybeUninit::uninit();

    let Some(parts) = board::take() else { board::exit(false) };
    #[cfg(keeps_weights)]
    let Some(storage) = storage(parts.flash) else { board::exit(false) };
    #[cfg(not(keeps_weights))]
    let storage = NoStorage; // `save` and `resume` say so
    let mut port = SessionPort::new(parts.serial, parts.led, parts.counter);
    let session = open(SESSION, MEMORY, STORE, storage);
    loop {
        if serve(session, &mut port).is_err() {
            // A record was longer than a line can be: that is a mistake in mote, and a test excludes it.
            board::exit(false);
        }
    }
}

/// The session in its place. Never inlined: the way there would stay on the stack.
#[inline(never)]
fn open(
    place: &'static mut MaybeUninit<BoardSession>,
    memory: &'static mut Memory,
    store: &'static mut [f32],
    storage: BoardStorage,
) -> &'static mut BoardSession {
    let board = Board { name: to_name(board::NAME), core: to_name(board::CORE), tick_hz: board::TICK_HZ.into() };
    place.write(Session::new(memory, store, storage, board))
}

/// Hears all that came, then works a little; sleeps where nothing can happen before the next byte.
fn serve(session: &mut BoardSession, port: &mut SessionPort) -> Result<(), WireError> {
    if session.is_quiet() {
        port.wait();
    }
    // Asked before the queue is emptied: after a loss nothing enters it, so what is in it came before.
    let has_lost = port.has_lost();
    while let Some(byte) = port.byte() {
        session.receive(byte, port)?;
    }
    if has_lost {
        session.lost(port)?;
        port.accept_again();
    }
    session.work(port).map(|_| ())
}
