//! The records that only a session sends: answers to commands, and what it says about itself.
//!
//! Apart from [`Record`](crate::report::Record), so that firmware without a session does not carry them.

use crate::wire::{BitsList, Fields, Name, Text, WireError, lines};

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
    pub activity: Name,
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
    pub what: Name,
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
    Ok(Name, u64, u32),
    /// The command was not taken, and nothing has changed: its word or `-`, a code, a sentence.
    Refused(Name, Name, Text),
    /// What it can take.
    Limits(Limits),
    /// Where it stands.
    State(State),
    /// It waits for a streamed sample: the set, the sample.
    Want(Name, u64),
    /// Numbers from a position on.
    Numbers(u64, BitsList),
    /// A test has ended.
    Score(Score),
    /// What has ended early, `eval`, `data`, `load`, `weights`, `line` or `save`, and why.
    Aborted(Name, Name),
    /// How often the flash was saved to, and how often its maker promises that it can be.
    Wear(u64, u64),
}

lines!(Answer {
    "ok" => Ok(Name::new(), 0, 0),
    "refused" => Refused(Name::new(), Name::new(), Text::new()),
    "limits" => Limits(Limits::default()),
    "state" => State(State::default()),
    "want" => Want(Name::new(), 0),
    "numbers" => Numbers(0, BitsList::new()),
    "score" => Score(Score::default()),
    "broken" => Aborted(Name::new(), Name::new()),
    "wear" => Wear(0, 0),
});

impl Answer {
    /// The fields, in the order of the line: the one list that writes and reads.
    ///
    /// # Errors
    ///
    /// What `f` answers.
    #[inline]
    pub fn write_fields(&mut self, f: &mut impl Fields) -> Result<(), WireError> {
        match self {
            Self::Ok(cmd, numbers, crc) => {
                f.name("cmd", cmd)?;
                f.count("numbers", numbers)?;
                f.bits("crc", crc)
            }
            Self::Refused(cmd, code, text) => {
                f.name("cmd", cmd)?;
                f.name("code", code)?;
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
                f.name("activity", &mut r.activity)?;
                f.count("step", &mut r.step)?;
                f.count("max_steps", &mut r.max_steps)?;
                f.maybe_real("train_loss", &mut r.train_loss)?;
                f.bits("weights", &mut r.weights)?;
                f.count("train", &mut r.train)?;
                f.count("test", &mut r.test)?;
                f.count("next", &mut r.next)
            }
            Self::Want(split, sample) => {
                f.name("set", split)?;
                f.count("sample", sample)
            }
            Self::Numbers(first, words) => {
                f.count("first", first)?;
                f.bits_list("bits", words)
            }
            Self::Score(r) => {
                f.name("what", &mut r.what)?;
                f.count("step", &mut r.step)?;
                f.count("samples", &mut r.samples)?;
                f.real("loss", &mut r.loss)?;
                f.real("error", &mut r.error)?;
                f.real("attention", &mut r.attention)
            }
            Self::Aborted(what, code) => {
                f.name("what", what)?;
                f.name("code", code)
            }
            Self::Wear(saves, life) => {
                f.count("saves", saves)?;
                f.count("life", life)
            }
        }
    }
}
