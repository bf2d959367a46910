//! What a person or a program can say to a chip: `word key=value key=value`.
//!
//! Specified in prose in `docs/protocol.md`.

mod args;
mod refusal;

use crate::crc::checksum;
use crate::limits::{NUMBERS_MAX, SAMPLES_MAX, STEPS_MAX};
use crate::text::{cut, cut_last};
use crate::wire::{BitsList, Name, parse_bits_list, parse_hex, to_name};
use args::Args;
use mote_core::data::{Distribution, Form, Split};
use mote_core::math;
use mote_core::params::Init;
use mote_core::shape::Shape;
use mote_core::train::Settings;
pub use refusal::{CommandError, ErrorKind};

/// One command.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Command {
    /// Who are you, and what can you take?
    Hello,
    /// Where do you stand?
    Status,
    /// Stop what you are doing.
    Stop,
    /// Train.
    Train(Train),
    /// Test the model.
    Eval(Data, Split, usize),
    /// Send the weights; as frames, or as lines.
    Weights(bool),
    /// Take weights, which are those after so many steps; frames are allowed, or not.
    Load(u32, bool),
    /// Take a data set of so many samples into RAM; frames are allowed, or not.
    Data(Split, usize, bool),
    /// Numbers from a position on, by their bits.
    Put(u32, BitsList),
    /// There are no more numbers; the CRC-32 over all of them, if it is known.
    End(Option<u32>),
    /// Keep the weights through a power cut.
    Save,
    /// Go back to the weights that were kept.
    Resume,
    /// Send back what is typed, or do not.
    Echo(bool),
    /// Start anew.
    Reset,
}

/// Where the samples of a command come from.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Data {
    /// Made from a seed.
    SyntheticPair(Distribution, u64),
    /// Held in RAM.
    Held,
    /// Sent by the host whenever one is needed.
    Stream,
}

/// A training run that was asked for.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Train {
    /// Its name in reports.
    pub name: Name,
    /// Where the samples come from.
    pub data: Data,
    /// Training samples; 0 with [`Data::Held`]: all there are.
    pub samples: usize,
    /// Test samples; 0 with [`Data::Held`]: all there are.
    pub test_samples: usize,
    /// How the weights start; `None`: as they are.
    pub init: Option<Init>,
    /// Seed of the weights.
    pub seed: u64,
    /// Learning rate, and whether `w_O` is trained.
    pub settings: Settings,
    /// Loss at which it stops.
    pub stop_loss: f32,
    /// Steps after which it stops.
    pub max_steps: u32,
    /// Steps between two tests; `None`: 5 if there is a test set, else never.
    pub eval_every: Option<u32>,
    /// Steps between two reports.
    pub report_every: u32,
    /// Steps between two saves; 0: never.
    pub save_every: u32,
    /// Whether it may save more often than is good for the flash.
    pub force: bool,
}

/// Keys that say where samples come from.
macro_rules! data_keys {
    ($($more:literal),*) => {
        &["form", "n", "seed", "signal", "snr", "sigma", "big", "small", "flip" $(, $more)*]
    };
}

const NONE: &[&str] = &[];
const TRAIN: &[&str] = data_keys![
    "test",
    "init",
    "qk_std",
    "v_std",
    "divisor",
    "lr",
    "train_output",
    "steps",
    "stop_loss",
    "report",
    "eval",
    "save_every",
    "force",
    "name"
];
const EVAL: &[&str] = data_keys!["set"];

/// The word of a command, and what the line asks for. `-` stands for a word that is no command.
///
/// # Errors
///
/// Why the line is not a command.
#[inline]
pub fn parse(line: &str, shape: Shape) -> (&'static str, Result<Command, CommandError>) {
    let body = match without_checksum(line) {
        Ok(body) => body,
        Err(refusal) => return ("-", Err(refusal)),
    };
    let body = body.trim_ascii();
    let (name, rest) = cut(body, b' ').unwrap_or((body, ""));
    let plain = |command| Args::new(rest, NONE).map(|_| command);
    match name {
        "hello" => ("hello", plain(Command::Hello)),
        "status" => ("status", plain(Command::Status)),
        "stop" => ("stop", plain(Command::Stop)),
        "save" => ("save", plain(Command::Save)),
        "resume" => ("resume", plain(Command::Resume)),
        "reset" => ("reset", plain(Command::Reset)),
        "train" => ("train", train(rest, shape)),
        "eval" => ("eval", eval(rest, shape)),
        "weights" => ("weights", Args::new(rest, &["binary"]).and_then(|a| Ok(Command::Weights(a.flag("binary")?)))),
        "load" => ("load", load(rest)),
        "data" => ("data", data(rest)),
        "put" => ("put", put(rest)),
        "end" => ("end", end(rest)),
        "echo" => ("echo", echo(rest)),
        _ => ("-", Err(ErrorKind::UnknownCommand.at(name))),
    }
}

/// The line without its checksum, which must be right if there is one.
#[inline]
fn without_checksum(line: &str) -> Result<&str, CommandError> {
    let Some((body, sum)) = cut_last(line, b" *") else { return Ok(line) };
    match parse_hex(sum) {
        Some(sum) if sum == checksum(body.as_bytes()) => Ok(body),
        _ => Err(ErrorKind::Checksum.at(sum)),
    }
}

#[inline]
fn load(rest: &str) -> Result<Command, CommandError> {
    let args = Args::new(rest, &["step", "binary"])?;
    let step = args.count("step", 0, STEPS_MAX)?.unwrap_or(0) as u32;
    Ok(Command::Load(step, args.flag("binary")?))
}

#[inline]
fn data(rest: &str) -> Result<Command, CommandError> {
    let args = Args::new(rest, &["set", "n", "binary"])?;
    let samples = args.needed_count("n", 1, SAMPLES_MAX)? as usize;
    Ok(Command::Data(set(args, Split::Train)?, samples, args.flag("binary")?))
}

#[inline]
fn put(rest: &str) -> Result<Command, CommandError> {
    let args = Args::new(rest, &["first", "bits"])?;
    let first = args.needed_count("first", 0, NUMBERS_MAX)? as u32;
    let text = args.text("bits").ok_or(ErrorKind::MissingKey("bits"))?;
    let wrong = || {
        ErrorKind::Value(
            "bits",
            "1 to 32 times eight lower-case hexadecimal digits (1.0 is 3f800000), with commas between",
        )
        .at(text)
    };
    Ok(Command::Put(first, parse_bits_list(text).ok_or_else(wrong)?))
}

#[inline]
fn end(rest: &str) -> Result<Command, CommandError> {
    let args = Args::new(rest, &["crc"])?;
    let Some(text) = args.text("crc") else { return Ok(Command::End(None)) };
    let crc = parse_hex(text).ok_or_else(|| ErrorKind::Value("crc", "eight lower-case hexadecimal digits").at(text))?;
    Ok(Command::End(Some(crc)))
}

#[inline]
fn echo(rest: &str) -> Result<Command, CommandError> {
    let args = Args::new(rest, &["on"])?;
    args.text("on").ok_or(ErrorKind::MissingKey("on"))?;
    Ok(Command::Echo(args.flag("on")?))
}

#[inline]
fn eval(rest: &str, shape: Shape) -> Result<Command, CommandError> {
    let args = Args::new(rest, EVAL)?;
    let data = samples_of(args, shape)?;
    if !matches!(data, Data::SyntheticPair(..)) {
        args.forbid("seed", "a form that is made from it")?;
    }
    Ok(Command::Eval(data, set(args, Split::Test)?, how_many(args, data)?))
}

#[inline]
fn train(rest: &str, shape: Shape) -> Result<Command, CommandError> {
    let args = Args::new(rest, TRAIN)?;
    let data = samples_of(args, shape)?;
    let samples = how_many(args, data)?;
    let test_samples = match data {
        Data::SyntheticPair(..) => args.count("test", 0, SAMPLES_MAX)?.unwrap_or(200),
        Data::Held => args.forbid("test", "form=held").map(|()| 0)?,
        Data::Stream => args.count("test", 0, SAMPLES_MAX)?.unwrap_or(0),
    };
    let name = args.text("name").unwrap_or("session");
    let learning_rate = args.real("lr")?.unwrap_or(0.5);
    Ok(Command::Train(Train {
        name: Name::try_from(name).map_err(|_| ErrorKind::Value("name", "at most 24 characters").at(name))?,
        data,
        samples,
        test_samples: test_samples as usize,
        init: init(args)?,
        seed: seed(args)?,
        settings: Settings { learning_rate, train_output: args.flag("train_output")? },
        stop_loss: args.real("stop_loss")?.unwrap_or(0.01),
        max_steps: args.count("steps", 0, STEPS_MAX)?.unwrap_or(1000) as u32,
        eval_every: args.count("eval", 0, STEPS_MAX)?.map(|every| every as u32),
        report_every: args.count("report", 1, STEPS_MAX)?.unwrap_or(1) as u32,
        save_every: args.count("save_every", 0, STEPS_MAX)?.unwrap_or(0) as u32,
        force: args.flag("force")?,
    }))
}

#[inline]
fn seed(args: Args) -> Result<u64, CommandError> {
    Ok(args.count("seed", 0, u64::MAX)?.unwrap_or(1))
}

#[inline]
fn set(args: Args, otherwise: Split) -> Result<Split, CommandError> {
    match args.text("set") {
        None => Ok(otherwise),
        Some("train") => Ok(Split::Train),
        Some("test") => Ok(Split::Test),
        Some(other) => Err(ErrorKind::Value("set", "train or test").at(other)),
    }
}

/// `n`; what is held in RAM knows itself how much it is.
#[inline]
fn how_many(args: Args, data: Data) -> Result<usize, CommandError> {
    match data {
        Data::Held => args.forbid("n", "form=held").map(|()| 0),
        _ => Ok(args.needed_count("n", 1, SAMPLES_MAX)? as usize),
    }
}

#[inline]
fn init(args: Args) -> Result<Option<Init>, CommandError> {
    let forbid = |keys: &[&'static str], beside| keys.iter().try_for_each(|key| args.forbid(key, beside));
    match args.text("init").unwrap_or("gaussian") {
        "gaussian" => {
            forbid(&["divisor"], "init=gaussian")?;
            let query_key_std = args.real("qk_std")?.unwrap_or(0.02);
            Ok(Some(Init::Gaussian { query_key_std, value_std: args.real("v_std")?.unwrap_or(1e-3) }))
        }
        "fan-in" => {
            forbid(&["qk_std", "v_std"], "init=fan-in")?;
            let divisor = args.real("divisor")?.unwrap_or(1.0);
            if divisor <= 0.0 {
                return Err(
                    ErrorKind::Value("divisor", "a decimal above 0").at(args.text("divisor").unwrap_or_default())
                );
            }
            Ok(Some(Init::fan_in(divisor)))
        }
        "keep" => forbid(&["divisor", "qk_std", "v_std"], "init=keep").map(|()| None),
        other => Err(ErrorKind::Value("init", "gaussian, fan-in or keep").at(other)),
    }
}

/// Norm of the noise tokens of the `uniform` form unless told otherwise.
const NOISE_NORM: f32 = 4.0;

/// Form and distribution of the samples.
#[inline]
fn samples_of(args: Args, shape: Shape) -> Result<Data, CommandError> {
    let forbid = |keys: &[&'static str], beside| keys.iter().try_for_each(|key| args.forbid(key, beside));
    let root = math::sqrt(shape.dim as f32);
    let size = |key| args.size(key, f32::MAX, "a decimal of at least 0");
    let (form, noise_norm) = match args.text("form").unwrap_or("uniform") {
        "uniform" => {
            forbid(&["big", "small"], "form=uniform")?;
            let sigma = size("sigma")?;
            // Exactly 4, as in the presets, and not 4 / root * root.
            let noise_norm = sigma.map_or(NOISE_NORM, |sigma| sigma * root);
            (Form::Uniform { sigma: sigma.unwrap_or(NOISE_NORM / root) }, noise_norm)
        }
        "paper" => {
            forbid(&["sigma"], "form=paper")?;
            let small = size("small")?.unwrap_or(0.2);
            (Form::Paper { big: size("big")?.unwrap_or(4.0), small }, small * root)
        }
        "held" => {
            forbid(&["signal", "snr", "sigma", "big", "small", "flip"], "form=held")?;
            return Ok(Data::Held);
        }
        "stream" => {
            forbid(&["signal", "snr", "sigma", "big", "small", "flip"], "form=stream")?;
            return Ok(Data::Stream);
        }
        other => return Err(ErrorKind::Value("form", "uniform, paper, held or stream").at(other)),
    };
    let signal_norm = match (size("signal")?, size("snr")?) {
        (Some(signal), None) => signal,
        (None, Some(_)) if noise_norm == 0.0 => return Err(ErrorKind::Conflict("snr", "noise of size 0").into()),
        (None, Some(snr)) => snr * noise_norm,
        (Some(_), Some(_)) => return Err(ErrorKind::Conflict("signal", "snr").into()),
        (None, None) => return Err(ErrorKind::MissingKey("signal or snr").into()),
    };
    let flip = args.size("flip", 1.0, "a decimal from 0 to 1")?.unwrap_or(0.0);
    Ok(Data::SyntheticPair(Distribution { form, signal_norm, flip }, seed(args)?))
}

/// The word of a form in a run's header.
#[inline]
pub fn form_name(data: &Data) -> Name {
    to_name(match data {
        Data::SyntheticPair(Distribution { form: Form::Paper { .. }, .. }, _) => "paper",
        Data::SyntheticPair(Distribution { form: Form::Uniform { .. }, .. }, _) => "uniform",
        Data::Held => "held",
        Data::Stream => "stream",
    })
}
