//! A run that the chip was told to do, followed to its end.

use crate::monitor::message::is_crash;
use mote_protocol::answer::Answer;
use mote_protocol::report::Record;
use std::time::Duration;

/// How long a chip may take to answer the command, and how long it may be silent in spite of questions.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long the last line of a run may take behind its `done`; it may be lost.
const LAST_LINE: Duration = Duration::from_secs(1);

/// What has become of it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Status {
    /// Not answered yet, and why that may be.
    Told(Option<String>),
    /// The chip is at it.
    Taken,
    /// Its `done` was heard then, and how it ended; `work` follows.
    Done(Duration, Result<(), String>),
    /// Over, well or not.
    Over(Result<(), String>),
}

/// A run that the chip was told to do.
#[derive(Clone, Debug)]
pub struct FollowedRun {
    /// When it was told.
    at: Duration,
    /// When a line of the protocol came last.
    heard: Duration,
    status: Status,
}

impl FollowedRun {
    /// It was told then.
    pub fn new(at: Duration) -> Self {
        Self { at, heard: at, status: Status::Told(None) }
    }

    /// Takes what the chip says. What it says of a run before this one is not about this one.
    pub fn hear(&mut self, line: &str, at: Duration) {
        if matches!(self.status, Status::Over(_)) {
            return;
        }
        if is_crash(line) {
            self.status = Status::Over(Err(format!("the chip has crashed, saying: {line}")));
        } else if let Ok(answer) = Answer::parse(line) {
            self.heard = at;
            self.answer(&answer);
        } else if let Ok(record) = Record::parse(line) {
            self.heard = at;
            self.record(&record, at);
        }
    }

    fn record(&mut self, record: &Record, at: Duration) {
        match (record, &self.status) {
            // It comes before `ok`, which may be lost.
            (Record::Run(_), Status::Told(_)) => self.status = Status::Taken,
            (Record::Done(done), Status::Taken) => {
                let has_failed = done.reason == "error";
                let end = if has_failed { Err("the run has failed; its error is above".into()) } else { Ok(()) };
                self.status = Status::Done(at, end);
            }
            (Record::Work(_), Status::Done(_, end)) => self.status = Status::Over(end.clone()),
            _ => {}
        }
    }

    fn answer(&mut self, answer: &Answer) {
        match (answer, &self.status) {
            (Answer::Ok(cmd, ..), Status::Told(_)) if cmd == "train" => self.status = Status::Taken,
            (Answer::Refused(cmd, code, text), Status::Told(_)) if cmd == "train" => {
                self.status = Status::Over(Err(format!("train was refused: {text} ({code})")));
            }
            // Of a line that could not be read: of this one, or of what was begun before it.
            (Answer::Refused(cmd, code, text), Status::Told(_)) if cmd == "-" => {
                self.status = Status::Told(Some(format!("; a line was refused: {text} ({code})")));
            }
            (Answer::State(state), Status::Taken) if state.activity == "idle" => {
                let step = state.step;
                let why = format!("the chip idles at step {step}: it was reset, or its last lines were lost");
                self.status = Status::Over(Err(why));
            }
            _ => {}
        }
    }

    /// Whether the chip should be at it, or begin.
    pub fn is_open(&self) -> bool {
        matches!(self.status, Status::Told(_) | Status::Taken)
    }

    /// Whether it is over, and how it ended.
    pub fn outcome(&self, now: Duration) -> Option<Result<(), String>> {
        let seconds = PATIENCE.as_secs();
        match &self.status {
            Status::Over(end) => Some(end.clone()),
            Status::Done(at, end) if now.saturating_sub(*at) >= LAST_LINE => Some(end.clone()),
            Status::Told(doubt) if now.saturating_sub(self.at) >= PATIENCE => {
                let doubt = doubt.as_deref().unwrap_or_default();
                let why = format!("expected an answer to train within {seconds} s, found silence or noise{doubt}");
                Some(Err(why))
            }
            Status::Taken if now.saturating_sub(self.heard) >= PATIENCE => {
                Some(Err(format!("expected the run to go on, found silence or noise for {seconds} s")))
            }
            _ => None,
        }
    }

    /// How it ended if nothing more will come.
    pub fn at_the_end(&self, now: Duration) -> Result<(), String> {
        match &self.status {
            Status::Done(_, end) => end.clone(),
            _ => self.outcome(now).unwrap_or_else(|| Err("the lines ended before the run did".into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mote_protocol::answer::State;
    use mote_protocol::report::{Done, RunHeader, Work};
    use mote_protocol::wire::{Text, to_name};

    const NOW: Duration = Duration::from_secs(1);

    fn heard(lines: &[&str]) -> FollowedRun {
        let mut run = FollowedRun::new(NOW);
        lines.iter().for_each(|line| run.hear(line, NOW));
        run
    }

    fn outcome(lines: &[&str]) -> Option<Result<(), String>> {
        heard(lines).outcome(NOW)
    }

    fn record(record: Record) -> String {
        record.into_line().unwrap().as_str().into()
    }

    fn answer(answer: Answer) -> String {
        answer.into_line().unwrap().as_str().into()
    }

    fn taken() -> String {
        answer(Answer::Ok(to_name("train"), 0, 0))
    }

    fn done(reason: &str) -> String {
        record(Record::Done(Done { reason: to_name(reason), ..Done::default() }))
    }

    fn work() -> String {
        record(Record::Work(Work::default()))
    }

    fn refused(cmd: &str) -> String {
        let text: Text = "not now".chars().collect();
        answer(Answer::Refused(to_name(cmd), to_name("busy"), text))
    }

    #[test]
    fn it_is_over_with_the_last_line_of_the_run() {
        assert_eq!(outcome(&[&taken()]), None);
        assert_eq!(outcome(&[&taken(), &done("max-steps")]), None);
        assert_eq!(outcome(&[&taken(), &done("max-steps"), &work()]), Some(Ok(())));
        let failed = outcome(&[&taken(), &done("error"), &work()]).unwrap().unwrap_err();
        assert!(failed.contains("failed"), "{failed}");
        let crashed = outcome(&[&taken(), "panic at a.rs:1: no"]).unwrap().unwrap_err();
        assert!(crashed.ends_with("panic at a.rs:1: no"), "{crashed}");
        // Once over, nothing changes that.
        assert_eq!(outcome(&[&taken(), &done("stopped"), &work(), "panic at a.rs:1: no"]), Some(Ok(())));
    }

    #[test]
    fn a_run_before_it_is_another_one() {
        let before = [done("max-steps"), work()];
        assert_eq!(outcome(&[&before[0], &before[1], &taken()]), None);
        assert_eq!(outcome(&[&before[0], &before[1]]), None, "firmware that takes no commands");
        let state = |activity| answer(Answer::State(State { activity: to_name(activity), ..State::default() }));
        assert_eq!(outcome(&[&state("idle"), &taken()]), None);
        assert_eq!(outcome(&[&taken(), &state("train")]), None);
        assert!(outcome(&[&taken(), &state("idle")]).unwrap().unwrap_err().contains("it was reset"));
    }

    #[test]
    fn lost_lines_do_not_leave_it_waiting() {
        let run =
            record(Record::Run(RunHeader { name: to_name("session"), form: to_name("held"), ..RunHeader::default() }));
        assert_eq!(outcome(&[&run, &done("stop-loss"), &work()]), Some(Ok(())), "without ok");
        let without_work = heard(&[&taken(), &done("stop-loss")]);
        assert_eq!(without_work.outcome(NOW + LAST_LINE), Some(Ok(())));
        assert_eq!(without_work.at_the_end(NOW), Ok(()));
        let silent = heard(&[&taken()]);
        assert_eq!(silent.outcome(NOW + PATIENCE / 2), None);
        assert!(silent.outcome(NOW + PATIENCE).unwrap().unwrap_err().contains("silence or noise for 20 s"));
        assert!(silent.at_the_end(NOW).unwrap_err().contains("the lines ended before the run did"));
    }

    #[test]
    fn refusals_and_silence_end_it() {
        assert_eq!(outcome(&[&refused("train")]), Some(Err("train was refused: not now (busy)".into())));
        assert_eq!(outcome(&[&refused("save")]), None);
        let doubtful = heard(&[&refused("-")]);
        assert_eq!(doubtful.outcome(NOW), None, "of a line before it, perhaps");
        let why = doubtful.outcome(NOW + PATIENCE).unwrap().unwrap_err();
        assert!(why.contains("within 20 s") && why.ends_with("; a line was refused: not now (busy)"), "{why}");
        assert_eq!(outcome(&[&refused("-"), &taken(), &done("max-steps"), &work()]), Some(Ok(())));
        assert_eq!(heard(&[]).outcome(NOW + PATIENCE / 2), None);
    }
}
