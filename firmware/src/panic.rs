//! A panic says where, over serial, and ends with a failure instead of hanging.
//!
//! With feature `panic-never` there is no way to panic: a program that could would not link, for want of a function of
//! the name in the message. `llvm-objdump` of a build without the feature shows who calls `core::panicking`.

use crate::board;
use core::panic::PanicInfo;
use embedded_io::Write;
use mote_protocol::decimal::write_u64;
use mote_protocol::wire::Line;

#[panic_handler]
fn panic(info: &PanicInfo) -> ! {
    let mut serial = board::steal_serial();
    let mut line = Line::new();
    // No formatting machinery: file and line, and the message where it is a plain string.
    let text = info.message().as_str().unwrap_or("see the source line");
    let _ = line.push_str("panic at ");
    if let Some(place) = info.location() {
        let _ = line.push_str(place.file());
        let _ = line.push(':');
        let _ = write_u64(&mut line, place.line().into());
    }
    let _ = line.push_str(": ");
    let _ = line.push_str(text);
    let Ok(()) = serial.write_all(line.as_bytes());
    let Ok(()) = serial.write_all(b"\n");
    let Ok(()) = serial.flush();
    board::exit(false)
}
