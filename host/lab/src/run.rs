//! One cell: a training run at one (N, signal, replicate), in whichever space.

use crate::basis::Width;
use crate::control::Control;
use crate::error::Error;
use crate::outcome::{Figures, Outcome, Run};
use crate::place::{GridPoint, Representation};
use crate::recipe::Recipe;
use crate::sampled::SampledRun;
use crate::tokens::TokenRun;
use crate::weights::WeightRun;
use mote_core::train::{StopReason, StopRule};

/// Largest `H` that the samplers compute in single precision. Beyond it, learning rates are so small (they go with
/// `H^-1/2`) that single precision would lose the steps.
pub const SINGLE: usize = 4096;

/// A cell's run with its own `seed` ([`GridPoint::seed`]), nothing trained yet; the recipe is spelt out ([`Recipe::at`]).
///
/// # Errors
///
/// If its data or memory cannot be had, or it is stopped.
pub fn start(recipe: &Recipe, place: &GridPoint, seed: u64, space: Representation) -> Result<Box<dyn Run>, Error> {
    let is_single = recipe.head <= SINGLE;
    let width = if space == Representation::Sampled { Width::Full } else { Width::Reduced };
    Ok(match space {
        Representation::Weights => Box::new(WeightRun::new(recipe, place, seed)?),
        Representation::Tokens => Box::new(TokenRun::new(recipe, place, seed)?),
        Representation::Sampled | Representation::Free if is_single => {
            Box::new(SampledRun::<f32>::new(recipe, place, seed, width))
        }
        Representation::Sampled | Representation::Free => Box::new(SampledRun::<f64>::new(recipe, place, seed, width)),
    })
}

/// Runs a cell with its own `seed` ([`GridPoint::seed`]).
///
/// # Errors
///
/// If its data or memory cannot be had, or it is stopped.
pub fn run(
    recipe: &Recipe,
    place: &GridPoint,
    seed: u64,
    space: Representation,
    control: Control,
) -> Result<Outcome, Error> {
    let recipe = recipe.at(place);
    descend(&recipe, start(&recipe, place, seed, space)?.as_mut(), control)
}

/// Steps until the stop rule of the recipe is met, and how many; the training loss before the last of them, or `None` if
/// the rule was not met: all steps are done, or the run has left the finite numbers.
///
/// # Errors
///
/// What a step fails with; [`Error::Stopped`].
pub fn train(recipe: &Recipe, run: &mut dyn Run, control: Control) -> Result<(u32, Option<f64>), Error> {
    let rule = StopRule { loss: recipe.stop_loss, max_steps: recipe.max_steps };
    let (mut steps, mut last) = (0, None);
    loop {
        match rule.check(steps, last) {
            Some(StopReason::Loss) => return Ok((steps, last)),
            Some(StopReason::Steps) => return Ok((steps, None)),
            None => {}
        }
        control.check()?;
        last = run.step()?;
        if last.is_none() {
            return Ok((steps, None));
        }
        steps += 1;
        (control.on_step)(steps);
    }
}

/// Trains and tests.
fn descend(recipe: &Recipe, run: &mut dyn Run, control: Control) -> Result<Outcome, Error> {
    let (steps, converged) = train(recipe, run, control)?;
    let Some(train_loss) = converged else { return Ok(Outcome { steps, figures: None }) };
    let scores = run.test(control)?;
    let figures = Figures { train_loss, test_loss: scores.loss(), test_error: scores.error() };
    Ok(Outcome { steps, figures: Some(figures).filter(|figures| figures.test_loss.is_finite()) })
}
