//! The axes of a grid: what of a run may be swept. One entry of [`AXES`] is all that an axis is: command line, run
//! files, grid, seeds, tables and pictures go by it.
//!
//! `N`, the signal and the model (`D`, `H`) are parts of every place. All other axes are extra: their values stand in
//! [`GridPoint::extra`], and one that is neutral leaves seeds, files and columns as they were before the axis existed.

use crate::place::GridPoint;
pub use crate::place::{Extra, FLIP, NEUTRAL, ROOM};
use crate::recipe::Recipe;

/// How the strength of a signal is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strength {
    /// By `s`, the norm of the signal tokens.
    Norm,
    /// By `SNR = s / (sigma sqrt(D))`.
    Snr,
    /// By `N SNR^2`.
    NSnr2,
}

impl Strength {
    /// The signal norm that a value means, with so many samples and such a noise norm.
    pub fn norm(self, value: f64, samples: usize, noise_norm: f64) -> f64 {
        match self {
            Self::Norm => value,
            Self::Snr => value * noise_norm,
            Self::NSnr2 => noise_norm * (value / samples as f64).sqrt(),
        }
    }

    /// The value that means this signal norm.
    pub fn value(self, signal_norm: f64, samples: usize, noise_norm: f64) -> f64 {
        let snr = signal_norm / noise_norm;
        match self {
            Self::Norm => signal_norm,
            Self::Snr => snr,
            Self::NSnr2 => samples as f64 * snr * snr,
        }
    }
}

/// The part of a place that an axis moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// `N`.
    Samples,
    /// The signal norm; of the axes that say it, a run takes one.
    Signal(Strength),
    /// `D`.
    Dim,
    /// `H`.
    Head,
    /// A number of [`GridPoint::extra`]. Its index is part of the seed and never goes to another axis.
    Extra(usize),
}

/// Which numbers an axis has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// Whole numbers from this on.
    Count(u64),
    /// Numbers above 0 of single precision.
    Positive,
    /// Numbers between two, both included.
    Between(f64, f64),
}

/// An axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Axis {
    /// Name of the option and of the key in run files.
    pub name: &'static str,
    /// Name of the column in tables.
    pub column: &'static str,
    /// Name in pictures.
    pub symbol: &'static str,
    /// What its numbers count or measure, in pictures; empty for plain numbers.
    pub unit: &'static str,
    /// What it is, in one line.
    pub help: &'static str,
    /// Which numbers it has.
    pub kind: Kind,
    /// Value with which an extra axis is as if it did not exist; `None` for an axis that every place has.
    pub neutral: Option<f64>,
    /// What it moves.
    pub part: Part,
}

/// Every axis, in the order of help texts, run files and columns.
pub const AXES: &[Axis] = &[
    Axis {
        name: "n",
        column: "n",
        symbol: "N",
        unit: "training samples",
        help: "N: numbers of training samples, a list or first..last..step with both ends (step 1 if left out)",
        kind: Kind::Count(1),
        neutral: None,
        part: Part::Samples,
    },
    Axis {
        name: "signal",
        column: "signal_norm",
        symbol: "signal norm",
        unit: "",
        help: "Norms of the signal tokens, a list or range",
        kind: Kind::Positive,
        neutral: None,
        part: Part::Signal(Strength::Norm),
    },
    Axis {
        name: "snr",
        column: "snr",
        symbol: "SNR",
        unit: "",
        help: "Signal-to-noise ratios s / (sigma sqrt(D)) instead of signal norms, a list or range",
        kind: Kind::Positive,
        neutral: None,
        part: Part::Signal(Strength::Snr),
    },
    Axis {
        name: "n-snr2",
        column: "n_snr2",
        symbol: "N SNR\u{b2}",
        unit: "",
        help: "N SNR^2 instead of signal norms: the same for every N, a list or range",
        kind: Kind::Positive,
        neutral: None,
        part: Part::Signal(Strength::NSnr2),
    },
    Axis {
        name: "flip",
        column: "flip",
        symbol: "\u{3b1}",
        unit: "",
        help: "Label noise: chances of a training label to be flipped, a list or range; a diagram for each",
        kind: Kind::Between(0.0, 0.5),
        neutral: Some(0.0),
        part: Part::Extra(FLIP),
    },
    Axis {
        name: "dim",
        column: "dim",
        symbol: "D",
        unit: "numbers per token",
        help: "D: numbers per token, a list or range; a diagram for each",
        kind: Kind::Count(3),
        neutral: None,
        part: Part::Dim,
    },
    Axis {
        name: "head",
        column: "head",
        symbol: "H",
        unit: "numbers per query",
        help: "H: query and key width; one for all D, or a list as long as that of D",
        kind: Kind::Count(1),
        neutral: None,
        part: Part::Head,
    },
];

impl Axis {
    /// The value of a place. The recipe says how strong the noise is.
    pub fn get(&self, place: &GridPoint, recipe: &Recipe) -> f64 {
        match self.part {
            Part::Samples => place.samples as f64,
            Part::Signal(strength) => strength.value(place.signal_norm, place.samples, recipe.noise_norm_at(place.dim)),
            Part::Dim => place.dim as f64,
            Part::Head => place.head as f64,
            Part::Extra(at) => self.shown(place.extra[at]),
        }
    }

    /// Moves a place to a value. `N` and `D` must have theirs before a signal-to-noise ratio is set.
    pub fn set(&self, place: &mut GridPoint, recipe: &Recipe, value: f64) {
        match self.part {
            Part::Samples => place.samples = value as usize,
            Part::Signal(strength) => {
                place.signal_norm = strength.norm(value, place.samples, recipe.noise_norm_at(place.dim));
            }
            Part::Dim => place.dim = value as u64,
            Part::Head => place.head = value as usize,
            Part::Extra(at) => place.extra[at] = self.kept(value),
        }
    }

    /// The value of a number of [`GridPoint::extra`].
    pub fn shown(&self, extra: f64) -> f64 {
        extra + self.neutral.unwrap_or(0.0)
    }

    /// The number of [`GridPoint::extra`] of a value. There is one zero: keys go by bits.
    pub fn kept(&self, value: f64) -> f64 {
        value - self.neutral.unwrap_or(0.0) + 0.0
    }
}

/// The extra axes among these, with the index of each value.
pub fn extra(axes: &[Axis]) -> impl Iterator<Item = (&Axis, usize)> {
    axes.iter().filter_map(|axis| if let Part::Extra(at) = axis.part { Some((axis, at)) } else { None })
}

/// The extra axes that are not neutral there, each with its value: what a diagram must say beside its model.
pub fn said<'a>(axes: &'a [Axis], extra: &'a Extra) -> impl Iterator<Item = (&'a Axis, f64)> {
    self::extra(axes).filter(|(_, at)| extra[*at] != 0.0).map(|(axis, at)| (axis, axis.shown(extra[at])))
}

/// The same as a picture says it, behind what else it says; nothing where all of them are neutral.
pub fn label(axes: &[Axis], extra: &Extra) -> String {
    said(axes, extra).map(|(axis, value)| format!(" {}={value}", axis.symbol)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::{Form, Scaling};

    #[test]
    fn what_is_set_is_got_and_no_two_axes_share_anything() {
        let recipe = Recipe {
            form: Form::Paper { big: 4.0, small: 0.25, divisor: 16.0 },
            tokens: 4,
            dim: 64,
            head: 8,
            value: 8,
            scaling: Scaling::Plain,
            learning_rate: 0.1,
            stop_loss: 0.01,
            max_steps: 10,
            test_samples: 10,
        };
        for axis in AXES {
            let mut place = recipe.place(4, 2.0, 0);
            place.dim = 256;
            let before = place;
            axis.set(&mut place, &recipe, 16.0);
            assert_eq!(axis.get(&place, &recipe), 16.0, "{}", axis.name);
            assert_ne!(before, place, "{}", axis.name);
            assert_eq!(axis.neutral.is_some(), matches!(axis.part, Part::Extra(_)), "{}", axis.name);
        }
        assert_eq!(AXES[4].kept(-0.0).to_bits(), 0);
        // s = SNR * 0.25 * sqrt(256); N SNR^2 = 16 at N = 4 is SNR 2.
        let mut place = GridPoint { dim: 256, ..recipe.place(4, 1.0, 0) };
        AXES[2].set(&mut place, &recipe, 2.0);
        assert_eq!(place.signal_norm, 8.0);
        AXES[3].set(&mut place, &recipe, 16.0);
        assert_eq!(place.signal_norm, 8.0);
        for of in [
            |axis: &Axis| axis.name.to_owned(),
            |axis: &Axis| axis.column.to_owned(),
            |axis: &Axis| format!("{:?}", axis.part),
        ] {
            let mut all: Vec<String> = AXES.iter().map(of).collect();
            all.sort();
            all.dedup();
            assert_eq!(all.len(), AXES.len());
        }
    }
}
