//! The job done: on this machine, and on a chip.

use crate::base::error::short;
use crate::client::chip::Client;
use crate::client::fault::ChipError;
use crate::client::follow::Sets;
use crate::learn::job::{HeldSets, Job, Learned, as_steps};
use crate::learn::remote_run::RemoteRun;
use crate::reference::session::{self, Files};
use anyhow::ensure;
use mote_core::data::Split;
use mote_core::memory::{Heap, Memory};
use mote_protocol::report::Record;
use mote_runtime::runs::plan::Plan;
use std::collections::BTreeMap;

/// Attempts after accidents on the line.
const RETRIES: u32 = 5;

impl Job {
    /// The run on this machine, as long as it may go on.
    ///
    /// # Errors
    ///
    /// Training or a test that leaves the finite numbers; [`ChipError::Interrupted`] if it may not go on.
    pub fn on_host(&self, memory: &mut Heap, goes_on: impl Fn() -> bool) -> anyhow::Result<Learned> {
        if let Some(weights) = &self.init {
            memory.workspace().params.set_row(weights);
        }
        let mut files = Files::new(&self.train, self.test.as_ref());
        // The digest of the test set is not part of the run: it is tested afterwards.
        let plan = Plan { test_samples: 0, ..self.plan };
        let (mut losses, mut reason, mut steps) = (BTreeMap::new(), String::new(), 0);
        let records = session::run_while(memory, plan, &mut files, &goes_on);
        ensure!(goes_on(), ChipError::Interrupted);
        for record in records {
            match record {
                Record::Step(step) => drop(losses.insert(step.step, step.train_loss)),
                Record::Error(step, code) => anyhow::bail!(
                    "this machine's own run ended after {step} steps: {code}; try a learning rate below {}",
                    short(plan.settings.learning_rate)
                ),
                Record::Done(done) => (reason, steps) = (done.reason.as_str().into(), as_steps(done.steps)),
                _ => {}
            }
        }
        let weights = session::weights(memory);
        let on_train = session::score(memory, &mut files, Split::Train, plan.samples)?;
        let test_samples = Some(self.plan.test_samples).filter(|count| *count > 0);
        let on_test = test_samples.map(|count| session::score(memory, &mut files, Split::Test, count)).transpose()?;
        Ok(Learned { reason, steps, losses, weights, on_train, on_test })
    }

    /// The run on a chip. Accidents on the line cost time and change nothing.
    ///
    /// # Errors
    ///
    /// See [`ChipError`].
    pub fn on_chip(
        &self,
        client: &mut Client,
        held: HeldSets,
        host: &Learned,
        mut each: impl FnMut(u32, f32),
    ) -> Result<Learned, ChipError> {
        let sets = Sets::new(&self.train.0, self.test.as_ref().map(|(samples, _)| samples));
        let mut remote =
            RemoteRun { job: self, held, sets, host, began: false, uploaded: false, last: 0, losses: BTreeMap::new() };
        let (reason, weights) = client.retry(RETRIES, |client| {
            let reason = remote.train(client, &mut each)?;
            let weights = client.weights()?;
            remote.check_weights(client)?;
            Ok((reason, weights))
        })?;
        let on_train = client.retry(RETRIES, |client| remote.test(client, Split::Train, &weights))?;
        let test = |_| client.retry(RETRIES, |client| remote.test(client, Split::Test, &weights));
        let on_test = self.test.as_ref().map(test).transpose()?;
        Ok(Learned { reason, steps: remote.last, losses: remote.losses, weights, on_train, on_test })
    }
}
