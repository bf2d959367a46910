//! A hard fault says at which instruction, a stack overflow says so, and both end with a failure instead of hanging.

use super::stack;
use core::arch::naked_asm;
use embedded_io::Write;
use mote_protocol::decimal::{write_hex, write_u64};
use mote_protocol::wire::Line;

/// Bytes of an exception's frame with the floats in it; closer to its end than this, the stack has overflowed.
const FRAME_BYTES: usize = 104;

/// Where the program counter lies in a frame.
const PC_OFFSET: usize = 24;

/// Leaves the stack, which may be what is broken, and goes to [`report`] with the address of the frame.
// SAFETY: the name is that of the hard fault in the vector table of cortex-m-rt, which defines it only if nobody else
// does.
#[unsafe(no_mangle)]
#[unsafe(naked)]
unsafe extern "C" fn HardFault() -> ! {
    naked_asm!(
        "mrs r0, MSP",
        "ldr r1, =_stack_start",
        "mov sp, r1",
        "bl {report}",
        ".pool",
        report = sym report,
    )
}

/// The fault's last words. Reads nothing of the interrupted program but the frame that the hardware stacked (ARMv7-M
/// ARM, B1.5.6), and never returns to it.
extern "C" fn report(frame: usize) -> ! {
    let mut serial = super::sender::steal_serial();
    let mut line = Line::new();
    let stack = stack::addresses();
    if frame < stack.start + FRAME_BYTES {
        let _ = line.push_str("stack overflow: more than ");
        let _ = write_u64(&mut line, stack.len() as u64);
        let _ = line.push_str(" bytes");
        #[cfg(feature = "test-overflow")]
        let _ = line.push_str(if canary_lives() { ", variables intact" } else { ", variables overwritten" });
    } else {
        let _ = line.push_str("hard fault at 0x");
        // SAFETY: the frame lies in the stack, above its end; bytes 24 to 27 are the address of the instruction.
        let _ = write_hex(&mut line, unsafe { ((frame + PC_OFFSET) as *const u32).read_volatile() });
    }
    let _ = line.push('\n');
    let Ok(()) = serial.write_all(line.as_bytes());
    let Ok(()) = serial.flush();
    super::end::exit(false)
}

/// Executes an undefined instruction.
#[cfg(feature = "test-fault")]
pub fn fault_on_purpose() -> ! {
    // SAFETY: UDF is permanently undefined (ARMv6-M ARM, A6.7.70): it faults and never returns.
    unsafe { core::arch::asm!("udf #0", options(noreturn)) }
}

/// A variable that a stack growing into the variables overwrites.
#[cfg(feature = "test-overflow")]
static CANARY: core::sync::atomic::AtomicU32 = core::sync::atomic::AtomicU32::new(0);

#[cfg(feature = "test-overflow")]
fn canary_lives() -> bool {
    CANARY.load(core::sync::atomic::Ordering::Relaxed) == CANARY_VALUE
}

/// Not what a stack holds: neither an address, nor a depth, nor paint.
#[cfg(feature = "test-overflow")]
const CANARY_VALUE: u32 = 0xA5C3_961E;

/// Overflows the stack.
#[cfg(feature = "test-overflow")]
pub fn overflow_on_purpose() -> u32 {
    CANARY.store(CANARY_VALUE, core::sync::atomic::Ordering::Relaxed);
    recurse(0)
}

/// Calls itself without end.
#[cfg(feature = "test-overflow")]
#[inline(never)]
#[allow(unconditional_recursion)] // on purpose
fn recurse(depth: u32) -> u32 {
    let frame = core::hint::black_box([depth; 16]);
    recurse(depth + 1) + core::hint::black_box(frame)[0]
}
