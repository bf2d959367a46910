//! What a cell comes to, and what computes one.

use crate::control::Control;
use crate::error::Error;
use crate::place::{GridPoint, Representation};
use mote_core::loss::logistic;

/// What a cell came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outcome {
    /// Steps done.
    pub steps: u32,
    /// Losses and error, if the stop rule was met; a cell that never was has none.
    pub figures: Option<Figures>,
}

/// Figures of a converged cell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figures {
    /// Mean training loss before the last step.
    pub train_loss: f64,
    /// Mean test loss after it.
    pub test_loss: f64,
    /// 0-1 test error after it.
    pub test_error: f64,
}

/// Scores of test samples, and the sums over them.
#[derive(Clone, Debug, Default)]
pub struct Scores {
    /// `f` of every sample, in order.
    pub scores: Vec<f32>,
    loss: f64,
    wrong: usize,
    attention: f64,
}

impl Scores {
    /// Takes in a score, its label and the attention on the signal.
    pub fn add(&mut self, f: f32, y: f32, attention: f32) {
        self.scores.push(f);
        self.loss += f64::from(logistic(f, y).0);
        let right = y * f > 0.0;
        self.wrong += usize::from(!right);
        self.attention += f64::from(attention);
    }

    /// Mean loss.
    pub fn loss(&self) -> f64 {
        self.loss / self.scores.len() as f64
    }

    /// 0-1 error.
    pub fn error(&self) -> f64 {
        self.wrong as f64 / self.scores.len() as f64
    }

    /// Mean attention on the signal.
    pub fn attention(&self) -> f64 {
        self.attention / self.scores.len() as f64
    }
}

/// A training run that can be stepped and tested, whatever space it lives in.
pub trait Run {
    /// One step of gradient descent; the mean training loss before it, or `None` if the run has left the finite
    /// numbers.
    ///
    /// # Errors
    ///
    /// If the run cannot go on for another reason.
    fn step(&mut self) -> Result<Option<f64>, Error>;

    /// Scores of the fresh test set.
    ///
    /// # Errors
    ///
    /// If a test sample cannot be had, or the work is stopped.
    fn test(&mut self, control: Control) -> Result<Scores, Error>;

    /// The first training sample of class +1 that has its own label: what is followed. `None` if there is none, as with
    /// few samples of random labels.
    ///
    /// # Errors
    ///
    /// If a sample cannot be had.
    fn example(&mut self) -> Result<Option<usize>, Error>;

    /// The quantities of the paper on training sample `n`, after the steps done.
    ///
    /// # Errors
    ///
    /// If the sample cannot be had.
    fn track(&mut self, n: usize) -> Result<Tracked, Error>;
}

/// Attention on signal and first noise token, `V_mu`, `V_xi`, `<q_mu, k_mu>`, `<q_mu, k_xi2>`, `<q_xi3, k_mu>`,
/// `<q_xi3, k_xi2>`; `None` where the sample has no such token.
pub type Tracked = [Option<f64>; 8];

/// A finished cell.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// Where on the grid.
    pub place: GridPoint,
    /// Its own seed.
    pub seed: u64,
    /// Where it was computed.
    pub space: Representation,
    /// What it came to.
    pub outcome: Outcome,
    /// How long it took.
    pub seconds: f64,
}
