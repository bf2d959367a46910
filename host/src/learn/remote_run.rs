//! A run on a chip that may forget it in between: trained, read back and tested, from wherever the chip stands.

use crate::client::chip::Client;
use crate::client::fault::ChipError;
use crate::client::follow::Sets;
use crate::client::transfer;
use crate::learn::job::{HeldSets, Job, Learned, as_steps};
use crate::reference::session;
use mote_core::data::Split;
use mote_core::metrics::Evaluation;
use mote_protocol::answer::Score;
use mote_protocol::report::Record;
use mote_runtime::runs::plan::{Plan, Start};
use std::collections::BTreeMap;

/// A run on a chip, with what is known of it between two attempts.
pub(super) struct RemoteRun<'j> {
    pub(super) job: &'j Job,
    pub(super) held: HeldSets,
    pub(super) sets: Sets,
    pub(super) host: &'j Learned,
    /// Whether the weights on the chip are this run's.
    pub(super) began: bool,
    pub(super) uploaded: bool,
    /// Steps done, as the chip said last.
    pub(super) last: u32,
    pub(super) losses: BTreeMap<u32, f32>,
}

impl RemoteRun<'_> {
    /// Trains from where the chip stands; from the start if it has forgotten.
    pub(super) fn train(&mut self, client: &mut Client, each: &mut impl FnMut(u32, f32)) -> Result<String, ChipError> {
        client.stop()?;
        let step = client.status()?.step;
        let goes_on = self.began && step > 0 && step >= u64::from(self.last);
        if !goes_on {
            (self.began, self.last) = (false, 0);
            self.losses.clear();
            if let Some(weights) = &self.job.init {
                self.uploaded = false; // they wait where the samples lie
                client.upload("load step=0 binary=1", weights)?;
            }
        } else if step >= u64::from(self.host.steps) {
            // Done, and its last lines were lost.
            self.last = as_steps(step);
            return Ok(self.host.reason.clone());
        }
        self.hold(client)?;
        let start = if goes_on { Start::Keep(0, None) } else { self.job.plan.start };
        let keys = session::plan_keys(&Plan { start, ..self.job.plan });
        let seed = match start {
            Start::Fresh(_, seed) => format!(" seed={seed}"),
            Start::Keep(..) => String::new(),
        };
        let form = self.form(Split::Train);
        let sets = (!self.held.train).then_some(&self.sets);
        let (began, last, losses) = (&mut self.began, &mut self.last, &mut self.losses);
        let done = client.train(&format!("train {form} {keys}{seed}"), sets, |record| match record {
            Record::Digest(digest) if digest.what == "weights" => *began = true,
            Record::Step(step) => {
                *last = step.step;
                losses.insert(step.step, step.train_loss);
                each(step.step, step.train_loss);
            }
            _ => {}
        })?;
        self.last = as_steps(done.steps);
        Ok(done.reason.as_str().into())
    }

    /// Makes sure that the chip has not forgotten its run before the weights were fetched.
    pub(super) fn check_weights(&self, client: &mut Client) -> Result<(), ChipError> {
        if client.status()?.step >= u64::from(self.last) {
            return Ok(());
        }
        Err(ChipError::Broken { port: client.port(), what: "train".into(), code: "bytes-lost".into() })
    }

    fn form(&self, split: Split) -> String {
        let is_held = if split == Split::Train { self.held.train } else { self.held.test };
        if is_held { "form=held".into() } else { format!("form=stream n={}", self.sets.count(split)) }
    }

    /// Puts the samples into the chip's RAM that belong there and are not there.
    fn hold(&mut self, client: &mut Client) -> Result<(), ChipError> {
        if !self.held.train {
            return Ok(());
        }
        let state = client.status()?;
        let count = |split| self.sets.count(split) as u64;
        let has_test = !self.held.test || state.test == count(Split::Test);
        if self.uploaded && state.train == count(Split::Train) && has_test {
            return Ok(());
        }
        let send = |client: &mut Client, split: Split| {
            let command = format!("data set={} n={} binary=1", split.name(), count(split));
            client.upload(&command, self.sets.numbers(split))
        };
        send(client, Split::Train)?;
        if self.held.test {
            send(client, Split::Test)?;
        }
        self.uploaded = true;
        Ok(())
    }

    /// Tests the weights that were learned; gives them back to a chip that has forgotten them.
    pub(super) fn test(&mut self, client: &mut Client, split: Split, weights: &[f32]) -> Result<Evaluation, ChipError> {
        client.stop()?;
        if client.status()?.weights != transfer::digest(weights) {
            self.uploaded = false; // they wait where the samples lie
            client.upload(&format!("load step={} binary=1", self.last), weights)?;
        }
        self.hold(client)?;
        let is_held = if split == Split::Train { self.held.train } else { self.held.test };
        let command = format!("eval {} set={}", self.form(split), split.name());
        let Score { loss, error, attention, step, .. } = client.eval(&command, (!is_held).then_some(&self.sets))?;
        // Reset in between: then it has tested no weights of ours.
        if step < u64::from(self.last) {
            return Err(ChipError::Broken { port: client.port(), what: "eval".into(), code: "bytes-lost".into() });
        }
        Ok(Evaluation { loss, error, attention })
    }
}
