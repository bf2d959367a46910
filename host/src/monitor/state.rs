//! What is known of a chip, from the lines it sent. No terminal, no clock: the time comes with each line.

use crate::base::error::quoted;
use crate::monitor::curve::Curve;
use crate::monitor::message::{ChipActivity, LineKind, Message, Severity, is_crash, is_wreck, printable};
use crate::monitor::source::LineEvent;
use mote_protocol::answer::{self, Answer};
use mote_protocol::report::{Board, Done, Eval, Hello, Record, RunHeader, Stack};
use mote_protocol::wire::{MARK, WireError};
use std::collections::VecDeque;
use std::time::Duration;

/// Messages that are kept; the log has all.
const MESSAGES_MAX: usize = 200;

/// Steps of so long a time make the rate.
const RATE_OVER: Duration = Duration::from_secs(3);

/// Everything that is shown.
#[derive(Clone, Debug)]
pub struct State {
    /// Where the lines come from.
    pub source: String,
    /// Whether there will be no more lines.
    pub is_over: bool,
    /// Whether lines come when the chip says them: only then is there a rate.
    pub is_on_time: bool,
    /// Why the line to the chip is broken, if it is.
    pub lost: Option<String>,
    /// Who speaks.
    pub hello: Option<Hello>,
    /// On which machine.
    pub board: Option<Board>,
    /// The run of the curves.
    pub run: Option<RunHeader>,
    /// What the chip is doing.
    pub activity: ChipActivity,
    /// Steps done in this run.
    pub step: u64,
    /// Training loss over steps.
    pub train_loss: Curve,
    /// Test loss over steps.
    pub test_loss: Curve,
    /// Test error over steps.
    pub test_error: Curve,
    /// Attention on the signal over steps.
    pub attention: Curve,
    /// The last test.
    pub eval: Option<Eval>,
    /// The stack, once the chip has said it.
    pub stack: Option<Stack>,
    /// What was said, the newest last.
    pub messages: VecDeque<Message>,
    /// Lines that came.
    pub lines: u64,
    /// Lines of the protocol that were not as they were sent.
    pub damaged: u64,
    /// Lines of a protocol that is not ours.
    pub unknown: u64,
    /// The step that the chip's flash holds, once it has said so.
    pub saved: Option<u64>,
    /// When the last line came.
    pub last_heard: Duration,
    /// Runs that have ended, a line each.
    pub runs: Vec<String>,
    recent: VecDeque<(Duration, u64)>,
    /// The first step of the run that was heard, and when.
    first: Option<(Duration, u64)>,
}

impl State {
    /// Nothing is known yet.
    pub fn new(source: String) -> Self {
        Self {
            source,
            is_over: false,
            is_on_time: true,
            lost: None,
            hello: None,
            board: None,
            run: None,
            activity: ChipActivity::Unknown,
            step: 0,
            train_loss: Curve::default(),
            test_loss: Curve::default(),
            test_error: Curve::default(),
            attention: Curve::default(),
            eval: None,
            stack: None,
            messages: VecDeque::new(),
            lines: 0,
            damaged: 0,
            unknown: 0,
            saved: None,
            last_heard: Duration::ZERO,
            runs: Vec::new(),
            recent: VecDeque::new(),
            first: None,
        }
    }

    /// Takes what was heard. Answers what a line turned out to be.
    pub fn hear(&mut self, heard: &LineEvent, at: Duration) -> Option<LineKind> {
        match heard {
            LineEvent::Line(line) => return Some(self.line(line, at)),
            LineEvent::Lost(why) => {
                self.note(at, Severity::Bad, format!("line lost: {why}; trying again"));
                self.lost = Some(why.clone());
            }
            LineEvent::Back => {
                self.note(at, Severity::Good, "the connection is back");
                self.lost = None;
            }
            LineEvent::End => {
                if !self.is_over {
                    self.note(at, Severity::Plain, "no more lines");
                }
                self.is_over = true;
            }
            LineEvent::Nothing => {}
        }
        None
    }

    /// Adds a message.
    pub fn note(&mut self, at: Duration, severity: Severity, text: impl Into<String>) {
        if self.messages.len() == MESSAGES_MAX {
            self.messages.pop_front();
        }
        self.messages.push_back(Message { at, severity, text: text.into() });
    }

    /// Whether the chip has something to do that it would speak of.
    pub fn is_busy(&self) -> bool {
        matches!(self.activity, ChipActivity::Preparing | ChipActivity::Training | ChipActivity::Other(_))
    }

    /// Whether the chip takes commands; `None` as long as it has not said so.
    pub fn takes_commands(&self) -> Option<bool> {
        self.hello.as_ref().map(|hello| hello.protocol >= answer::PROTOCOL)
    }

    /// Steps in a second, lately.
    pub fn rate(&self, now: Duration) -> Option<f64> {
        let ((start, first), (end, last)) = (self.recent.front()?, self.recent.back()?);
        let seconds = end.checked_sub(*start)?.as_secs_f64();
        let is_recent = now.saturating_sub(*end) < RATE_OVER;
        (self.is_on_time && is_recent && seconds > 0.0 && last > first).then(|| (last - first) as f64 / seconds)
    }

    /// Steps in a second over all of the run that was heard, tests included.
    fn whole_rate(&self) -> Option<f64> {
        let ((start, first), (end, last)) = (self.first?, *self.recent.back()?);
        let seconds = end.checked_sub(start)?.as_secs_f64();
        (self.is_on_time && seconds > 0.0 && last > first).then(|| (last - first) as f64 / seconds)
    }

    fn line(&mut self, line: &str, at: Duration) -> LineKind {
        self.lines += 1;
        self.last_heard = at;
        if !line.starts_with(MARK) {
            return self.foreign(line, at);
        }
        let error = match (Record::parse(line), Answer::parse(line)) {
            (Ok(record), _) => {
                self.record(record, at);
                return LineKind::Record;
            }
            (_, Ok(answer)) => {
                self.answer(answer, at);
                return LineKind::Record;
            }
            (Err(WireError::Kind), Err(error)) | (Err(error), _) => error,
        };
        match error {
            WireError::Checksum | WireError::TooLong => self.damage(line, at),
            _ => {
                self.unknown += 1;
                self.note(at, Severity::Bad, format!("not understood, {error}: {}", quoted(line)));
                LineKind::Unknown
            }
        }
    }

    fn damage(&mut self, line: &str, at: Duration) -> LineKind {
        self.damaged += 1;
        self.note(at, Severity::Bad, format!("damaged: {}", quoted(line)));
        LineKind::Damaged
    }

    /// A line that does not begin as a record: what is left of one, the last words of a chip, or anything.
    fn foreign(&mut self, line: &str, at: Duration) -> LineKind {
        if is_wreck(line) {
            return self.damage(line, at);
        }
        let is_crash = is_crash(line);
        if is_crash {
            self.activity = ChipActivity::Crashed;
        }
        if !line.is_empty() {
            self.note(at, if is_crash { Severity::Bad } else { Severity::Plain }, printable(line));
        }
        LineKind::Foreign
    }

    fn record(&mut self, record: Record, at: Duration) {
        match record {
            Record::Hello(hello) => self.hello(hello, at),
            Record::Board(board) => self.board = Some(board),
            Record::Run(run) => self.begin(run, at),
            Record::Digest(digest) if digest.what == "saved" => self.saved = Some(digest.step),
            Record::Digest(digest) if digest.what == "weights" => {
                self.note(
                    at,
                    Severity::Plain,
                    format!("weights after step {}: crc {:08x}", digest.step, digest.digest),
                );
            }
            Record::Digest(_) => {}
            Record::Step(report) => self.step(report.step.into(), report.train_loss, at),
            Record::Eval(eval) => self.eval(eval),
            Record::Track(..) => {}
            Record::Error(step, code) => {
                self.note(at, Severity::Bad, format!("the run failed, {code}; the weights are those of step {step}"))
            }
            Record::Done(done) => self.done(&done, at),
            Record::Work(work) => {
                let text = format!("work: {} steps of {} multiply-accumulates", work.steps, work.macs_per_step);
                self.note(at, Severity::Plain, text);
            }
            Record::Stack(stack) => {
                self.note(at, Severity::Plain, format!("stack: {} of {} bytes used at most", stack.used, stack.of));
                self.stack = Some(stack);
            }
            Record::Bye(runs, failed) => {
                self.activity = ChipActivity::Ended;
                let severity = if failed == 0 { Severity::Good } else { Severity::Bad };
                self.note(at, severity, format!("the report ends: {runs} runs, {failed} failed"));
            }
        }
    }

    /// A report begins with `hello`; to a session it is only an answer, and says nothing new about the same chip.
    fn hello(&mut self, hello: Hello, at: Duration) {
        let is_session = hello.protocol >= answer::PROTOCOL;
        if !is_session || self.hello.as_ref() != Some(&hello) {
            let again = if self.hello.is_some() { " again" } else { "" };
            self.note(at, Severity::Good, format!("the chip says hello{again}: {}", model(&hello)));
            self.start_anew(if is_session { ChipActivity::Idle } else { ChipActivity::Preparing });
        }
        self.hello = Some(hello);
    }

    /// The chip has started: nothing of before is about it.
    fn start_anew(&mut self, activity: ChipActivity) {
        self.forget_run();
        self.run = None;
        self.stack = None;
        self.activity = activity;
    }

    fn forget_run(&mut self) {
        self.step = 0;
        self.eval = None;
        self.recent.clear();
        self.first = None;
        for curve in [&mut self.train_loss, &mut self.test_loss, &mut self.test_error, &mut self.attention] {
            *curve = Curve::default();
        }
    }

    fn begin(&mut self, run: RunHeader, at: Duration) {
        self.forget_run();
        self.activity = ChipActivity::Preparing;
        self.note(
            at,
            Severity::Plain,
            format!("run {}: {} samples, at most {} steps", run.name, run.samples, run.max_steps),
        );
        self.run = Some(run);
    }

    fn step(&mut self, step: u64, loss: f32, at: Duration) {
        self.activity = ChipActivity::Training;
        self.step = step;
        self.train_loss.push(step, loss);
        self.recent.push_back((at, step));
        self.first.get_or_insert((at, step));
        // One from before stays, so that the window is full.
        while self.recent.len() > 2 && self.recent[1].0 + RATE_OVER < at {
            self.recent.pop_front();
        }
    }

    fn eval(&mut self, eval: Eval) {
        self.activity = ChipActivity::Training;
        self.step = eval.step;
        self.test_loss.push(eval.step, eval.test_loss);
        self.test_error.push(eval.step, eval.test_error);
        self.attention.push(eval.step, eval.attention);
        self.eval = Some(eval);
    }

    fn done(&mut self, done: &Done, at: Duration) {
        self.activity = ChipActivity::Done(done.reason.to_string());
        self.step = done.steps;
        let mut text = format!("{}: {} after {} steps", self.name(), done.reason, done.steps);
        if let Some(loss) = done.train_loss {
            text += &format!(", loss {}", shown(loss));
        }
        text += &self.tested();
        if let Some(rate) = self.whole_rate() {
            text += &format!(", {rate:.1} steps/s");
        }
        let severity = if done.reason == "error" { Severity::Bad } else { Severity::Good };
        self.note(at, severity, text.clone());
        self.runs.push(text);
    }

    fn name(&self) -> &str {
        self.run.as_ref().map_or("run", |run| run.name.as_str())
    }

    /// The last test, behind a comma.
    fn tested(&self) -> String {
        let tested = |eval: &Eval| format!(", test {}, error {:.1}%", shown(eval.test_loss), 100.0 * eval.test_error);
        self.eval.as_ref().map_or(String::new(), tested)
    }

    /// The run whose end was not heard.
    pub fn unfinished(&self) -> Option<String> {
        let is_open = matches!(self.activity, ChipActivity::Preparing | ChipActivity::Training | ChipActivity::Crashed);
        let text = || format!("{}: end not heard, step {}{}", self.name(), self.step, self.tested());
        (is_open && self.run.is_some()).then(text)
    }

    fn answer(&mut self, answer: Answer, at: Duration) {
        match answer {
            Answer::Ok(cmd, ..) if cmd == "status" || cmd == "hello" => {}
            Answer::Ok(cmd, numbers, crc) => {
                let text = match cmd.as_str() {
                    "save" | "resume" => {
                        self.saved = Some(numbers);
                        format!("ok: {cmd}, weights of step {numbers}, crc {crc:08x}")
                    }
                    "put" => return,
                    _ => format!("ok: {cmd}"),
                };
                if cmd == "reset" {
                    self.start_anew(ChipActivity::Idle);
                }
                self.note(at, Severity::Good, text);
            }
            Answer::Refused(cmd, code, text) => {
                self.note(at, Severity::Bad, format!("refused: {cmd}: {text} ({code})"));
            }
            Answer::State(state) => self.state(&state, at),
            Answer::Score(score) => {
                self.activity = ChipActivity::Idle;
                let text = format!(
                    "{} set of {} samples: loss {:.4}, error {:.1}%, attention {:.3}",
                    score.what,
                    score.samples,
                    score.loss,
                    100.0 * score.error,
                    score.attention
                );
                self.note(at, Severity::Good, text);
            }
            Answer::Aborted(what, code) => {
                // Neither lost bytes nor a save that failed ends a run.
                if what != "line" && what != "save" {
                    self.activity = ChipActivity::Idle;
                }
                self.note(at, Severity::Bad, format!("{what} ended early: {code}"));
            }
            Answer::Wear(saves, life) => self.note(at, Severity::Good, format!("flash: {saves} of {life} saves")),
            Answer::Limits(_) | Answer::Want(..) | Answer::Numbers(..) => {}
        }
    }

    /// A session says where it stands; after a reset it stands at the beginning.
    fn state(&mut self, state: &answer::State, at: Duration) {
        if state.step < self.step && self.run.is_some() && state.activity == "idle" {
            self.note(
                at,
                Severity::Bad,
                format!("the chip is at step {}, not {}: it was restarted", state.step, self.step),
            );
            self.start_anew(ChipActivity::Idle);
        }
        self.activity = match (state.activity.as_str(), &self.activity) {
            ("train", ChipActivity::Preparing) => ChipActivity::Preparing,
            ("train", _) => ChipActivity::Training,
            ("idle", ChipActivity::Done(reason)) => ChipActivity::Done(reason.clone()),
            ("idle", _) => ChipActivity::Idle,
            (other, _) => ChipActivity::Other(other.to_owned()),
        };
        self.step = state.step;
    }
}

/// A loss in few letters.
pub fn shown(loss: f32) -> String {
    if loss.abs() < 1e5 { format!("{loss:.4}") } else { format!("{loss:.3e}") }
}

/// Shape and maths of a chip's model, for people.
pub fn model(hello: &Hello) -> String {
    format!(
        "{}, M={} D={} H={} V={}, {} bytes, mote {} {}",
        hello.preset, hello.tokens, hello.dim, hello.head, hello.value, hello.memory_bytes, hello.engine, hello.math
    )
}
