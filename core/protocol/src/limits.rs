//! Every limit of the protocol, in one place. Each is tested at the limit and one past it.

/// Longest line that a chip sends, in bytes, without its line feed.
pub const LINE_MAX: usize = 480;

/// Longest word in bytes: names of presets, runs, boards, commands.
pub const NAME_MAX: usize = 24;

/// Longest sentence of a refusal, in bytes.
pub const TEXT_MAX: usize = 240;

/// Longest command line in bytes, without its end and its checksum included.
pub const COMMAND_MAX: usize = 384;

/// Most numbers in a frame.
pub const FRAME_NUMBERS: usize = 64;

/// Longest frame in bytes before it is stuffed: kind, position, length, numbers, checksum.
pub const FRAME_RAW_MAX: usize = 1 + 5 + 2 + 4 * FRAME_NUMBERS + 4;

/// Longest frame in bytes on the line, without the zeros around it.
pub const FRAME_MAX: usize = cobs::max_encoding_length(FRAME_RAW_MAX);

/// Most numbers in a line of `put` or `numbers`.
pub const LINE_NUMBERS: usize = 32;

/// Most `put` and `end` that may be on their way without an answer.
pub const WINDOW: usize = 2;

/// Bytes that the receive queue of a board must be able to hold: what comes while a sample is worked on.
pub const QUEUE_MIN: usize = WINDOW * (FRAME_MAX + 2) + COMMAND_MAX + 2;

/// Most samples in a data set. Up to here a count is exact as an `f32`.
pub const SAMPLES_MAX: u64 = 1 << 24;

/// Most numbers in a transfer or a streamed data set: their positions are 32 bits.
pub const NUMBERS_MAX: u64 = u32::MAX as u64;

/// Most steps of a run.
pub const STEPS_MAX: u64 = u32::MAX as u64;

/// Most significant digits in a decimal.
pub const DIGITS_MAX: u32 = 18;

/// A line that has begun is dropped after so many milliseconds of silence.
pub const LINE_IDLE_MS: u32 = 10_000;

/// A frame that has begun is dropped after so many milliseconds of silence.
pub const FRAME_IDLE_MS: u32 = 500;

/// A transfer by frames is dropped so many milliseconds after the last `put` that was taken.
pub const TRANSFER_IDLE_MS: u32 = 5_000;

/// A transfer by lines, which a person may type, is dropped after so many milliseconds.
pub const TYPED_TRANSFER_IDLE_MS: u32 = 60_000;

/// A run that waits for a streamed sample ends so many milliseconds after the last `put` that was taken.
pub const SAMPLE_IDLE_MS: u32 = 5_000;
