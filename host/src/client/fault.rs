//! What can go wrong between this machine and a chip.

/// An error of a conversation: always one line with the port, what was expected, and what was found.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ChipError {
    /// The port does not exist any more, or takes nothing.
    #[error("{port}: the port is gone: {cause}")]
    Gone {
        /// The port.
        port: String,
        /// What the operating system says.
        cause: String,
    },
    /// Nothing was answered in time.
    #[error("{port}: expected an answer to {what} within {seconds} s, found silence or noise")]
    Silent {
        /// The port.
        port: String,
        /// The command.
        what: String,
        /// The deadline.
        seconds: f64,
    },
    /// It does not say who it is.
    #[error(
        "{port}: expected an answer to hello, which was asked {times} times in {seconds:.0} s, found {}; does the board \
         run mote-session (mote flash BOARD --session), and is --baud right?",
        if *bytes == 0 { "silence".into() } else { format!("{bytes} bytes that are not one") }
    )]
    Deaf {
        /// The port.
        port: String,
        /// How often it was asked.
        times: u32,
        /// How long that took.
        seconds: f64,
        /// What was heard.
        bytes: u64,
    },
    /// The chip speaks another version.
    #[error("{port}: expected protocol version {expected}, found {found}; the firmware for commands is mote-session")]
    Version {
        /// The port.
        port: String,
        /// Ours.
        expected: u64,
        /// The chip's.
        found: u64,
    },
    /// A command was not taken, and nothing has changed.
    #[error("{port}: {cmd} was refused: {text} ({code})")]
    Refused {
        /// The port.
        port: String,
        /// The word of the command, or `-`: it could not be read.
        cmd: String,
        /// The code.
        code: String,
        /// The sentence.
        text: String,
    },
    /// A command does not fit into a line.
    #[error("{port}: expected a command of at most {} bytes, found {found}", mote_protocol::limits::COMMAND_MAX)]
    Command {
        /// The port.
        port: String,
        /// Its bytes.
        found: usize,
    },
    /// What the chip was doing has ended early.
    #[error("{port}: {what} was broken off: {code}")]
    Broken {
        /// The port.
        port: String,
        /// What it was.
        what: String,
        /// Why.
        code: String,
    },
    /// Numbers did not arrive as they were sent.
    #[error("{port}: expected {what} with digest {expected:08x}, found {found:08x}")]
    Digest {
        /// The port.
        port: String,
        /// What was transferred.
        what: &'static str,
        /// The sender's.
        expected: u32,
        /// The receiver's.
        found: u32,
    },
    /// Another model answers than before.
    #[error("{port}: expected the same chip as before, found another model or version")]
    Other {
        /// The port.
        port: String,
    },
    /// The chip has panicked or faulted.
    #[error("{port}: the chip has crashed, saying: {words}")]
    Crashed {
        /// The port.
        port: String,
        /// Its last words.
        words: String,
    },
    /// The user wants to stop.
    #[error("interrupted; nothing is saved; the same command starts over")]
    Interrupted,
}

impl ChipError {
    /// Whether it may go better the next time.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Gone { .. } | Self::Silent { .. } | Self::Deaf { .. } | Self::Digest { .. } => true,
            Self::Broken { code, .. } => PASSING.contains(&code.as_str()),
            Self::Refused { cmd, code, .. } => cmd == "-" || PASSING.contains(&code.as_str()),
            _ => false,
        }
    }
}

/// Codes that say something about the line and not about the command.
const PASSING: [&str; 10] = [
    "bytes-lost",
    "busy",
    "data-missing",
    "digest",
    "held",
    "incomplete",
    "no-transfer",
    "order",
    "stopped",
    "transfer-timeout",
];
