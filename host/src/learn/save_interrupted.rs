//! A run on a chip that was interrupted: what it has learned is fetched and saved, if it is known what that is.

use crate::base::error::Interrupted;
use crate::base::files::OutFolder;
use crate::client::chip::{Client, Heard};
use crate::client::fault::ChipError;
use crate::client::transfer;
use crate::learn::job::as_steps;
use crate::learn::report::{self, Request};
use mote_core::memory::Heap;
use mote_protocol::report::Record;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Losses before steps.
type Losses = BTreeMap<u32, f32>;

/// Ends the run: the chip idles, and its weights and the curve are saved, if it answers in time. `losses` were heard
/// before the interruption. Nothing is saved of a chip that stands before the last of them: it was reset, and its
/// weights are not the run's.
pub fn save_interrupted(
    request: Request,
    client: &mut Client,
    mut losses: Losses,
    memory: &mut Heap,
    out: &OutFolder,
) -> anyhow::Error {
    client.ignore_interrupt();
    let heard = losses.keys().next_back().copied().unwrap_or_default();
    // A chip that does not answer any more has nothing to save, and the error says that nothing is.
    let Some((step, weights)) = fetch(client, &mut losses).ok().filter(|(step, _)| *step > 0 && *step >= heard) else {
        return Interrupted { done: format!("step {heard}"), saved: None }.into();
    };
    let mut save = || -> anyhow::Result<PathBuf> {
        for (name, bytes) in report::interrupted(request, step, &weights, &losses, client, memory)? {
            out.write(name, &bytes)?;
        }
        Ok(out.path().to_owned())
    };
    match save() {
        Ok(path) => Interrupted { done: format!("step {step}"), saved: Some(path) }.into(),
        Err(error) => error,
    }
}

/// Stops the chip. Its weights, and the step they are of; what it says of steps on the way goes to `losses`.
fn fetch(client: &mut Client, losses: &mut Losses) -> Result<(u32, Vec<f32>), ChipError> {
    for heard in client.request("stop")?.said {
        if let Heard::Record(Record::Step(step)) = heard {
            losses.insert(step.step, step.train_loss);
        }
    }
    let state = client.status()?;
    let weights = client.weights()?;
    let found = transfer::digest(&weights);
    if found != state.weights {
        return Err(ChipError::Digest { port: client.port(), what: "weights", expected: state.weights, found });
    }
    Ok((as_steps(state.step), weights))
}
