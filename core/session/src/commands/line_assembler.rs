//! Bytes as they come, until they are a line or a frame.

use heapless::Vec;
use mote_protocol::command::ErrorKind;
use mote_protocol::frame::FIRST_BYTE_MAX;
use mote_protocol::limits::{COMMAND_MAX, FRAME_IDLE_MS, FRAME_MAX, LINE_IDLE_MS};

const _: () = assert!(FRAME_MAX <= COMMAND_MAX, "lines and frames share a buffer");

/// What a byte has completed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// Nothing yet.
    Nothing,
    /// A line, to be read and cleared.
    Line,
    /// A frame, to be read and cleared.
    Frame,
    /// What came is dropped.
    Refused(ErrorKind),
}

/// What the next byte belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Line,
    /// A line that is already wrong.
    SpoiledLine(ErrorKind),
    /// What is left of a line or a frame whose beginning was lost.
    Rest,
    /// Behind a zero where no frame is expected. That was a break on the line, unless the next byte is one that a frame
    /// begins with. What is no frame is a line, or, with `is_rest`, what is left of one, to be dropped.
    Zero {
        is_rest: bool,
    },
    Frame,
    LongFrame,
}

/// The bytes of the line or the frame that has begun.
pub(super) struct LineAssembler {
    bytes: Vec<u8, COMMAND_MAX>,
    mode: Mode,
    heard_ms: u32,
}

impl LineAssembler {
    #[inline]
    pub(super) const fn new() -> Self {
        Self { bytes: Vec::new(), mode: Mode::Line, heard_ms: 0 }
    }

    /// Whether the next byte belongs to a line.
    #[inline]
    pub(super) fn is_text(&self) -> bool {
        matches!(self.mode, Mode::Line | Mode::SpoiledLine(_) | Mode::Rest | Mode::Zero { .. })
    }

    /// The completed line: printable ASCII only.
    #[inline]
    pub(super) fn line(&self) -> &str {
        core::str::from_utf8(&self.bytes).unwrap_or_default()
    }

    /// The completed frame.
    #[inline]
    pub(super) fn frame(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// Forgets what has begun, and expects a line.
    #[inline]
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.mode = Mode::Line;
    }

    /// Forgets what has begun, and drops what is left of it: up to the end of the line, or the next pause.
    #[inline]
    pub(super) fn lose(&mut self, now_ms: u32) {
        self.bytes.clear();
        (self.mode, self.heard_ms) = (Mode::Rest, now_ms);
    }

    /// Takes one byte, where frames are expected or not. After [`Event::Line`] and [`Event::Frame`], call
    /// [`LineAssembler::clear`].
    #[inline]
    pub(super) fn byte(&mut self, byte: u8, now_ms: u32, takes_frames: bool) -> Event {
        self.heard_ms = now_ms;
        match byte {
            0 if self.is_text() => self.zero(takes_frames),
            _ if self.is_text() => self.line_byte(byte),
            _ => self.frame_byte(byte),
        }
    }

    /// A zero outside a frame.
    #[inline]
    fn zero(&mut self, takes_frames: bool) -> Event {
        if matches!(self.mode, Mode::Zero { .. }) {
            // It ends what stood behind the first one: of two in a row, either may be a break.
            return if self.bytes.is_empty() { Event::Nothing } else { Event::Frame };
        }
        let (has_begun, was_rest) = (self.has_begun(), self.mode == Mode::Rest);
        self.clear();
        self.mode = if takes_frames { Mode::Frame } else { Mode::Zero { is_rest: has_begun } };
        if has_begun && !was_rest { Event::Refused(ErrorKind::LineCut) } else { Event::Nothing }
    }

    #[inline]
    fn line_byte(&mut self, byte: u8) -> Event {
        match byte {
            // A terminal sends the one, a program the other, and some both: then the second ends an empty line.
            b'\r' | b'\n' => match self.mode {
                Mode::SpoiledLine(fault) => self.refuse(fault),
                // Right behind a zero, it may be the first byte of a frame too: the next byte tells.
                Mode::Zero { .. } if self.bytes.is_empty() => {
                    self.mode = Mode::Zero { is_rest: false };
                    Event::Nothing
                }
                Mode::Rest | Mode::Zero { is_rest: true } => {
                    self.clear();
                    Event::Nothing
                }
                _ if self.is_blank() => {
                    self.bytes.clear();
                    Event::Nothing
                }
                _ => Event::Line,
            },
            _ if self.mode == Mode::Rest => Event::Nothing,
            CTRL_C | CTRL_U => {
                self.bytes.clear();
                if !matches!(self.mode, Mode::Zero { .. }) {
                    self.mode = Mode::Line;
                }
                Event::Nothing
            }
            BACKSPACE | DELETE => {
                self.bytes.pop();
                Event::Nothing
            }
            1..=FIRST_BYTE_MAX if matches!(self.mode, Mode::Zero { .. }) && self.is_blank() => {
                self.bytes.clear();
                self.mode = Mode::Frame;
                self.frame_byte(byte)
            }
            _ => {
                let letter = if byte == b'\t' { b' ' } else { byte };
                if !(letter == b' ' || letter.is_ascii_graphic()) {
                    self.spoil(ErrorKind::NotText);
                } else if !matches!(self.mode, Mode::SpoiledLine(_)) && self.bytes.push(letter).is_err() {
                    self.spoil(ErrorKind::LineTooLong);
                }
                Event::Nothing
            }
        }
    }

    /// Whether nothing has come that a line could begin with.
    #[inline]
    fn is_blank(&self) -> bool {
        self.bytes.iter().all(|byte| *byte == b' ')
    }

    #[inline]
    fn frame_byte(&mut self, byte: u8) -> Event {
        match (byte, self.mode) {
            (0, Mode::LongFrame) => self.refuse(ErrorKind::FrameTooLong),
            // Two zeros: the second is the beginning of a frame whose first one was lost.
            (0, _) if self.bytes.is_empty() => Event::Nothing,
            (0, _) => Event::Frame,
            _ => {
                if self.bytes.len() >= FRAME_MAX || self.bytes.push(byte).is_err() {
                    self.mode = Mode::LongFrame;
                }
                Event::Nothing
            }
        }
    }

    /// What must be dropped because nothing more came.
    #[inline]
    pub(super) fn idle(&mut self, now_ms: u32) -> Option<ErrorKind> {
        let silence = now_ms.wrapping_sub(self.heard_ms);
        if !self.is_text() && silence >= FRAME_IDLE_MS {
            let began = !self.bytes.is_empty();
            self.clear();
            return began.then_some(ErrorKind::FrameTimeout);
        }
        if silence >= FRAME_IDLE_MS {
            match self.mode {
                Mode::Rest | Mode::Zero { is_rest: true } => self.clear(),
                // Somebody types.
                Mode::Zero { is_rest: false } => self.mode = Mode::Line,
                _ => {}
            }
        }
        if self.is_text() && self.has_begun() && silence >= LINE_IDLE_MS {
            self.clear();
            return Some(ErrorKind::LineTimeout);
        }
        None
    }

    /// Whether a line or a frame has begun.
    #[inline]
    pub(super) fn has_begun(&self) -> bool {
        !self.bytes.is_empty() || self.mode != Mode::Line
    }

    #[inline]
    fn spoil(&mut self, fault: ErrorKind) {
        if let Mode::Line | Mode::Zero { .. } = self.mode {
            self.bytes.clear();
            let is_rest = self.mode == Mode::Zero { is_rest: true };
            self.mode = if is_rest { Mode::Rest } else { Mode::SpoiledLine(fault) };
        }
    }

    #[inline]
    fn refuse(&mut self, fault: ErrorKind) -> Event {
        self.clear();
        Event::Refused(fault)
    }
}

pub(super) const CTRL_C: u8 = 0x03;
pub(super) const BACKSPACE: u8 = 0x08;
pub(super) const CTRL_U: u8 = 0x15;
pub(super) const DELETE: u8 = 0x7f;
