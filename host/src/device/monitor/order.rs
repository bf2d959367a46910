//! A run that the chip was told to do, followed to its end.

use super::message::is_crash;
use mote_core::answer::Answer;
use mote_core::report::Record;
use std::time::Duration;

/// How long a chip may take to answer the order.
const PATIENCE: Duration = Duration::from_secs(20);

/// What has become of it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Fate {
    /// Not answered yet.
    Told,
    /// The chip is at it.
    Taken,
    /// Its `done` was heard, and why it ended; `work` follows.
    Done(String),
    /// Over, well or not.
    Over(Result<(), String>),
}

/// A run that the chip was told to do.
#[derive(Clone, Debug)]
pub struct Order {
    at: Duration,
    fate: Fate,
}

impl Order {
    /// It was told then.
    pub fn new(at: Duration) -> Self {
        Self { at, fate: Fate::Told }
    }

    /// Takes what the chip says.
    pub fn hear(&mut self, line: &str) {
        if matches!(self.fate, Fate::Over(_)) {
            return;
        }
        if is_crash(line) {
            self.fate = Fate::Over(Err(format!("the chip has crashed, saying: {line}")));
            return;
        }
        if let Ok(answer) = Answer::parse(line) {
            self.answer(&answer);
        }
        match (Record::parse(line), &self.fate) {
            (Ok(Record::Done(done)), _) => self.fate = Fate::Done(done.reason.to_string()),
            (Ok(Record::Work(_)), Fate::Done(reason)) if reason == "error" => {
                self.fate = Fate::Over(Err("the run has failed; its error is above".into()));
            }
            (Ok(Record::Work(_)), Fate::Done(_)) => self.fate = Fate::Over(Ok(())),
            _ => {}
        }
    }

    fn answer(&mut self, answer: &Answer) {
        match (answer, &self.fate) {
            (Answer::Ok(cmd, ..), Fate::Told) if cmd == "train" => self.fate = Fate::Taken,
            (Answer::Refused(cmd, code, text), Fate::Told) if cmd == "train" || cmd == "-" => {
                self.fate = Fate::Over(Err(format!("train was refused: {text} ({code})")));
            }
            (Answer::State(state), Fate::Taken) if state.activity == "idle" => {
                let step = state.step;
                self.fate = Fate::Over(Err(format!(
                    "the chip idles at step {step}: it was reset, or its last lines were lost"
                )));
            }
            _ => {}
        }
    }

    /// Whether it is over, and how it ended.
    pub fn outcome(&self, now: Duration) -> Option<Result<(), String>> {
        match &self.fate {
            Fate::Over(outcome) => Some(outcome.clone()),
            Fate::Told if now.saturating_sub(self.at) >= PATIENCE => {
                let seconds = PATIENCE.as_secs();
                Some(Err(format!("expected an answer to train within {seconds} s, found silence or noise")))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mote_core::answer::State;
    use mote_core::report::{Done, Work};
    use mote_core::wire::{Text, word};

    const NOW: Duration = Duration::from_secs(1);

    fn order(lines: &[String]) -> Option<Result<(), String>> {
        let mut order = Order::new(Duration::ZERO);
        lines.iter().for_each(|line| order.hear(line));
        order.outcome(NOW)
    }

    fn record(record: Record) -> String {
        record.into_line().unwrap().as_str().into()
    }

    fn text(said: &str) -> Text {
        said.chars().collect()
    }

    fn answer(answer: Answer) -> String {
        answer.into_line().unwrap().as_str().into()
    }

    #[test]
    fn it_is_over_with_the_last_line_of_the_run() {
        let taken = answer(Answer::Ok(word("train"), 0, 0));
        let done = |reason| record(Record::Done(Done { reason: word(reason), ..Done::default() }));
        let work = record(Record::Work(Work::default()));
        assert_eq!(order(std::slice::from_ref(&taken)), None);
        assert_eq!(order(&[taken.clone(), done("max-steps")]), None);
        assert_eq!(order(&[taken.clone(), done("max-steps"), work.clone()]), Some(Ok(())));
        assert_eq!(order(&[taken.clone(), work.clone()]), None, "of a run before");
        let failed = order(&[taken.clone(), done("error"), work]).unwrap().unwrap_err();
        assert!(failed.contains("failed"), "{failed}");
        let crashed = order(&[taken, "panic at a.rs:1: no".into()]).unwrap().unwrap_err();
        assert!(crashed.ends_with("panic at a.rs:1: no"), "{crashed}");
    }

    #[test]
    fn refusals_resets_and_silence_end_it() {
        let refused = |cmd| order(&[answer(Answer::Refused(word(cmd), word("busy"), text("busy")))]);
        assert_eq!(refused("train"), Some(Err("train was refused: busy (busy)".into())));
        assert!(refused("-").is_some() && refused("save").is_none());
        let taken = answer(Answer::Ok(word("train"), 0, 0));
        let state = |activity| answer(Answer::State(State { activity: word(activity), ..State::default() }));
        assert_eq!(order(&[state("idle"), taken.clone()]), None, "before it began");
        assert_eq!(order(&[taken.clone(), state("train")]), None);
        assert!(order(&[taken, state("idle")]).unwrap().unwrap_err().contains("it was reset"));
        let silent = Order::new(NOW);
        assert_eq!(silent.outcome(NOW), None);
        assert!(silent.outcome(NOW + PATIENCE).unwrap().unwrap_err().contains("within 20 s"));
    }
}
