//! Why a command is not taken: a code for programs, a sentence for people.

use crate::decimal::write_u64;
use crate::frame::FrameError;
use crate::limits::{COMMAND_MAX, FRAME_MAX, NAME_MAX};
use crate::report::error_code;
use crate::wire::{Name, Text, to_name};
use mote_core::data::DataError;
use mote_core::train::TrainError;

/// What is wrong with a command. Whatever it is but [`ErrorKind::SavedUnstable`], nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum ErrorKind {
    /// The line is longer than [`COMMAND_MAX`].
    LineTooLong,
    /// The line has a byte that is not printable ASCII.
    NotText,
    /// The line was begun and not ended.
    LineTimeout,
    /// A frame began inside the line.
    LineCut,
    /// The checksum of the line is not that of the line.
    Checksum,
    /// No command has this word.
    UnknownCommand,
    /// The field is not of the form `key=value`.
    Malformed,
    /// The command has no such key; these are its keys.
    UnknownKey(&'static [&'static str]),
    /// The key stands there twice.
    RepeatedKey,
    /// The key is needed.
    MissingKey(&'static str),
    /// The key does not go together with another one.
    Conflict(&'static str, &'static str),
    /// The value of the key is not of this kind.
    Value(&'static str, &'static str),
    /// The value of the key is not from here to there.
    Range(&'static str, u64, u64),
    /// The frame is longer than [`FRAME_MAX`].
    FrameTooLong,
    /// The frame was begun and not ended.
    FrameTimeout,
    /// The frame is not stuffed as COBS does.
    FrameCoding,
    /// The checksum of the frame is missing or wrong.
    FrameChecksum,
    /// The frame says nothing that a frame can say.
    FrameContent,
    /// Frames are not expected now.
    FrameUnexpected,
    /// Something is being done that must end first.
    Busy,
    /// There is nothing that numbers could be put into.
    NoTransfer,
    /// The numbers are not the next ones: those begin here.
    Order(u64),
    /// There are more numbers than were announced or asked for: this many.
    BeyondEnd(u64),
    /// A number is infinite or NaN.
    NotFinite,
    /// A label is neither 1 nor -1.
    Label,
    /// There are fewer numbers than were announced: this many.
    Incomplete(u64),
    /// The CRC of all numbers is another one.
    Digest,
    /// So many numbers do not fit where there is room for so many.
    NoRoom(u64, u64),
    /// No samples of the set are held in RAM.
    Held,
    /// Nothing came for too long.
    TransferTimeout,
    /// The settings of the run are not possible.
    Run(TrainError),
    /// The board keeps nothing.
    NoFlash,
    /// Nothing is kept.
    NothingSaved,
    /// What is kept cannot be trusted.
    SavedCorrupt,
    /// What is kept is of another model.
    SavedOther,
    /// What is kept read differently twice; the weights are 0 now.
    SavedUnstable,
    /// It could not be written.
    SaveFailed,
    /// The run would save so often, and may save this often.
    Wear(u32, u32),
}

/// A fault, and the word of the command at fault.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct CommandError {
    /// What is wrong.
    pub fault: ErrorKind,
    /// What was found there, cut to a word; may be empty.
    pub found: Name,
}

impl From<ErrorKind> for CommandError {
    #[inline]
    fn from(fault: ErrorKind) -> Self {
        Self { fault, found: Name::new() }
    }
}

impl From<FrameError> for ErrorKind {
    #[inline]
    fn from(error: FrameError) -> Self {
        match error {
            FrameError::Coding => Self::FrameCoding,
            FrameError::Checksum => Self::FrameChecksum,
            FrameError::Content => Self::FrameContent,
        }
    }
}

impl From<TrainError> for ErrorKind {
    #[inline]
    fn from(error: TrainError) -> Self {
        Self::Run(error)
    }
}

impl From<DataError> for ErrorKind {
    #[inline]
    fn from(error: DataError) -> Self {
        Self::Run(error.into())
    }
}

impl ErrorKind {
    /// With what was found.
    #[inline]
    pub fn at(self, found: &str) -> CommandError {
        let mut start = Name::new();
        for letter in found.chars().filter(char::is_ascii_graphic).take(NAME_MAX) {
            let _ = start.push(letter); // never more than NAME_MAX
        }
        CommandError { fault: self, found: start }
    }

    /// The code in the record.
    #[rustfmt::skip]
    #[inline]
    pub fn code(&self) -> Name {
        to_name(match self {
            Self::LineTooLong => "line-too-long",
            Self::NotText => "not-text",
            Self::LineTimeout => "line-timeout",
            Self::LineCut => "line-cut",
            Self::Checksum => "checksum",
            Self::UnknownCommand => "unknown-command",
            Self::Malformed => "malformed",
            Self::UnknownKey(_) => "unknown-key",
            Self::RepeatedKey => "repeated-key",
            Self::MissingKey(_) => "missing-key",
            Self::Conflict(..) => "conflict",
            Self::Value(..) => "value",
            Self::Range(..) => "range",
            Self::FrameTooLong => "frame-too-long",
            Self::FrameTimeout => "frame-timeout",
            Self::FrameCoding => "frame-coding",
            Self::FrameChecksum => "frame-checksum",
            Self::FrameContent => "frame-content",
            Self::FrameUnexpected => "frame-unexpected",
            Self::Busy => "busy",
            Self::NoTransfer => "no-transfer",
            Self::Order(_) => "order",
            Self::BeyondEnd(_) => "beyond-end",
            Self::NotFinite => "not-finite",
            Self::Label => "label",
            Self::Incomplete(_) => "incomplete",
            Self::Digest => "digest",
            Self::NoRoom(..) => "no-room",
            Self::Held => "held",
            Self::TransferTimeout => "transfer-timeout",
            Self::Run(error) => return error_code(*error),
            Self::NoFlash => "no-flash",
            Self::NothingSaved => "nothing-saved",
            Self::SavedCorrupt => "saved-corrupt",
            Self::SavedOther => "saved-other",
            Self::SavedUnstable => "saved-unstable",
            Self::SaveFailed => "save-failed",
            Self::Wear(..) => "wear",
        })
    }

    /// The sentence, before what was found: pieces of text, and numbers between them.
    #[rustfmt::skip]
    #[inline]
    fn pieces(&self) -> (&'static str, Piece, &'static str) {
        use Piece::{Count, Keys, Name, Names, Nothing, Room, Saves, Span};
        match *self {
            Self::LineTooLong => ("the line is longer than ", Count(COMMAND_MAX as u64), " bytes"),
            Self::NotText => ("the line has a byte that is not printable ASCII", Nothing, ""),
            Self::LineTimeout => ("the line was begun and not ended", Nothing, ""),
            Self::LineCut => ("a frame began inside the line", Nothing, ""),
            Self::Checksum => ("the checksum is not that of the line, in eight lower-case hexadecimal digits", Nothing, ""),
            Self::UnknownCommand => ("no such command; try hello, status, train, eval, data, load, put, end, weights, stop, \
                                     save, resume, echo, reset", Nothing, ""),
            Self::Malformed => ("expected key=value, with no space around =", Nothing, ""),
            Self::UnknownKey(keys) => ("no such key; expected ", Keys(keys), ""),
            Self::RepeatedKey => ("the key is there twice", Nothing, ""),
            Self::MissingKey(key) => ("the key ", Name(key), " is needed"),
            Self::Conflict(key, other) => ("", Names(key, " does not go with ", other), ""),
            Self::Value(key, kind) => ("", Names(key, ": expected ", kind), ""),
            Self::Range(key, low, high) => ("", Span(key, low, high), ""),
            Self::FrameTooLong => ("the frame is longer than ", Count(FRAME_MAX as u64), " bytes"),
            Self::FrameTimeout => ("the frame was begun and not ended", Nothing, ""),
            Self::FrameCoding => ("the frame is not stuffed by COBS", Nothing, ""),
            Self::FrameChecksum => ("the checksum of the frame is missing or wrong", Nothing, ""),
            Self::FrameContent => ("the frame is neither a put with 1 to 64 numbers nor an end", Nothing, ""),
            Self::FrameUnexpected => ("no transfer with binary=1 is open", Nothing, ""),
            Self::Busy => ("busy: stop it first; hello, status, echo and what it waits for are taken", Nothing, ""),
            Self::NoTransfer => ("nothing takes numbers now; begin with data, load or train form=stream", Nothing, ""),
            Self::Order(next) => ("the next number is ", Count(next), ""),
            Self::BeyondEnd(total) => ("more numbers than ", Count(total), ""),
            Self::NotFinite => ("a number is infinite or NaN", Nothing, ""),
            Self::Label => ("a label is neither 1 nor -1", Nothing, ""),
            Self::Incomplete(total) => ("there are not yet ", Count(total), " numbers"),
            Self::Digest => ("the CRC of the numbers is another; all are dropped", Nothing, ""),
            Self::NoRoom(needed, room) => ("", Room(needed, room), ""),
            Self::Held => ("no samples of this set are held in RAM; send them with data", Nothing, ""),
            Self::TransferTimeout => ("nothing came for too long; the transfer is dropped", Nothing, ""),
            Self::Run(error) => (error.text(), Nothing, ""),
            Self::NoFlash => ("this board has no flash for weights: nothing is saved", Nothing, ""),
            Self::NothingSaved => ("nothing is saved", Nothing, ""),
            Self::SavedCorrupt => ("what is saved is damaged", Nothing, ""),
            Self::SavedOther => ("what is saved is of another model", Nothing, ""),
            Self::SavedUnstable => ("what is saved reads differently twice; the weights are 0 now", Nothing, ""),
            Self::SaveFailed => ("the flash could not be written", Nothing, ""),
            Self::Wear(saves, most) => ("", Saves(saves, most), " of the flash's life; try a larger save_every, or force=1"),
        }
    }
}

/// What stands inside a sentence.
enum Piece {
    Nothing,
    Count(u64),
    Name(&'static str),
    Names(&'static str, &'static str, &'static str),
    Room(u64, u64),
    Saves(u32, u32),
    Keys(&'static [&'static str]),
    Span(&'static str, u64, u64),
}

impl CommandError {
    /// The sentence in the record.
    #[inline]
    pub fn text(&self) -> Text {
        let mut text = Text::new();
        // A sentence that would not fit is cut; a test writes the longest ones.
        let _ = self.write(&mut text);
        text
    }

    #[inline]
    fn write(&self, text: &mut Text) -> Result<(), core::fmt::Error> {
        use core::fmt::Write;
        let (before, piece, after) = self.fault.pieces();
        text.write_str(before)?;
        match piece {
            Piece::Nothing => {}
            Piece::Count(count) => write_u64(text, count)?,
            Piece::Name(name) => text.write_str(name)?,
            Piece::Names(name, between, other) => {
                text.write_str(name)?;
                text.write_str(between)?;
                text.write_str(other)?;
            }
            Piece::Room(needed, room) => {
                write_u64(text, needed)?;
                text.write_str(" numbers do not fit; there is room for ")?;
                write_u64(text, room)?;
            }
            Piece::Saves(saves, most) => {
                write_u64(text, saves.into())?;
                text.write_str(" saves; a run may take ")?;
                write_u64(text, most.into())?;
            }
            Piece::Keys(keys) => {
                for (i, key) in keys.iter().enumerate() {
                    text.write_str(if i > 0 { ", " } else { "" })?;
                    text.write_str(key)?;
                }
                text.write_str(if keys.is_empty() { "none" } else { "" })?;
            }
            Piece::Span(key, low, high) => {
                text.write_str(key)?;
                text.write_str(": expected ")?;
                write_u64(text, low)?;
                text.write_str(" to ")?;
                write_u64(text, high)?;
            }
        }
        text.write_str(after)?;
        if !self.found.is_empty() {
            text.write_str("; found ")?;
            text.write_str(&self.found)?;
        }
        Ok(())
    }
}
