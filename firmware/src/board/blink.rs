//! The end on a real board, where nobody takes an exit status: the LED stays on, or calls for help.

use super::chosen::{CORE_HZ, Led};
use embedded_hal::digital::OutputPin;

/// A dot of the Morse code.
const DOT_MS: u32 = 200;
/// S, O, S: how many dots each light takes.
const SOS: [u32; 9] = [1, 1, 1, 3, 3, 3, 1, 1, 1];

/// Ends the program: solid light after a success, SOS for ever after a failure.
pub fn exit(succeeded: bool) -> ! {
    let mut led = Led(()); // whoever has the other one has ended
    if succeeded {
        let Ok(()) = led.set_high();
        loop {
            cortex_m::asm::wfi();
        }
    }
    loop {
        for (n, dots) in SOS.iter().enumerate() {
            let Ok(()) = led.set_high();
            wait(dots * DOT_MS);
            let Ok(()) = led.set_low();
            // Three dots of darkness between letters, one within.
            wait(if n % 3 == 2 { 3 * DOT_MS } else { DOT_MS });
        }
        wait(4 * DOT_MS);
    }
}

/// Works in any state of interrupts and timers; about right, and longer with wait states.
fn wait(milliseconds: u32) {
    cortex_m::asm::delay(CORE_HZ / 1000 * milliseconds);
}
