//! The records that only a session sends: answers to commands, and what it says about itself.
//!
//! Apart from [`Record`](crate::report::Record), so that firmware without a session does not carry them.

use crate::wire::{Fields, Line, Reader, Text, WireError, Word, Words, Writer};

/// Version of the protocol of commands, in the `hello` of a session.
pub const PROTOCOL: u64 = 2;

/// What a session can take.
#[derive(Clone, Debug, PartialEq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Limits {
    /// Longest command line in bytes.
    pub command_bytes: u64,
    /// Longest frame in bytes, without the zeros around it.
    pub frame_bytes: u64,
    /// Most numbers in a frame.
    pub frame_numbers: u64,
    /// Most numbers in a line of `put`.
    pub line_numbers: u64,
    /// Most `put` without an answer.
    pub window: u64,
    /// Most samples held in RAM, training and test together.
    pub samples: u64,
    /// Numbers in a sample: tokens, and the label.
    pub sample_numbers: u64,
    /// Numbers in the weights.
    pub weights: u64,
}

/// Where a session stands.
#[derive(Clone, Debug, PartialEq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct State {
    /// `idle`, `train`, `eval`, `data`, `load` or `weights`.
    pub activity: Word,
    /// Steps behind the weights.
    pub step: u64,
    /// Steps after which the run stops; 0 if there is none.
    pub max_steps: u64,
    /// Mean training loss before the last step of the run.
    pub train_loss: Option<f32>,
    /// CRC-32 over the weights.
    pub weights: u32,
    /// Training samples held in RAM.
    pub train: u64,
    /// Test samples held in RAM.
    pub test: u64,
    /// Position of the next number of the transfer, or of the streamed set.
    pub next: u64,
}

/// The model on one data set.
#[derive(Clone, Debug, PartialEq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Score {
    /// `train` or `test`.
    pub what: Word,
    /// Steps behind the weights.
    pub step: u64,
    /// Samples.
    pub samples: u64,
    /// Mean loss.
    pub loss: f32,
    /// 0-1 error.
    pub error: f32,
    /// Mean attention on the first token.
    pub attention: f32,
}

/// A record of a session.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Answer {
    /// The command was taken: its word, and two figures that depend on it.
    Ok(Word, u64, u32),
    /// The command was not taken, and nothing has changed: its word or `-`, a code, a sentence.
    Refused(Word, Word, Text),
    /// What it can take.
    Limits(Limits),
    /// Where it stands.
    State(State),
    /// It waits for a streamed sample: the set, the sample.
    Want(Word, u64),
    /// Numbers from a position on.
    Numbers(u64, Words),
    /// A test has ended.
    Score(Score),
    /// What has ended early, `eval`, `data`, `load`, `weights`, `line` or `save`, and why.
    Broken(Word, Word),
    /// How often the flash was saved to, and how often its maker promises that it can be.
    Wear(u64, u64),
}

impl Answer {
    /// The first word of each kind of answer.
    pub const KINDS: [&str; 9] = ["ok", "refused", "limits", "state", "want", "numbers", "score", "broken", "wear"];

    /// An empty record of a kind, for its fields to be read into.
    #[inline]
    fn of_kind(kind: &str) -> Option<Self> {
        let index = Self::KINDS.iter().position(|known| *known == kind)?;
        Some(match index {
            0 => Self::Ok(Word::new(), 0, 0),
            1 => Self::Refused(Word::new(), Word::new(), Text::new()),
            2 => Self::Limits(Limits::default()),
            3 => Self::State(State::default()),
            4 => Self::Want(Word::new(), 0),
            5 => Self::Numbers(0, Words::new()),
            6 => Self::Score(Score::default()),
            7 => Self::Broken(Word::new(), Word::new()),
            _ => Self::Wear(0, 0),
        })
    }

    /// The first word of its line.
    #[inline]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Ok(..) => "ok",
            Self::Refused(..) => "refused",
            Self::Limits(_) => "limits",
            Self::State(_) => "state",
            Self::Want(..) => "want",
            Self::Numbers(..) => "numbers",
            Self::Score(_) => "score",
            Self::Broken(..) => "broken",
            Self::Wear(..) => "wear",
        }
    }

    /// The fields, in the order of the line: the one list that writes and reads.
    ///
    /// # Errors
    ///
    /// What `f` answers.
    #[inline]
    pub fn visit(&mut self, f: &mut impl Fields) -> Result<(), WireError> {
        match self {
            Self::Ok(cmd, numbers, crc) => {
                f.word("cmd", cmd)?;
                f.count("numbers", numbers)?;
                f.bits("crc", crc)
            }
            Self::Refused(cmd, code, text) => {
                f.word("cmd", cmd)?;
                f.word("code", code)?;
                f.text("text", text)
            }
            Self::Limits(r) => {
                f.count("command_bytes", &mut r.command_bytes)?;
                f.count("frame_bytes", &mut r.frame_bytes)?;
                f.count("frame_numbers", &mut r.frame_numbers)?;
                f.count("line_numbers", &mut r.line_numbers)?;
                f.count("window", &mut r.window)?;
                f.count("samples", &mut r.samples)?;
                f.count("sample_numbers", &mut r.sample_numbers)?;
                f.count("weights", &mut r.weights)
            }
            Self::State(r) => {
                f.word("activity", &mut r.activity)?;
                f.count("step", &mut r.step)?;
                f.count("max_steps", &mut r.max_steps)?;
                f.maybe_real("train_loss", &mut r.train_loss)?;
                f.bits("weights", &mut r.weights)?;
                f.count("train", &mut r.train)?;
                f.count("test", &mut r.test)?;
                f.count("next", &mut r.next)
            }
            Self::Want(split, sample) => {
                f.word("set", split)?;
                f.count("sample", sample)
            }
            Self::Numbers(first, words) => {
                f.count("first", first)?;
                f.words("bits", words)
            }
            Self::Score(r) => {
                f.word("what", &mut r.what)?;
                f.count("step", &mut r.step)?;
                f.count("samples", &mut r.samples)?;
                f.real("loss", &mut r.loss)?;
                f.real("error", &mut r.error)?;
                f.real("attention", &mut r.attention)
            }
            Self::Broken(what, code) => {
                f.word("what", what)?;
                f.word("code", code)
            }
            Self::Wear(saves, life) => {
                f.count("saves", saves)?;
                f.count("life", life)
            }
        }
    }

    /// The record as a line, without line feed.
    ///
    /// # Errors
    ///
    /// [`WireError::TooLong`] if it does not fit.
    #[inline]
    pub fn into_line(self) -> Result<Line, WireError> {
        let mut line = Line::new();
        self.write(&mut line)?;
        Ok(line)
    }

    /// As [`Answer::into_line`], into an empty line: a stack holds it once.
    ///
    /// # Errors
    ///
    /// [`WireError::TooLong`] if it does not fit.
    #[inline]
    pub fn write(mut self, line: &mut Line) -> Result<(), WireError> {
        let mut writer = Writer::new(line, self.kind())?;
        self.visit(&mut writer)?;
        writer.finish().map(|_| ())
    }

    /// The record a line says, without line feed.
    ///
    /// # Errors
    ///
    /// See [`WireError`].
    #[inline]
    pub fn parse(line: &str) -> Result<Self, WireError> {
        let (kind, mut reader) = Reader::new(line)?;
        let mut answer = Self::of_kind(kind).ok_or(WireError::Kind)?;
        answer.visit(&mut reader)?;
        reader.finish()?;
        Ok(answer)
    }
}
