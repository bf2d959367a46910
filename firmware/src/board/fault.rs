//! A hard fault says at which instruction, and ends with a failure instead of hanging.

use cortex_m_rt::{ExceptionFrame, exception};
use embedded_io::Write;
use mote_core::decimal::write_hex;
use mote_core::wire::Line;

// SAFETY: the handler only sends bytes and leaves; it never returns to the faulting code, and reads
// nothing of the interrupted program but the frame that the hardware stacked (ARMv7-M ARM, B1.5.6).
#[exception]
unsafe fn HardFault(frame: &ExceptionFrame) -> ! {
    let mut serial = super::steal_serial();
    let mut line = Line::new();
    let _ = line.push_str("hard fault at 0x");
    let _ = write_hex(&mut line, frame.pc());
    let _ = line.push('\n');
    let Ok(()) = serial.write_all(line.as_bytes());
    let Ok(()) = serial.flush();
    super::exit(false)
}

/// Executes an undefined instruction.
#[cfg(feature = "test-fault")]
pub fn fault_on_purpose() -> ! {
    // SAFETY: UDF is permanently undefined (ARMv6-M ARM, A6.7.70): it faults and never returns.
    unsafe { core::arch::asm!("udf #0", options(noreturn)) }
}
