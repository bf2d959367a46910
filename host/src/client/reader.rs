//! Bytes from a chip as lines and frames. Garbage costs what it is glued to, and nothing behind it.

use crate::base::lines::LineReader;
use mote_protocol::limits::FRAME_MAX;

/// What the bytes have completed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// A line, without its end.
    Line(String),
    /// What stood between two zeros.
    Frame(Vec<u8>),
}

/// Takes bytes as they come: lines as [`LineReader`] reads them, also those that are too long, and frames between them.
#[derive(Debug, Default)]
pub struct Reader {
    lines: LineReader,
    /// The frame that has begun.
    frame: Option<Vec<u8>>,
    /// Whether frames are expected: else a zero is a byte of garbage like any other.
    pub frames: bool,
}

impl Reader {
    /// Forgets what has begun.
    pub fn clear(&mut self) {
        (self.lines, self.frame) = (LineReader::default(), None);
    }

    /// Takes bytes. Blank lines are left out, and a line that a frame begins in.
    pub fn push(&mut self, mut bytes: &[u8]) -> Vec<Item> {
        let mut items = Vec::new();
        while !bytes.is_empty() {
            let takes_zeros = self.frames || self.frame.is_some();
            let zero = bytes.iter().position(|byte| takes_zeros && *byte == 0);
            let (part, rest) = bytes.split_at(zero.unwrap_or(bytes.len()));
            bytes = rest.get(1..).unwrap_or_default();
            match self.frame.take().map(|begun| [&begun, part].concat()) {
                Some(frame) if frame.len() <= FRAME_MAX => match zero {
                    Some(_) if !frame.is_empty() => items.push(Item::Frame(frame)),
                    // Two zeros: the second is the beginning of a frame whose first one was lost.
                    _ => self.frame = Some(frame),
                },
                // What is too long for a frame are lines, behind a zero too many.
                no_frame => {
                    self.lines.push(no_frame.as_deref().unwrap_or(part));
                    let lines = std::iter::from_fn(|| self.lines.next_line());
                    let lines = lines.map(|line| line.trim_ascii_end().to_owned()).filter(|line| !line.is_empty());
                    items.extend(lines.map(Item::Line));
                    if zero.is_some() && self.frames {
                        self.lines.take_bytes();
                        self.frame = Some(Vec::new());
                    }
                }
            }
        }
        items
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::lines::LINE_LIMIT;

    /// What comes of bytes, however they come.
    fn read(reader: &mut Reader, bytes: &[u8]) -> Vec<Item> {
        let mut by_one = Reader { lines: reader.lines.clone(), frame: reader.frame.clone(), frames: reader.frames };
        let items = reader.push(bytes);
        let one_by_one: Vec<Item> = bytes.chunks(1).flat_map(|byte| by_one.push(byte)).collect();
        assert_eq!(items, one_by_one);
        items
    }

    fn line(text: &str) -> Item {
        Item::Line(text.into())
    }

    #[test]
    fn lines_come_whole_whatever_stood_before_them() {
        let mut reader = Reader::default();
        assert_eq!(read(&mut reader, b"one \r\n\n\0two\nthr"), [line("one"), line("\0two")]);
        assert_eq!(read(&mut reader, b"ee\n"), [line("three")]);
        assert_eq!(read(&mut reader, &[b'x'; LINE_LIMIT + 9]), [line(&"x".repeat(LINE_LIMIT))]);
        assert_eq!(read(&mut reader, b"\nfour\n"), [line("xxxxxxxxx"), line("four")]);
    }

    #[test]
    fn frames_stand_between_zeros_where_they_are_expected() {
        let mut reader = Reader { frames: true, ..Reader::default() };
        let frame = |bytes: &[u8]| Item::Frame(bytes.into());
        assert_eq!(read(&mut reader, b"cut\0ab\n\0\0\0c\0one\n"), [frame(b"ab\n"), frame(b"c"), line("one")]);
        let longest = [b'y'; FRAME_MAX];
        assert_eq!(read(&mut reader, &[b"\0", &longest[..], b"\0"].concat()), [frame(&longest)]);
        // A zero too many: what follows is taken for a frame, up to the length of one, and then for lines.
        assert_eq!(read(&mut reader, b"\0two\n"), []);
        let (x, rest) = ([b'x'; FRAME_MAX], "x".repeat(FRAME_MAX));
        assert_eq!(read(&mut reader, &[&x[..], b"\n"].concat()), [line("two"), line(&rest)]);
        assert_eq!(read(&mut reader, b"three\n\0c\0"), [line("three"), frame(b"c")]);
    }
}
