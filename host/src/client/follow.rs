//! A run or a test on a chip, followed to its end; streamed samples are sent when it asks for them.

use crate::client::chip::{Client, Heard, Reply};
use crate::client::fault::ChipError;
use crate::client::transfer::SendWindow;
use crate::formats::samples::Samples;
use mote_core::data::{Label, Split};
use mote_protocol::answer::{Answer, Score};
use mote_protocol::report::{Done, Record};
use std::collections::VecDeque;
use std::time::Instant;

/// Samples as they go over the line: the tokens of one, its label as 1 or -1, then the next.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sets {
    /// `M D + 1`.
    size: usize,
    train: Vec<f32>,
    test: Vec<f32>,
}

impl Sets {
    /// Training samples, and test samples if there are any.
    pub fn new(train: &Samples, test: Option<&Samples>) -> Self {
        let size = train.tokens * train.dim + 1;
        Self { size, train: flat(train), test: test.map(flat).unwrap_or_default() }
    }

    /// All numbers of a set.
    pub fn numbers(&self, split: Split) -> &[f32] {
        match split {
            Split::Train => &self.train,
            Split::Test => &self.test,
        }
    }

    /// Samples in a set.
    pub fn count(&self, split: Split) -> usize {
        self.numbers(split).len() / self.size.max(1)
    }

    /// The numbers of a set from a position to the end of the sample that it is in.
    fn rest_of_sample(&self, split: Split, from: usize) -> &[f32] {
        let end = (from / self.size.max(1) + 1) * self.size;
        self.numbers(split).get(from..end).unwrap_or_default()
    }
}

fn flat(samples: &Samples) -> Vec<f32> {
    let labels = samples.labels_or_plus();
    let tokens = samples.x.chunks_exact(samples.tokens * samples.dim);
    let with_label = |(tokens, label): (&[f32], &Label)| [tokens, &[label.sign()]].concat();
    tokens.zip(&labels).flat_map(with_label).collect()
}

/// Sends streamed samples.
struct SampleStreamer<'s> {
    sets: &'s Sets,
    window: SendWindow,
    /// The set that was asked for last; at first, the one that will be.
    split: Split,
    repairs: u32,
}

impl SampleStreamer<'_> {
    /// Takes note of what the chip says of samples. Answers whether something went wrong on the line.
    fn note(&mut self, heard: &Heard) -> bool {
        match heard {
            Heard::Answer(Answer::Want(set, sample)) => {
                let split = if set == Split::Test.name() { Split::Test } else { Split::Train };
                self.split = split;
                let from = *sample as usize * self.sets.size;
                self.window.add(from as u32, self.sets.rest_of_sample(split, from));
                false
            }
            Heard::Answer(Answer::Ok(cmd, ..)) if cmd == "put" => {
                self.window.taken();
                self.repairs = 0;
                false
            }
            Heard::Answer(Answer::Refused(cmd, ..)) => cmd == "put" || cmd == "-",
            Heard::Answer(Answer::Aborted(what, _)) => what == "line",
            _ => false,
        }
    }

    /// Goes on with the sample that the chip waits for.
    fn repair(&mut self, client: &mut Client, what: &str) -> Result<(), ChipError> {
        self.repairs += 1;
        let next = client.next_number(what, self.repairs)?;
        self.window.clear();
        self.window.add(next as u32, self.sets.rest_of_sample(self.split, next));
        Ok(())
    }
}

impl Client {
    /// Runs a `train` command to the end of the run. Every record of it goes to `each`. A run on streamed samples has
    /// no test set: it is tested by [`Client::eval`] afterwards.
    ///
    /// # Errors
    ///
    /// As [`Client::request`]; [`ChipError::Broken`] if the run fails or ends unheard.
    ///
    /// # Panics
    ///
    /// If it is to stream a test set.
    pub fn train(
        &mut self,
        command: &str,
        sets: Option<&Sets>,
        mut each: impl FnMut(&Record),
    ) -> Result<Done, ChipError> {
        // Frames do not say which set they belong to.
        assert!(sets.is_none() || !command.contains(" test="), "a streamed run is tested apart");
        let reply = self.request(command)?;
        let (mut code, mut done) = (None, None);
        self.follow("train", reply, sets.map(|sets| (sets, Split::Train)), |heard| {
            let Heard::Record(record) = heard else { return None };
            each(record);
            match record {
                Record::Error(_, why) => code = Some(why.as_str().to_owned()),
                Record::Done(record) => done = Some(record.clone()),
                // The last record of a run.
                Record::Work(_) => return done.take(),
                _ => {}
            }
            None
        })
        .and_then(|done| match code {
            None => Ok(done),
            Some(code) => Err(ChipError::Broken { port: self.port(), what: "train".into(), code }),
        })
    }

    /// Runs an `eval` command to its score.
    ///
    /// # Errors
    ///
    /// As [`Client::train`].
    pub fn eval(&mut self, command: &str, sets: Option<&Sets>) -> Result<Score, ChipError> {
        let reply = self.request(command)?;
        let mut code = None;
        let split = if command.contains(" set=train") { Split::Train } else { Split::Test };
        let score = self.follow("eval", reply, sets.map(|sets| (sets, split)), |heard| match heard {
            Heard::Answer(Answer::Score(score)) => Some(Some(score.clone())),
            Heard::Answer(Answer::Aborted(what, why)) if what == "eval" => {
                code = Some(why.as_str().to_owned());
                Some(None)
            }
            _ => None,
        })?;
        let broken = |code| ChipError::Broken { port: self.port(), what: "eval".into(), code };
        score.ok_or_else(|| broken(code.unwrap_or_default()))
    }

    /// Listens until `each` has what it waits for, and feeds the chip. Where nothing is heard for long, the chip is
    /// asked whether it still works.
    fn follow<T>(
        &mut self,
        what: &str,
        reply: Reply,
        sets: Option<(&Sets, Split)>,
        mut each: impl FnMut(&Heard) -> Option<T>,
    ) -> Result<T, ChipError> {
        let mut streamer =
            sets.map(|(sets, split)| SampleStreamer { sets, window: SendWindow::default(), split, repairs: 0 });
        let mut said = VecDeque::from(reply.said);
        let patience = if streamer.is_some() { self.brief_patience() } else { self.patience() / 2 };
        loop {
            let heard = match said.pop_front() {
                Some(heard) => Some(heard),
                None => self.recv(Instant::now() + patience)?,
            };
            if let (None, Some(streamer)) = (&heard, &mut streamer) {
                // What it asked for, or what it answered, is lost.
                streamer.repair(self, what)?;
                streamer.window.go(self)?;
                continue;
            }
            let Some(heard) = heard else {
                let state = self.request("status")?;
                let is_working = |heard: &Heard| matches!(heard, Heard::Answer(Answer::State(s)) if s.activity == what);
                if !state.said.iter().any(is_working) {
                    let (port, code) = (self.port(), "bytes-lost".into());
                    // Either it was reset, or we have missed its end.
                    return Err(ChipError::Broken { port, what: what.into(), code });
                }
                said.extend(state.said);
                continue;
            };
            if let Some(outcome) = each(&heard) {
                return Ok(outcome);
            }
            if let Some(streamer) = &mut streamer {
                if streamer.note(&heard) {
                    streamer.repair(self, what)?;
                }
                streamer.window.go(self)?;
            }
        }
    }
}
