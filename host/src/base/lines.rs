//! Bytes as lines, from wherever they come: a serial port, an emulator, a log.

use std::io::Read;

/// Longest line in bytes, for every reader: no chip sends one of a quarter of it.
pub const LINE_LIMIT: usize = 4096;

/// Bytes that a read takes at most.
const READ_BYTES: usize = 8192;

/// Bytes on their way to being lines. What has no line feed in [`LINE_LIMIT`] bytes is cut there: garbage is shown or
/// counted, and takes no memory.
#[derive(Clone, Debug, Default)]
pub struct LineReader {
    bytes: Vec<u8>,
}

impl LineReader {
    /// Takes bytes as they come.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
    }

    /// The first line that is whole, without its end.
    pub fn next_line(&mut self) -> Option<String> {
        let start = &self.bytes[..self.bytes.len().min(LINE_LIMIT)];
        let end = start.iter().position(|byte| *byte == b'\n').map(|at| at + 1);
        let length = end.or((start.len() == LINE_LIMIT).then_some(LINE_LIMIT))?;
        Some(self.take(length))
    }

    /// What has begun, as a line: there will be no more of it.
    pub fn last_line(&mut self) -> Option<String> {
        let length = self.bytes.len();
        (length > 0).then(|| self.take(length))
    }

    /// All bytes that were in no line yet, as they are.
    pub fn take_bytes(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }

    /// The next line of `input`; `None` at its end.
    ///
    /// # Errors
    ///
    /// What `input` fails with.
    pub fn read_line(&mut self, input: &mut impl Read) -> std::io::Result<Option<String>> {
        loop {
            if let Some(line) = self.next_line() {
                return Ok(Some(line));
            }
            let mut bytes = [0; READ_BYTES];
            match input.read(&mut bytes) {
                Ok(0) => return Ok(self.last_line()),
                Ok(count) => self.push(&bytes[..count]),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The first bytes as text, without the end of a line.
    fn take(&mut self, length: usize) -> String {
        let line: Vec<u8> = self.bytes.drain(..length).collect();
        let line = line.strip_suffix(b"\n").unwrap_or(&line);
        String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line)).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_the_same_however_the_bytes_come() {
        let text = b"one\r\n\ntwo \xff\nthree";
        for size in 1..=text.len() {
            let mut lines = LineReader::default();
            let mut found = Vec::new();
            for part in text.chunks(size) {
                lines.push(part);
                found.extend(std::iter::from_fn(|| lines.next_line()));
            }
            found.extend(lines.last_line());
            assert_eq!(found, ["one", "", "two \u{fffd}", "three"], "{size} bytes at a time");
        }
        let (mut lines, mut input) = (LineReader::default(), &text[..]);
        assert_eq!(lines.read_line(&mut input).unwrap().as_deref(), Some("one"));
        assert_eq!(lines.take_bytes(), &text[5..]);
        assert_eq!((lines.read_line(&mut input).unwrap(), lines.last_line()), (None, None));
    }

    #[test]
    fn garbage_without_an_end_is_cut() {
        let mut lines = LineReader::default();
        lines.push(&[b'x'; 2 * LINE_LIMIT + 1]);
        assert_eq!([lines.next_line(), lines.next_line()].map(|line| line.map(|l| l.len())), [Some(LINE_LIMIT); 2]);
        assert_eq!((lines.next_line(), lines.last_line()), (None, Some("x".into())));
    }
}
