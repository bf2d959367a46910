//! Received bytes, from the interrupt to the program: none is lost while the chip computes a step.

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, Ordering};
use heapless::spsc::{Consumer, Producer, Queue};

/// One more than the bytes that can wait: 89 ms of the line at 115,200 baud.
const SIZE: usize = 1024;

/// The interrupt's end of the queue.
struct Entrance(UnsafeCell<Option<Producer<'static, u8>>>);

// SAFETY: `Inbox::open` writes it before the interrupt is enabled; then only the interrupt uses it, which never
// interrupts itself.
unsafe impl Sync for Entrance {}

static ENTRANCE: Entrance = Entrance(UnsafeCell::new(None));
static OVERRUN: AtomicBool = AtomicBool::new(false);

/// The program's end of the queue.
pub struct Inbox(Consumer<'static, u8>);

impl Inbox {
    /// The queue, empty.
    ///
    /// # Safety
    ///
    /// Once only, and before the board's receive interrupt is enabled.
    pub unsafe fn open() -> Self {
        static mut QUEUE: Queue<u8, SIZE> = Queue::new();
        // SAFETY: this line is reached once, so that there is one reference.
        let queue: &'static mut _ = unsafe { &mut *&raw mut QUEUE };
        let (entrance, exit) = queue.split();
        // SAFETY: the interrupt, its only other user, is not enabled yet.
        unsafe { *ENTRANCE.0.get() = Some(entrance) };
        Self(exit)
    }

    /// How many bytes wait.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The next byte.
    pub fn take(&mut self) -> Option<u8> {
        self.0.dequeue()
    }

    /// Whether bytes were lost since this was last asked: more came than can wait, or faster than the interrupt ran.
    pub fn overrun(&mut self) -> bool {
        // Not `swap`: a Cortex-M0 has none. An overrun between the two lines is part of this answer.
        let lost = OVERRUN.load(Ordering::Relaxed);
        if lost {
            OVERRUN.store(false, Ordering::Relaxed);
        }
        lost
    }
}

/// Puts a byte in, or counts it as lost.
///
/// # Safety
///
/// From the board's receive interrupt only.
pub unsafe fn put(byte: u8) {
    // SAFETY: only the interrupt, which never interrupts itself, comes here, and `open` was before it.
    let entrance = unsafe { &mut *ENTRANCE.0.get() };
    if entrance.as_mut().is_none_or(|entrance| entrance.enqueue(byte).is_err()) {
        mark_overrun();
    }
}

/// Notes that a byte was lost.
pub fn mark_overrun() {
    OVERRUN.store(true, Ordering::Relaxed);
}
