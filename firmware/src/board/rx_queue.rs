//! Received bytes, from the interrupt to the program: none is lost while the chip computes a step.
//!
//! A ring of atomic bytes. The interrupt alone moves `ENTRANCE`, the program alone moves `EXIT`; both count on for
//! ever and wrap, and a byte lies at its count modulo the size of the ring.

use core::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use mote_protocol::limits::QUEUE_MIN;

/// Bytes that can wait: 89 ms of the line at 115,200 baud. A power of two, so that no index can lie outside.
const SIZE: usize = 1024;

static BYTES: [AtomicU8; SIZE] = [const { AtomicU8::new(0) }; SIZE];
static ENTRANCE: AtomicUsize = AtomicUsize::new(0);
static EXIT: AtomicUsize = AtomicUsize::new(0);
static OVERRUN: AtomicBool = AtomicBool::new(false);

/// The place of the byte with a count.
fn place(count: usize) -> &'static AtomicU8 {
    const { assert!(SIZE.is_power_of_two() && SIZE >= QUEUE_MIN, "what a host may send at once must fit") }
    &BYTES[count % SIZE]
}

/// The program's end of the queue. There must be one: two would give bytes twice.
pub struct RxQueue(());

impl RxQueue {
    /// The queue, with whatever waits in it.
    pub(super) fn open() -> Self {
        Self(())
    }

    /// How many bytes wait.
    pub fn len(&self) -> usize {
        ENTRANCE.load(Ordering::Acquire).wrapping_sub(EXIT.load(Ordering::Relaxed))
    }

    /// The next byte.
    pub fn take(&mut self) -> Option<u8> {
        if self.len() == 0 {
            return None;
        }
        let exit = EXIT.load(Ordering::Relaxed);
        let byte = place(exit).load(Ordering::Relaxed);
        // Released: the interrupt may use the place again only now.
        EXIT.store(exit.wrapping_add(1), Ordering::Release);
        Some(byte)
    }

    /// Whether bytes were lost: more came than can wait, or faster than the interrupt ran, or they came damaged. What
    /// waits came before them, and nothing that follows is taken in before [`RxQueue::accept_again`]: no line is put
    /// together from both sides.
    pub fn is_overrun(&self) -> bool {
        OVERRUN.load(Ordering::Acquire)
    }

    /// After an overrun, once all that waited is taken.
    pub fn accept_again(&mut self) {
        OVERRUN.store(false, Ordering::Release);
    }
}

/// Puts a byte in, or counts it as lost. From the board's receive interrupt, which never interrupts itself.
pub fn put(byte: u8) {
    if OVERRUN.load(Ordering::Acquire) {
        return;
    }
    let entrance = ENTRANCE.load(Ordering::Relaxed);
    if entrance.wrapping_sub(EXIT.load(Ordering::Acquire)) >= SIZE {
        return mark_lost();
    }
    place(entrance).store(byte, Ordering::Relaxed);
    // Released: the program sees the byte before it sees that there is one.
    ENTRANCE.store(entrance.wrapping_add(1), Ordering::Release);
}

/// Notes that a byte was lost: after the bytes that came before it, and before any that may have come after it. A byte
/// that came with a framing or parity error, with noise or as a break counts as lost: note it, and it is not put in.
pub fn mark_lost() {
    OVERRUN.store(true, Ordering::Release);
}
