//! `mote device train`: a chip learns from a file, and must arrive where this machine arrives.

use super::attend::Sets;
use super::chip::{self, ChipArgs};
use super::client::Client;
use super::fault::ChipError;
use super::learn_report::{self, Order, Outcome};
use super::rescue;
use super::twin::{self, Files};
use super::visit::Visit;
use crate::error::{InputError, short};
use crate::files::OutFolder;
use crate::files::samples::Samples;
use crate::files::weights::Weights;
use crate::progress::{self, Interrupt, say};
use anyhow::{Context, ensure};
use indicatif::ProgressBar;
use mote_core::data::Label;
use mote_core::memory::{Heap, Memory};
use mote_core::metrics::Evaluation;
use mote_core::params::Init;
use mote_core::plan::{Plan, Split, Start};
use mote_core::presets;
use mote_core::report::Record;
use mote_core::shape::Shape;
use mote_core::train::Settings;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Options of `mote device train`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The data file holds X, shape (N, M, D), and y, shape (N), of +1 and -1; M and D must be those of the
chip's model. What fits into the chip's RAM is held there; the rest is sent sample by sample whenever
the chip asks for it. This machine does the same run: unless every weight, loss and score has the
same bits, the exit status is 1.

Writes weights.npz, curve.csv (row t is the loss BEFORE step t) and summary.json; when interrupted, the weights
and the curve so far.

Examples:
  mote digits --classes 0,1 --train 20 --out digits
  mote device train --data digits/train.npz --test digits/test.npz --steps 100 --lr 0.5 --out run
  mote device train --data digits/train.npz --steps 100 --lr 0.5 --out run --port /dev/ttyACM0
  mote device train --data mine.npz --shape 8,24,4,4 --steps 100 --lr 0.5 --out run"
)]
pub struct LearnArgs {
    /// Which chip
    #[command(flatten)]
    pub chip: ChipArgs,
    /// Training data, .npz with X and y
    #[arg(long, value_name = "F.npz")]
    pub data: PathBuf,
    /// Held-out data to test on afterwards
    #[arg(long, value_name = "F.npz")]
    pub test: Option<PathBuf>,
    /// Initial weights, .npz with W_Q, W_K, W_V and w_O
    #[arg(long, value_name = "F.npz")]
    pub init: Option<PathBuf>,
    /// Steps of gradient descent at most
    #[arg(long, value_name = "K")]
    pub steps: u32,
    /// Learning rate, above 0
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    pub lr: f32,
    /// Train w_O too
    #[arg(long)]
    pub train_output: bool,
    /// Stop after the step before which the training loss was below this; 0: do all steps
    #[arg(long, value_name = "X", default_value_t = 0.0, allow_negative_numbers = true)]
    pub stop_loss: f32,
    /// Seed of fresh weights
    #[arg(long, value_name = "S", default_value_t = 1, conflicts_with = "init")]
    pub seed: u64,
    /// Send the samples one by one even if they fit into the chip's RAM
    #[arg(long)]
    pub stream: bool,
    /// Folder for the results, made if missing
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}

/// Fresh weights, as `mote train` draws them.
const INIT: Init = Init::Gaussian { query_key_std: 0.02, value_std: 1e-3 };

/// Attempts after accidents on the line.
const RETRIES: u32 = 5;

/// A data file and its labels.
pub(super) type File = (Samples, Vec<Label>);

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
    /// Loss before each step that was reported.
    pub losses: BTreeMap<u32, f32>,
    /// All weights, in the order of their digest.
    pub weights: Vec<f32>,
    /// On the training set.
    pub on_train: Evaluation,
    /// On the test set.
    pub on_test: Option<Evaluation>,
}

/// `mote device train`.
///
/// # Errors
///
/// [`InputError`] for options and files; whatever ends the conversation; a chip that arrives elsewhere.
pub fn learn(args: &LearnArgs, quiet: bool) -> anyhow::Result<()> {
    let files = Job::files(args)?;
    let interrupt = Interrupt::install()?;
    let mut client = args.chip.open(interrupt, quiet)?;
    let mut memory = chip::twin_memory(&client)?;
    let job = Job::new(args, files, memory.shape(), &client.port())?;
    let out = OutFolder::open(&args.out)?;
    let held = Held::choose(&job, client.chip()?.limits.samples as usize, args.stream);
    if !quiet {
        say(learn_report::opening(&client, &job, held)?)?;
    }
    let spinner = progress::spinner("the same run on this machine, for comparison".into(), quiet);
    let host = job.on_host(&mut memory, || !interrupt.is_raised())?;
    spinner.finish_and_clear();
    client.restart_deadline();
    let bar = progress::bar(u64::from(job.plan.max_steps), &client.port(), quiet);
    let order = Order { args, job: &job, held };
    let mut losses = BTreeMap::new();
    let learned = job.on_chip(&mut client, held, &host, |step, loss| {
        if step == 1 {
            // Begun anew, after a reset.
            losses.clear();
        }
        losses.insert(step, loss);
        tell(&bar, step, loss);
    });
    bar.finish_and_clear();
    let chip = match learned {
        Err(ChipError::Interrupted) => return Err(rescue::rescue(order, &mut client, losses, &mut memory, &out)),
        other => other?,
    };
    let outcome = Outcome::new(&host, &chip, &client);
    let files = outcome.files(order, &mut memory)?;
    for (name, bytes) in &files {
        out.write(name, bytes)?;
    }
    say(&outcome)?;
    if !quiet {
        let names: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
        say(format_args!("saved in {}: {}", out.path().display(), names.join(" ")))?;
    }
    ensure!(outcome.is_equal(), "host and chip differ");
    Ok(())
}

fn tell(bar: &ProgressBar, step: u32, loss: f32) {
    bar.set_position(step.into());
    bar.set_message(format!("loss {loss:.4}"));
}

/// Which sets lie in the chip's RAM; the others are streamed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// The training set.
    pub train: bool,
    /// The test set.
    pub test: bool,
}

impl Held {
    fn choose(job: &Job, room: usize, stream: bool) -> Self {
        let (train, test) = (job.plan.samples, job.plan.test_samples);
        let holds_train = !stream && train <= room;
        Self { train: holds_train, test: holds_train && test > 0 && train + test <= room }
    }
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
    fn files(args: &LearnArgs) -> Result<(File, Option<File>, Option<Weights>), InputError> {
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

    fn new(
        args: &LearnArgs,
        (train, test, init): (File, Option<File>, Option<Weights>),
        shape: Shape,
        port: &str,
    ) -> anyhow::Result<Self> {
        let port_is_real = args.chip.port.is_some();
        let Shape { tokens, dim, head, value } = shape;
        for (path, (samples, _)) in [(Some(&args.data), Some(&train)), (args.test.as_ref(), test.as_ref())]
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
                return Err(InputError::file(path, expected).into());
            }
        }
        let mut start = Start::Fresh(INIT, args.seed);
        let mut weights = None;
        if let (Some(init), Some(path)) = (init, &args.init) {
            if (init.dim, init.head, init.value) != (dim, head, value) {
                let found = format!("found D={} H={} V={}", init.dim, init.head, init.value);
                let expected = format!("expected weights with D={dim} H={head} V={value} as in the model of {port}");
                let sizes = (init.dim == dim).then_some((tokens, init.dim, init.head, init.value));
                let hint = sizes.map_or(String::new(), |sizes| shape_hint(port_is_real, sizes));
                return Err(InputError::file(path, format!("{expected}, {found}{hint}")).into());
            }
            let mut memory = Heap::zeroed(shape).context("the model does not fit into memory")?;
            init.load(&mut memory.workspace().params);
            weights = Some(twin::weights(&mut memory));
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

    /// The run on this machine, as long as it may go on.
    ///
    /// # Errors
    ///
    /// Training or a test that leaves the finite numbers; [`ChipError::Interrupted`] if it may not go on.
    pub fn on_host(&self, memory: &mut Heap, goes_on: impl Fn() -> bool) -> anyhow::Result<Learned> {
        if let Some(weights) = &self.init {
            twin::set_weights(memory, weights);
        }
        let mut files = Files::new(&self.train, self.test.as_ref());
        // The digest of the test set is not part of the run: it is tested afterwards.
        let plan = Plan { test_samples: 0, ..self.plan };
        let (mut losses, mut reason) = (BTreeMap::new(), String::new());
        let records = twin::run_while(memory, plan, &mut files, &goes_on);
        ensure!(goes_on(), ChipError::Interrupted);
        for record in records {
            match record {
                Record::Step(step) => drop(losses.insert(step.step, step.train_loss)),
                Record::Error(step, code) => anyhow::bail!(
                    "this machine's own run ended after {step} steps: {code}; try a learning rate below {}",
                    short(plan.settings.learning_rate)
                ),
                Record::Done(done) => reason = done.reason.as_str().into(),
                _ => {}
            }
        }
        let weights = twin::weights(memory);
        let on_train = twin::score(memory, &plan, &mut files, Split::Train, plan.samples)?;
        let count = self.plan.test_samples;
        let test = |count| twin::score(memory, &plan, &mut files, Split::Test, count);
        let on_test = (count > 0).then_some(count).map(test).transpose()?;
        Ok(Learned { reason, losses, weights, on_train, on_test })
    }

    /// The run on a chip. Accidents on the line cost time and change nothing.
    ///
    /// # Errors
    ///
    /// See [`ChipError`].
    pub fn on_chip(
        &self,
        client: &mut Client,
        held: Held,
        host: &Learned,
        mut each: impl FnMut(u32, f32),
    ) -> Result<Learned, ChipError> {
        let sets = Sets::new(&self.train.0, self.test.as_ref().map(|(samples, _)| samples));
        let mut visit =
            Visit { job: self, held, sets, host, began: false, uploaded: false, last: 0, losses: BTreeMap::new() };
        let (reason, weights) = client.persist(RETRIES, |client| {
            let reason = visit.train(client, &mut each)?;
            let weights = client.weights()?;
            visit.check_weights(client)?;
            Ok((reason, weights))
        })?;
        let on_train = client.persist(RETRIES, |client| visit.test(client, Split::Train, &weights))?;
        let test = |_| client.persist(RETRIES, |client| visit.test(client, Split::Test, &weights));
        let on_test = self.test.as_ref().map(test).transpose()?;
        Ok(Learned { reason, losses: visit.losses, weights, on_train, on_test })
    }
}
