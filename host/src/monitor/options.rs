//! Options of `mote monitor`, and what is wrong with them.

use crate::base::error::InputError;
use crate::board::model;
use mote_core::shape::Shape;
use mote_protocol::command::{self, Command, Data};
use std::path::{Path, PathBuf};

/// Options of `mote monitor`.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("source").required(true).args(["port", "machine", "replay", "input"]))]
#[command(
    after_help = "Keys: x stop, s save, q quit, ? help. If standard output is not a terminal, prints every line as it \
arrives and marks damaged ones; with --train, ends after the run, with status 1 if it failed.

Examples:
  mote monitor --port /dev/ttyACM0 --log run.log
  mote monitor --machine mps2-an386    the board's preset in the emulator
  mote monitor --machine mps2-an386 --train \"n=400 snr=0.5 steps=5000\"
  mote monitor --replay run.log --speed 200
  mote run | mote monitor -"
)]
pub struct MonitorArgs {
    /// Serial port of a board
    #[arg(long, value_name = "PATH")]
    pub port: Option<String>,
    /// Bits per second on the serial port, with 8 data bits, no parity, 1 stop bit
    #[arg(long, value_name = "RATE", default_value_t = 115_200, value_parser = clap::value_parser!(u32).range(1..))]
    pub baud: u32,
    /// Board to emulate
    #[arg(long, value_name = "NAME")]
    pub machine: Option<String>,
    /// Preset to train on the emulated board or, with --train, whose shape its model has [default: the board's own]
    #[arg(long, value_name = "NAME", requires = "machine")]
    pub preset: Option<String>,
    /// With --train, shape of the emulated board's model as M,D,H,V: tokens, numbers per token, width of queries and
    /// keys, width of values
    #[arg(long, value_name = "M,D,H,V", value_parser = model::shape, requires_all = ["machine", "train"], conflicts_with = "preset")]
    pub shape: Option<Shape>,
    /// Log file to replay
    #[arg(long, value_name = "FILE")]
    pub replay: Option<PathBuf>,
    /// Lines per second of the replay; 0: as fast as possible [default: 50 on a terminal, else 0]
    #[arg(long, value_name = "X", requires = "replay", allow_negative_numbers = true)]
    pub speed: Option<f64>,
    /// Read lines from standard input
    #[arg(value_name = "-", value_parser = ["-"])]
    pub input: Option<String>,
    /// Tell the chip to train, with keys of `train` in docs/protocol.md; needs firmware that takes commands
    /// (mote-session). To send your own data, use `mote device train`
    #[arg(long, value_name = "KEYS", conflicts_with_all = ["replay", "input"])]
    pub train: Option<String>,
    /// Append every line from the chip to this file
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,
    /// Do not install missing tools; print the commands that install them
    #[arg(long)]
    pub no_install: bool,
}

impl MonitorArgs {
    /// Everything that is wrong before anything is opened or built.
    ///
    /// # Errors
    ///
    /// [`InputError`]
    pub fn check(&self) -> Result<(), InputError> {
        self.check_log()?;
        self.train.as_deref().map_or(Ok(()), |keys| check_train(keys, self.port.is_none()))
    }

    /// A log must not be what is replayed: it would grow while it is read.
    fn check_log(&self) -> Result<(), InputError> {
        let same = |a: &Path, b: &Path| a.canonicalize().is_ok_and(|a| b.canonicalize().is_ok_and(|b| a == b));
        match (&self.log, &self.replay) {
            (Some(log), Some(replay)) if same(log, replay) => {
                Err(InputError::option("log", format!("expected another file than --replay, found {}", log.display())))
            }
            _ => Ok(()),
        }
    }
}

/// What the chip would refuse is refused here, before it is built or asked.
fn check_train(keys: &str, is_fresh: bool) -> Result<(), InputError> {
    // The shape limits streamed sets alone.
    let (_, command) = command::parse(&format!("train {keys}"), Shape::new(1, 1, 1, 1));
    match command {
        Err(refusal) => Err(InputError::option("train", format!("{} ({})", refusal.text(), refusal.fault.code()))),
        Ok(Command::Train(train)) if matches!(train.data, Data::Stream) => {
            let what = "expected data that the chip makes or holds, found form=stream; mote device train sends samples";
            Err(InputError::option("train", what))
        }
        Ok(Command::Train(train)) if is_fresh && matches!(train.data, Data::Held) => {
            let what =
                "expected data that the chip makes, found form=held; a board that has just started holds no data";
            Err(InputError::option("train", what))
        }
        Ok(_) => Ok(()),
    }
}
