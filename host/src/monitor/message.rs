//! What is said of a chip: its activity, messages for people, and what a line turned out to be.

use mote_protocol::answer::Answer;
use mote_protocol::report::Record;
use mote_protocol::wire::MARK;
use std::fmt::{self, Display};
use std::time::Duration;

/// What the chip is doing, as far as its lines tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChipActivity {
    /// It has not said anything yet.
    Unknown,
    /// It waits for a command.
    Idle,
    /// It has begun a run and makes its data and weights.
    Preparing,
    /// It trains.
    Training,
    /// Something else that a session does: `eval`, `data`, `load`, `weights`.
    Other(String),
    /// A run has ended, and why.
    Done(String),
    /// Its report has ended.
    Ended,
    /// It has panicked, or its processor has faulted.
    Crashed,
}

impl Display for ChipActivity {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("no data yet"),
            Self::Idle => f.write_str("idle"),
            Self::Preparing => f.write_str("preparing data"),
            Self::Training => f.write_str("training"),
            Self::Other(what) => write!(f, "busy: {what}"),
            Self::Done(reason) => write!(f, "run ended: {reason}"),
            Self::Ended => f.write_str("report ended"),
            Self::Crashed => f.write_str("CRASHED"),
        }
    }
}

/// How a message is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// For information.
    Plain,
    /// Something was done as asked.
    Good,
    /// Something is wrong.
    Bad,
}

/// A line for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// When it came.
    pub at: Duration,
    /// How it is meant.
    pub severity: Severity,
    /// What it says.
    pub text: String,
}

/// What a line turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineKind {
    /// A record, and it was taken.
    Record,
    /// Text that is not of the protocol.
    Foreign,
    /// A line of the protocol that is not as it was sent.
    Damaged,
    /// A line as it was sent, of a protocol that is not ours.
    Unknown,
}

/// Whether a line is the last words of a chip.
pub(super) fn is_crash(line: &str) -> bool {
    ["panic at ", "hard fault at ", "stack overflow: "].iter().any(|words| line.starts_with(words))
}

/// Foreign text as it is, but for what would move the cursor or hide something.
pub fn printable(text: &str) -> String {
    let shown = |c: char| if c == '\t' { ' ' } else { c };
    let escape = |c: char| -> String { if c.is_control() { c.escape_default().collect() } else { c.into() } };
    text.chars().map(shown).map(escape).collect()
}

/// Whether a line that does not begin as a record must once have been one, or was torn on its way.
pub(super) fn is_wreck(line: &str) -> bool {
    let is_sum = |sum: &str| sum.len() == 8 && sum.bytes().all(|b| b.is_ascii_hexdigit());
    let ends_so = line.rsplit_once(" *").is_some_and(|(_, sum)| is_sum(sum));
    // Behind the mark: a kind, and a field.
    let begins = |(at, _): (usize, &str)| {
        let mut words = line[at + MARK.len()..].split(' ');
        let is_kind = |kind: &str| Record::KINDS.contains(&kind) || Answer::KINDS.contains(&kind);
        words.next().is_some_and(is_kind) && words.next().is_some_and(|field| field.contains('='))
    };
    ends_so
        || line.match_indices(MARK).any(begins)
        || line.chars().any(|c| c == char::REPLACEMENT_CHARACTER || (c.is_control() && c != '\t'))
}
