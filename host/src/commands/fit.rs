//! `mote fit`: what can be trained in so much RAM.

use crate::base::error::InputError;
use crate::base::progress::print_line;
use crate::board::fit::Room;
use crate::board::machine::{self, OTHER_BYTES, all_board_names};
use anyhow::Context;
use clap::Args;
use mote_core::shape::{SIZE_MAX, Shape};
use mote_runtime::checkpoint::region_bytes;
use mote_runtime::runs::budget::{HELD_MAX, SESSION_BYTES};
use std::fmt::Write;

/// `M` where it is not given.
const TOKENS: [usize; 5] = [2, 4, 8, 16, 32];

/// `H = V` where they are not given.
const WIDTHS: [usize; 5] = [1, 2, 4, 8, 16];

/// Reads a number of bytes: `20480`, `20K`, `1M`.
///
/// # Errors
///
/// If it is none.
pub fn bytes(text: &str) -> Result<usize, String> {
    let (digits, unit) = match text.strip_suffix(['K', 'k']) {
        Some(digits) => (digits, 1 << 10),
        None => text.strip_suffix(['M', 'm']).map_or((text, 1), |digits| (digits, 1 << 20)),
    };
    let count = digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse::<usize>().ok()).flatten();
    count.and_then(|count| count.checked_mul(unit)).ok_or_else(|| "expected bytes, such as 20480, 20K or 1M".into())
}

/// Reads a size of a model.
///
/// # Errors
///
/// If it is not from 1 to 65,536.
pub fn size(text: &str) -> Result<usize, String> {
    let size = text.parse().ok().filter(|size| (1..=SIZE_MAX).contains(size));
    size.ok_or_else(|| format!("expected a count from 1 to {SIZE_MAX}"))
}

/// Options of `mote fit`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("memory").required(true).args(["ram", "board"]))]
#[command(
    after_help = "Prints the largest D for the other sizes. Without --tokens, or without --head and --value, prints a \
table over common values. BYTES may end in K (1024) or M.

Examples:
  mote fit --ram 20K --tokens 4
  mote fit --board microbit --tokens 4 --head 4 --value 4
  mote fit --ram 64K --tokens 8 --head 8 --value 8 --samples-held 50"
)]
pub struct FitArgs {
    /// RAM of the chip
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    pub ram: Option<usize>,
    /// Board that mote knows, with the bytes that its firmware has for model and samples
    #[arg(long, value_name = "BOARD", value_parser = all_board_names())]
    pub board: Option<String>,
    /// M: tokens of a sample
    #[arg(long, value_name = "M", value_parser = size)]
    pub tokens: Option<usize>,
    /// H: query and key width; needs --value
    #[arg(long, value_name = "H", value_parser = size, requires = "value")]
    pub head: Option<usize>,
    /// V: value width; needs --head
    #[arg(long, value_name = "V", value_parser = size, requires = "head")]
    pub value: Option<usize>,
    /// Samples held in RAM, not regenerated or streamed
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub samples_held: usize,
    /// Bytes for the stack; the default is the limit that tests hold every emulated board to
    #[arg(long, value_name = "BYTES", default_value = "4K", value_parser = bytes, conflicts_with = "board")]
    pub stack: usize,
    /// Bytes for other variables of the firmware
    #[arg(long, value_name = "BYTES", default_value_t = OTHER_BYTES, value_parser = bytes, conflicts_with = "board")]
    pub other: usize,
}

/// `mote fit`.
///
/// # Errors
///
/// [`InputError`] if nothing fits.
pub fn print_fit(args: &FitArgs) -> anyhow::Result<()> {
    let (room, what) = room(args)?;
    let text = match (args.tokens, args.head, args.value) {
        (Some(m), Some(h), Some(v)) => one(room, (m, h, v), args)?,
        (Some(m), _, _) => by_width(room, m),
        (None, Some(h), Some(v)) => by_tokens(room, h, v),
        _ => by_both(room),
    };
    print_line(format!("{what}\n{}", text.trim_end()))
}

/// The bytes there are, and how they come about.
fn room(args: &FitArgs) -> anyhow::Result<(Room, String)> {
    let held = args.samples_held;
    if held > HELD_MAX {
        let found = format!("expected at most {HELD_MAX}, which is what a session holds, found {held}");
        return Err(InputError::option("samples-held", found).into());
    }
    let samples =
        if held > 0 { format!(", {held} samples and {SESSION_BYTES} bytes of session") } else { String::new() };
    if let Some(name) = &args.board {
        let board = machine::every().find(|board| board.name == name).context("the board is not known")?;
        // A session keeps them.
        let checkpoints = board.checkpoint_flash.filter(|_| held > 0);
        let flash = match (board.checkpoint_flash, held) {
            (None, _) => String::new(),
            (Some(_), 0) => ", where mote-session keeps checkpoints too: --samples-held 1 counts them".into(),
            (Some((bytes, _)), _) => format!("; {bytes} of flash for two checkpoints"),
        };
        let bytes = board.model_bytes;
        let what = format!("{} ({}): {bytes} bytes for the model{samples}{flash}", board.name, board.core);
        return Ok((Room { bytes, held, checkpoints }, what));
    }
    let ram = args.ram.context("neither --ram nor --board is given")?;
    let other = args.other;
    let left = args.stack.checked_add(other).and_then(|taken| ram.checked_sub(taken)).ok_or_else(|| {
        let found = format!("expected more than {} of stack and {other} of other variables, found {ram}", args.stack);
        InputError::option("ram", found)
    })?;
    let what = format!(
        "{ram} bytes of RAM: {} of stack, {other} of other variables, {left} for the model{samples}",
        args.stack
    );
    Ok((Room { bytes: left, held, checkpoints: None }, what))
}

/// One answer, with its proof and the line to write.
fn one(room: Room, (m, h, v): (usize, usize, usize), args: &FitArgs) -> anyhow::Result<String> {
    let takes = |dim| room.takes(&Shape::new(m, dim, h, v)).map_or("more".into(), |bytes| bytes.to_string());
    let Some(dim) = room.largest_dim(m, h, v) else {
        let option = if args.board.is_some() { "board" } else { "ram" };
        let found = format!("expected {} bytes for M={m} D=1 H={h} V={v}, found {}", takes(1), room.bytes);
        return Err(InputError::option(option, found).into());
    };
    let next = Shape::new(m, dim + 1, h, v);
    let checkpoints = room.checkpoints.and_then(|(_, page)| region_bytes(next, page));
    let flash = checkpoints.map_or(String::new(), |bytes| format!(", and {bytes} of flash"));
    let session = if room.held > 0 { format!("\nmote-session: --shape {m},{dim},{h},{v}") } else { String::new() };
    Ok(format!(
        "M={m} H={h} V={v}: D is at most {dim}, which takes {} bytes; {} would take {}{flash}\n\
         type Memory = Fixed<{m}, {dim}, {h}, {v}>;{session}",
        takes(dim),
        dim + 1,
        takes(dim + 1)
    ))
}

fn row(room: Room, first: usize, (m, h, v): (usize, usize, usize)) -> String {
    match room.largest_dim(m, h, v) {
        Some(dim) => {
            let takes = room.takes(&Shape::new(m, dim, h, v)).unwrap_or_default();
            format!("{first:5}  {dim:9}  {takes:9}\n")
        }
        None => format!("{first:5}  {:>9}  {:>9}\n", "none", "-"),
    }
}

fn by_width(room: Room, m: usize) -> String {
    let rows = WIDTHS.iter().map(|&width| row(room, width, (m, width, width)));
    format!("M={m}\n  H=V  largest D      bytes\n{}", rows.collect::<String>())
}

fn by_tokens(room: Room, h: usize, v: usize) -> String {
    let rows = TOKENS.iter().map(|&m| row(room, m, (m, h, v)));
    format!("H={h} V={v}\n    M  largest D      bytes\n{}", rows.collect::<String>())
}

/// A row for each `M`, a column for each `H = V`.
fn by_both(room: Room) -> String {
    let mut text = String::from("largest D\n    M");
    let _ = WIDTHS.iter().try_for_each(|width| write!(text, "  {:>8}", format!("H=V={width}")));
    for m in TOKENS {
        let _ = write!(text, "\n{m:5}");
        for width in WIDTHS {
            let dim = room.largest_dim(m, width, width).map_or("none".into(), |dim| dim.to_string());
            let _ = write!(text, "  {dim:>8}");
        }
    }
    text
}
