//! What a cell costs, and the space that it is computed in: the one that costs least.

use crate::lab::grid::Config;
use crate::lab::options::RepresentationChoice;
use mote_lab::place::{GridPoint, Representation};
use mote_lab::recipe::{Form, Recipe};

impl Config {
    /// The space of a cell: what was asked for, or what takes the fewest operations.
    pub fn space_of(&self, place: &GridPoint) -> Representation {
        if let Form::Digits { .. } = self.recipe.form {
            return Representation::Weights;
        }
        match self.space {
            RepresentationChoice::Weights => Representation::Weights,
            RepresentationChoice::Tokens => Representation::Tokens,
            RepresentationChoice::Sampled => Representation::Sampled,
            RepresentationChoice::Free => Representation::Free,
            RepresentationChoice::Auto => {
                let cheaper = |a: &Representation, b: &Representation| {
                    self.operations(place, *a).total_cmp(&self.operations(place, *b))
                };
                Representation::ALL.into_iter().min_by(cheaper).unwrap_or(Representation::Free)
            }
        }
    }

    /// Multiply-accumulates of a cell of about 20 steps, in products of matrices.
    pub fn operations(&self, place: &GridPoint, space: Representation) -> f64 {
        const STEPS: f64 = 20.0;
        let Recipe { tokens, test_samples, .. } = self.recipe;
        let (n, m, d, h) = (place.samples as f64, tokens as f64, place.dim as f64, place.head as f64);
        let (tests, stored) = (test_samples as f64 * m, 2.0 + n * (m - 1.0));
        let sampled = |h: f64| {
            stored * stored * (2.0 * h + stored) + STEPS * 2.0 * stored * stored * h + tests * (stored + m) * 2.0 * h
        };
        match space {
            Representation::Weights => STEPS * 4.0 * n * m * d * h + tests * 2.0 * d * h,
            Representation::Tokens => {
                stored * d * (2.0 * h + stored) + STEPS * 2.0 * stored * stored * h + tests * (d + stored) * 2.0 * h
            }
            Representation::Sampled => sampled(h),
            Representation::Free => sampled(h.min(2.0 * stored)),
        }
    }

    /// Bytes that a cell works on.
    pub fn bytes(&self, place: &GridPoint, space: Representation) -> f64 {
        let Recipe { tokens, test_samples, value, .. } = self.recipe;
        let (n, m, d, h) = (place.samples as f64, tokens as f64, place.dim as f64, place.head as f64);
        let (tests, stored) = (test_samples as f64 * m, 2.0 + n * (m - 1.0));
        let weights = d * (2.0 * h + value as f64);
        let span = |h: f64, width: f64| 8.0 * stored * h + stored * stored + stored * width + 4.0 * width * h;
        4.0 * match space {
            Representation::Weights => 2.0 * weights,
            // Initial weights beside the engine's memory that they were drawn in, all tokens and all test tokens.
            Representation::Tokens => 3.0 * weights + (n * m + stored + tests) * d + tests * 2.0 * h + span(h, 0.0),
            Representation::Sampled => span(h, stored),
            Representation::Free => 2.0 * span(h.min(2.0 * stored), stored),
        }
    }
}
