//! Timer 0 and the UART of the nRF51 and nRF52, which are the same registers (nRF51 Series Reference Manual 3.0,
//! sections 17 and 29; nRF52840 Product Specification 1.7, 6.30 and 6.33).

use super::rx_queue;
use super::table::BAUD;

const UART: *mut u32 = 0x4000_2000 as *mut u32;
const TIMER: *mut u32 = 0x4000_8000 as *mut u32;

/// Timer 0 at a megahertz.
///
/// # Safety
///
/// Once, and nothing else may use timer 0.
pub unsafe fn start_timer() {
    // SAFETY: MODE (0x504, 0 is timer), BITMODE (0x508, 3 is 32 bits), PRESCALER (0x510, 16 MHz / 2^4), START (0x000).
    unsafe {
        TIMER.byte_add(0x504).write_volatile(0);
        TIMER.byte_add(0x508).write_volatile(3);
        TIMER.byte_add(0x510).write_volatile(4);
        TIMER.write_volatile(1);
    }
}

/// The UART on two pins of port 0, with its receive interrupt.
///
/// # Safety
///
/// Once; the pins must be an output, high, and an input, and nothing else may use them or the UART.
pub unsafe fn start_uart(tx_pin: u32, rx_pin: u32) {
    const { assert!(BAUD == 115_200, "BAUDRATE below is for this rate alone") }
    // SAFETY: PSELTXD (0x50C), PSELRXD (0x514), BAUDRATE (0x524, 115200 is 0x01D7E000), ENABLE (0x500, 4 is on),
    // INTENSET (0x304, bit 2 is RXDRDY, bit 9 ERROR), STARTTX (0x008), STARTRX (0x000).
    unsafe {
        UART.byte_add(0x50C).write_volatile(tx_pin);
        UART.byte_add(0x514).write_volatile(rx_pin);
        UART.byte_add(0x524).write_volatile(0x01D7_E000);
        UART.byte_add(0x500).write_volatile(4);
        UART.byte_add(0x304).write_volatile(1 << 2 | 1 << 9);
        UART.byte_add(0x008).write_volatile(1);
        UART.write_volatile(1);
    }
}

/// Handler of the UART's interrupt.
///
/// # Safety
///
/// From the vector of the UART only.
pub unsafe extern "C" fn receive() {
    // SAFETY: ERROR (0x124) with ERRORSRC (0x480, bits 0 to 3 are overrun, parity, framing and break, cleared by
    // writing 1s); RXDRDY (0x108) is cleared before RXD (0x518) is read, which raises it again if there is another
    // byte.
    unsafe {
        if UART.byte_add(0x124).read_volatile() != 0 {
            UART.byte_add(0x124).write_volatile(0);
            let source = UART.byte_add(0x480).read_volatile();
            UART.byte_add(0x480).write_volatile(source);
            rx_queue::mark_lost();
        }
        while UART.byte_add(0x108).read_volatile() != 0 {
            UART.byte_add(0x108).write_volatile(0);
            rx_queue::put(UART.byte_add(0x518).read_volatile() as u8);
        }
    }
}

/// Always: [`send`] waits for every byte.
pub fn can_send() -> bool {
    true
}

/// Sends a byte through UART 0 and waits until it is out.
pub fn send(byte: u8) {
    // SAFETY: TXDRDY (0x11C) is cleared, TXD (0x51C) takes the byte, and
    // TXDRDY rises when it was sent.
    unsafe {
        UART.byte_add(0x11C).write_volatile(0);
        UART.byte_add(0x51C).write_volatile(byte.into());
        while UART.byte_add(0x11C).read_volatile() == 0 {}
    }
}

/// Always, as [`can_send`].
pub fn is_sent() -> bool {
    true
}

/// Ticks of timer 0, wrapping.
pub fn ticks() -> u32 {
    // SAFETY: CAPTURE[0] (0x040) copies the counter into CC[0] (0x540).
    unsafe {
        TIMER.byte_add(0x040).write_volatile(1);
        TIMER.byte_add(0x540).read_volatile()
    }
}

/// Microseconds, wrapping.
pub fn micros() -> u32 {
    ticks()
}
