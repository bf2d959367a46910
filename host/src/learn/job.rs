//! What a chip is to learn from a file, checked before anything is sent.

use crate::base::error::InputError;
use crate::client::open::ChipArgs;
use crate::formats::samples::Samples;
use crate::formats::weights::Weights;
use crate::reference::session;
use anyhow::Context;
use mote_core::data::Label;
use mote_core::memory::{Heap, Memory};
use mote_core::metrics::Evaluation;
use mote_core::params::Init;
use mote_core::shape::Shape;
use mote_core::train::Settings;
use mote_runtime::runs::plan::{Plan, Start};
use mote_runtime::runs::presets;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Options of `mote device train`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The data file holds X, shape (N, M, D), and y, shape (N), of +1 and -1; M and D must be those of \
the chip's model. Sets that fit into the chip's RAM are held there; others are sent sample by sample when the chip asks \
for them. This machine does the same run: unless every weight, loss and score has the same bits, the exit status is 1.

Writes weights.npz, curve.csv (row t is the loss BEFORE step t) and summary.json; after Ctrl-C, the weights and the \
curve so far.

Examples:
  mote digits --classes 0,1 --train 20 --out digits
  mote device train --data digits/train.npz --test digits/test.npz \\
    --steps 100 --lr 0.5 --out run
  mote device train --data digits/train.npz --steps 100 --lr 0.5 --out run \\
    --port /dev/ttyACM0
  mote device train --data mine.npz --shape 8,24,4,4 --steps 100 --lr 0.5 \\
    --out run"
)]
pub struct LearnArgs {
    /// Which chip
    #[command(flatten)]
    pub chip: ChipArgs,
    /// Training data, .npz with X and y
    #[arg(long, value_name = "F.npz")]
    pub data: PathBuf,
    /// Test data, evaluated after training
    #[arg(long, value_name = "F.npz")]
    pub test: Option<PathBuf>,
    /// Initial weights, .npz with W_Q, W_K, W_V and w_O
    #[arg(long, value_name = "F.npz")]
    pub init: Option<PathBuf>,
    /// Largest number of steps of gradient descent
    #[arg(long, value_name = "K")]
    pub steps: u32,
    /// Learning rate, above 0
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    pub lr: f32,
    /// Train w_O too, which the paper keeps fixed
    #[arg(long)]
    pub train_output: bool,
    /// Stop once the training loss is below this (one more step is done); 0: do all steps
    #[arg(long, value_name = "X", default_value_t = 0.0, allow_negative_numbers = true)]
    pub stop_loss: f32,
    /// Seed of fresh weights
    #[arg(long, value_name = "S", default_value_t = 1, conflicts_with = "init")]
    pub seed: u64,
    /// Send samples one by one even if they fit into the chip's RAM
    #[arg(long)]
    pub stream: bool,
    /// Folder for the results, created if missing
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}

/// Fresh weights, as `mote train` draws them.
const INIT: Init = Init::Gaussian { query_key_std: 0.02, value_std: 1e-3 };

/// A data file and its labels.
pub type File = (Samples, Vec<Label>);

/// Training data, test data and initial weights.
pub(crate) type InputFiles = (File, Option<File>, Option<Weights>);

/// What is to be learned, by whichever machine.
#[derive(Debug)]
pub struct Job {
    /// Training data.
    pub(super) train: File,
    /// Test data.
    pub(super) test: Option<File>,
    pub(super) init: Option<Vec<f32>>,
    /// How.
    pub plan: Plan,
}

/// What a machine has learned.
#[derive(Clone, Debug, PartialEq)]
pub struct Learned {
    /// Why it stopped.
    pub reason: String,
    /// Steps done, as it said itself.
    pub steps: u32,
    /// Loss before each step that was reported.
    pub losses: BTreeMap<u32, f32>,
    /// All weights, in the order of their digest.
    pub weights: Vec<f32>,
    /// On the training set.
    pub on_train: Evaluation,
    /// On the test set.
    pub on_test: Option<Evaluation>,
}

/// Which sets lie in the chip's RAM; the others are streamed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeldSets {
    /// The training set.
    pub train: bool,
    /// The test set.
    pub test: bool,
}

impl HeldSets {
    pub(crate) fn choose(job: &Job, room: usize, stream: bool) -> Self {
        let (train, test) = (job.plan.samples, job.plan.test_samples);
        let holds_train = !stream && train <= room;
        Self { train: holds_train, test: holds_train && test > 0 && train + test <= room }
    }
}

/// Steps of a record as the engine counts them.
pub(super) fn as_steps(steps: u64) -> u32 {
    u32::try_from(steps).unwrap_or(u32::MAX)
}

/// Reads a labelled file.
fn read(path: &Path) -> Result<File, InputError> {
    let samples = Samples::read_labelled(path)?;
    let labels = samples.labels_or_plus();
    Ok((samples, labels))
}

/// What gives a chip a model of another shape, behind a semicolon.
fn shape_hint(is_real: bool, (m, d, h, v): (usize, usize, usize, usize)) -> String {
    let preset = presets::ALL.iter().find(|preset| preset.shape == Shape::new(m, d, h, v));
    let option =
        preset.map_or_else(|| format!("--shape {m},{d},{h},{v}"), |preset| format!("--preset {}", preset.name));
    if is_real { format!("; mote flash BOARD --session {option}") } else { format!("; {option}") }
}

impl Job {
    pub(crate) fn files(args: &LearnArgs) -> Result<InputFiles, InputError> {
        if !(args.lr > 0.0 && args.lr.is_finite()) {
            return Err(InputError::option("lr", format!("expected a finite number above 0, found {}", args.lr)));
        }
        if !(args.stop_loss >= 0.0 && args.stop_loss.is_finite()) {
            let found = format!("expected a finite number of at least 0, found {}", args.stop_loss);
            return Err(InputError::option("stop-loss", found));
        }
        let init = args.init.as_deref().map(Weights::read).transpose()?;
        Ok((read(&args.data)?, args.test.as_deref().map(read).transpose()?, init))
    }

    /// Makes sure that data and initial weights have the shape of the model of `port`.
    ///
    /// # Errors
    ///
    /// [`InputError`] that names the file, and the option that chooses a model of its shape.
    pub(crate) fn check(
        args: &LearnArgs,
        (train, test, init): &InputFiles,
        shape: Shape,
        port: &str,
    ) -> Result<(), InputError> {
        let port_is_real = args.chip.port.is_some();
        let Shape { tokens, dim, head, value } = shape;
        for (path, (samples, _)) in [(Some(&args.data), Some(train)), (args.test.as_ref(), test.as_ref())]
            .into_iter()
            .filter_map(|(path, file)| Some((path?, file?)))
        {
            if (samples.tokens, samples.dim) != (tokens, dim) {
                let found = format!("found M={} and D={}", samples.tokens, samples.dim);
                // Another model would not help if the training data fit this one.
                let sizes = (path == &args.data).then_some((samples.tokens, samples.dim, head, value));
                let hint = sizes.map_or(String::new(), |sizes| shape_hint(port_is_real, sizes));
                let expected =
                    format!("key X: expected M={tokens} and D={dim} as in the model of {port}, {found}{hint}");
                return Err(InputError::file(path, expected));
            }
        }
        if let (Some(init), Some(path)) = (init, &args.init)
            && (init.dim, init.head, init.value) != (dim, head, value)
        {
            let found = format!("found D={} H={} V={}", init.dim, init.head, init.value);
            let expected = format!("expected weights with D={dim} H={head} V={value} as in the model of {port}");
            let sizes = (init.dim == dim).then_some((tokens, init.dim, init.head, init.value));
            let hint = sizes.map_or(String::new(), |sizes| shape_hint(port_is_real, sizes));
            return Err(InputError::file(path, format!("{expected}, {found}{hint}")));
        }
        Ok(())
    }

    pub(crate) fn new(args: &LearnArgs, files: InputFiles, shape: Shape, port: &str) -> anyhow::Result<Self> {
        Self::check(args, &files, shape, port)?;
        let (train, test, init) = files;
        let mut start = Start::Fresh(INIT, args.seed);
        let mut weights = None;
        if let Some(init) = init {
            let mut memory = Heap::zeroed(shape).context("the model does not fit into memory")?;
            init.load(&mut memory.workspace().params);
            weights = Some(session::weights(&mut memory));
            start = Start::Keep(0, None);
        }
        let plan = Plan {
            samples: train.0.samples,
            test_samples: test.as_ref().map_or(0, |(samples, _)| samples.samples),
            start,
            settings: Settings { learning_rate: args.lr, train_output: args.train_output },
            stop_loss: args.stop_loss,
            max_steps: args.steps,
            eval_every: 0,
            report_every: 1,
        };
        Ok(Self { train, test, init: weights, plan })
    }
}
