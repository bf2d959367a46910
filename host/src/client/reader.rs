//! Bytes from a chip as lines and frames. Garbage costs what it is glued to, and nothing behind it.

use mote_protocol::limits::{FRAME_MAX, LINE_MAX};

/// What the bytes have completed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// A line, without its end.
    Line(String),
    /// What stood between two zeros.
    Frame(Vec<u8>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Line,
    /// Too long for a line: dropped up to its end.
    Dropped,
    Frame,
}

/// Takes bytes one by one.
#[derive(Debug)]
pub struct Reader {
    bytes: Vec<u8>,
    mode: Mode,
    /// Whether frames are expected: else a zero is a byte of garbage like any other.
    pub frames: bool,
}

impl Reader {
    /// A reader that has heard nothing, and expects lines only.
    pub fn new() -> Self {
        Self { bytes: Vec::new(), mode: Mode::Line, frames: false }
    }

    /// Forgets what has begun.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.mode = Mode::Line;
    }

    /// Takes one byte.
    pub fn byte(&mut self, byte: u8) -> Option<Item> {
        match (self.mode, byte) {
            (Mode::Line, 0) if self.frames => {
                self.clear();
                self.mode = Mode::Frame;
                None
            }
            (Mode::Line, b'\n') => {
                let line = String::from_utf8_lossy(self.bytes.trim_ascii_end()).into_owned();
                self.clear();
                (!line.is_empty()).then_some(Item::Line(line))
            }
            (Mode::Line, _) => {
                self.push(byte, LINE_MAX);
                None
            }
            (Mode::Dropped, b'\n') => {
                self.clear();
                None
            }
            (Mode::Dropped, _) => None,
            // Two zeros: the second is the beginning of a frame whose first one was lost.
            (Mode::Frame, 0) if self.bytes.is_empty() => None,
            (Mode::Frame, 0) => {
                let frame = std::mem::take(&mut self.bytes);
                self.clear();
                Some(Item::Frame(frame))
            }
            (Mode::Frame, _) => {
                self.push(byte, FRAME_MAX);
                None
            }
        }
    }

    fn push(&mut self, byte: u8, most: usize) {
        // A carriage return may stand before the end of a line.
        if self.bytes.len() > most {
            self.bytes.clear();
            self.mode = Mode::Dropped;
        } else {
            self.bytes.push(byte);
        }
    }
}

impl Default for Reader {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(reader: &mut Reader, bytes: &[u8]) -> Vec<Item> {
        bytes.iter().filter_map(|byte| reader.byte(*byte)).collect()
    }

    fn line(text: &str) -> Item {
        Item::Line(text.into())
    }

    #[test]
    fn lines_come_whole_whatever_stood_before_them() {
        let mut reader = Reader::new();
        assert_eq!(read(&mut reader, b"one\r\n\n\0two\nthr"), [line("one"), line("\0two")]);
        assert_eq!(read(&mut reader, b"ee\n"), [line("three")]);
        assert_eq!(read(&mut reader, &[b'x'; 3 * LINE_MAX]), []);
        assert_eq!(read(&mut reader, b"rest\nfour\n"), [line("four")]);
        let longest = "y".repeat(LINE_MAX);
        assert_eq!(read(&mut reader, format!("{longest}\n").as_bytes()), [line(&longest)]);
    }

    #[test]
    fn frames_stand_between_zeros_where_they_are_expected() {
        let mut reader = Reader { frames: true, ..Reader::new() };
        let frame = |bytes: &[u8]| Item::Frame(bytes.into());
        assert_eq!(read(&mut reader, b"cut\0ab\n\0\0\0c\0one\n"), [frame(b"ab\n"), frame(b"c"), line("one")]);
        // A zero too many: what follows is taken for a frame, up to the length of one.
        assert_eq!(read(&mut reader, b"\0"), []);
        assert_eq!(read(&mut reader, &[b'x'; FRAME_MAX + 2]), []);
        assert_eq!(read(&mut reader, b"\ntwo\n"), [line("two")]);
    }
}
