//! Feature `test-echo`: answers every received line, and can be told to compute meanwhile.
//!
//! | line       | answer                                                                                 |
//! |------------|----------------------------------------------------------------------------------------|
//! | `busy N`   | none: reads nothing until N bytes wait, so that only the interrupt can have taken them |
//! | `lose`     | `lost waiting=N`: when bytes were lost, it takes 10 that wait, and 100 ms later N do     |
//! | `wait N`   | `waited TURNS`, after N milliseconds                                                   |
//! | `time`     | `time MILLIS`                                                                          |
//! | `reset`    | none: starts the chip anew                                                             |
//! | `bye`      | `bye`, and the end                                                                     |
//! | any other  | `echo len=LENGTH lost=LOST TEXT`, text of at most 400 bytes                            |

use embedded_io::{Read, Write};
use heapless::String;
use mote_firmware::board::{self, Counter, Parts, Serial};
use mote_protocol::decimal::write_u64;
use mote_protocol::wire::Line;

/// Longest text that is sent back.
const TEXT_MAX: usize = 400;
/// How long `busy` and `lose` wait at most.
const PATIENCE_MS: u32 = 60_000;

/// Whether all went well until `bye`.
pub fn echo(parts: &mut Parts) -> bool {
    say(&mut parts.serial, "ready", &[]);
    loop {
        let (text, length) = read_line(&mut parts.serial);
        match text.split_once(' ').unwrap_or((&text, "")) {
            ("bye", "") => {
                say(&mut parts.serial, "bye", &[]);
                return true;
            }
            ("reset", "") => board::reset(),
            ("time", "") => {
                let millis = parts.counter.millis();
                say(&mut parts.serial, "time", &[("", millis as usize, "")]);
            }
            ("busy", number) => {
                let target = number.parse().unwrap_or(usize::MAX);
                if spin(&mut parts.counter, PATIENCE_MS, || parts.serial.waiting() >= target).is_none() {
                    return false;
                }
            }
            ("lose", "") => {
                if spin(&mut parts.counter, PATIENCE_MS, || parts.serial.is_overrun()).is_none() {
                    return false;
                }
                take(&mut parts.serial, 10);
                spin(&mut parts.counter, 100, || false);
                let waiting = parts.serial.waiting();
                take(&mut parts.serial, waiting);
                parts.serial.accept_again();
                say(&mut parts.serial, "lost", &[("waiting=", waiting, "")]);
            }
            ("wait", number) => {
                let mut turns = 0;
                spin(&mut parts.counter, number.parse().unwrap_or(0), || {
                    turns += 1;
                    false
                });
                say(&mut parts.serial, "waited", &[("", turns, "")]);
            }
            _ => {
                let lost = parts.serial.is_overrun().into();
                say(&mut parts.serial, "echo", &[("len=", length, ""), ("lost=", lost, &text)]);
            }
        }
    }
}

/// Computes until `is_done`; nothing if that takes longer than `millis`.
fn spin(counter: &mut Counter, millis: u32, mut is_done: impl FnMut() -> bool) -> Option<()> {
    let start = counter.millis();
    while !is_done() {
        if counter.millis().wrapping_sub(start) >= millis {
            return None;
        }
    }
    Some(())
}

/// Reads so many bytes.
fn take(serial: &mut Serial, count: usize) {
    for _ in 0..count {
        let Ok(_) = serial.read(&mut [0]);
    }
}

/// The next line, as much of it as fits, and its whole length.
fn read_line(serial: &mut Serial) -> (String<TEXT_MAX>, usize) {
    let (mut text, mut length) = (String::new(), 0);
    loop {
        let mut byte = [0];
        let Ok(_) = serial.read(&mut byte);
        if byte[0] == b'\n' {
            return (text, length);
        }
        length += 1;
        let _ = text.push(byte[0].into());
    }
}

/// Sends a word and then numbers, each between two texts.
fn say(serial: &mut Serial, word: &str, numbers: &[(&str, usize, &str)]) {
    let mut line = Line::new();
    let _ = line.push_str(word);
    for (before, number, after) in numbers {
        let _ = line.push(' ');
        let _ = line.push_str(before);
        let _ = write_u64(&mut line, *number as u64);
        if !after.is_empty() {
            let _ = line.push(' ');
            let _ = line.push_str(after);
        }
    }
    let Ok(()) = serial.write_all(line.as_bytes());
    let Ok(()) = serial.write_all(b"\n");
}
