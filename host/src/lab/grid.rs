//! The grid of a run: which cells there are.

use crate::base::error::InputError;
use crate::base::lists::{positive, sorted};
use crate::lab::options::RepresentationChoice;
use mote_lab::axes::{self, AXES, Axis, Extra, Kind, NEUTRAL, Part, Strength};
use mote_lab::digits;
use mote_lab::place::GridPoint;
use mote_lab::recipe::{Form, Recipe};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Cells of a run at most: more would not fit into any memory, nor into a lifetime.
const MOST_CELLS: f64 = 1e7;

/// A whole run: every number in every cell is a function of this.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// Name of the preset it began with.
    pub preset: String,
    /// The values of N.
    pub n: Vec<usize>,
    /// How strong the signals are, in the form that was asked for.
    #[serde(flatten)]
    pub signal: Signals,
    /// The values of every extra axis that is not neutral throughout, by name.
    #[serde(flatten)]
    pub extra: BTreeMap<String, Vec<f64>>,
    /// The models: `D` and `H` of each.
    pub models: Vec<(u64, usize)>,
    /// Independent repetitions.
    pub replicates: u32,
    /// Seed of the run.
    pub seed: u64,
    /// How the space is chosen.
    pub space: RepresentationChoice,
    /// Everything else; its `D` and `H` are those of the first model.
    pub recipe: Recipe,
    /// What the axes are.
    #[serde(skip, default = "all_axes")]
    pub axes: &'static [Axis],
}

fn all_axes() -> &'static [Axis] {
    AXES
}

/// Signal strengths, in the form that was asked for: as signal norms they may differ from model to model and from N to N.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Signals {
    /// Norms of the signal tokens.
    #[serde(rename = "signal")]
    Norm(Vec<f64>),
    /// Signal-to-noise ratios.
    #[serde(rename = "snr")]
    Snr(Vec<f64>),
    /// `N SNR^2`.
    #[serde(rename = "n_snr2")]
    NSnr2(Vec<f64>),
}

impl Signals {
    /// These values of this form.
    pub fn new(strength: Strength, values: Vec<f64>) -> Self {
        match strength {
            Strength::Norm => Self::Norm(values),
            Strength::Snr => Self::Snr(values),
            Strength::NSnr2 => Self::NSnr2(values),
        }
    }

    /// The form.
    pub fn strength(&self) -> Strength {
        match self {
            Self::Norm(_) => Strength::Norm,
            Self::Snr(_) => Strength::Snr,
            Self::NSnr2(_) => Strength::NSnr2,
        }
    }

    /// The values.
    pub fn values(&self) -> &[f64] {
        match self {
            Self::Norm(values) | Self::Snr(values) | Self::NSnr2(values) => values,
        }
    }
}

impl Config {
    /// The values of an extra axis.
    pub fn values(&self, axis: &Axis) -> Vec<f64> {
        self.extra.get(axis.name).cloned().unwrap_or_else(|| vec![axis.neutral.unwrap_or(0.0)])
    }

    /// Gives an extra axis its values. One that is neutral throughout is as if it did not exist.
    pub fn set_values(&mut self, axis: &Axis, values: Vec<f64>) {
        if axis.neutral.is_some_and(|neutral| values == [neutral]) {
            self.extra.remove(axis.name);
        } else {
            self.extra.insert(axis.name.into(), values);
        }
    }

    /// The axis that signal strengths were given on.
    pub fn signal_axis(&self) -> &'static Axis {
        let part = Part::Signal(self.signal.strength());
        self.axes.iter().find(|axis| axis.part == part).expect("every form of signal strength is an axis")
    }

    /// The configuration, if it is one of a run, with every list in order.
    ///
    /// # Errors
    ///
    /// [`InputError`] that names the option, what was expected and what was found.
    pub fn checked(mut self) -> Result<Self, InputError> {
        self.n = sorted(self.n);
        self.models = sorted(self.models);
        self.signal = Signals::new(self.signal.strength(), sorted(self.signal.values().to_vec()));
        for (axis, _) in axes::extra(self.axes) {
            self.set_values(axis, sorted(self.values(axis)));
        }
        if let Some(model) = self.models.first() {
            (self.recipe.dim, self.recipe.head) = *model;
        }
        self.check()?;
        Ok(self)
    }

    fn check(&self) -> Result<(), InputError> {
        let recipe = &self.recipe;
        at_least("tokens", recipe.tokens as u64, 2)?;
        at_least("value", recipe.value as u64, 1)?;
        at_least("replicates", self.replicates.into(), 1)?;
        at_least("max-steps", recipe.max_steps.into(), 1)?;
        at_least("test-samples", recipe.test_samples as u64, 1)?;
        positive("lr", recipe.learning_rate)?;
        if recipe.stop_loss != 0.0 {
            self.check_stop()?;
        }
        for axis in self.axes {
            self.check_axis(axis)?;
        }
        let extra = axes::extra(self.axes).map(|(axis, _)| self.values(axis).len());
        let places = [self.models.len(), self.n.len(), self.signal.values().len(), self.replicates as usize];
        let cells = places.into_iter().chain(extra).fold(1.0, |cells, part| cells * part as f64);
        if cells > MOST_CELLS {
            return Err(InputError::option(
                "replicates",
                format!("expected a grid of at most {MOST_CELLS} cells, found {cells}"),
            ));
        }
        match recipe.form {
            Form::Paper { big, small, divisor } => {
                positive("big", big)?;
                positive("small", small)?;
                positive("divisor", divisor)?;
            }
            Form::Uniform { noise_norm, query_key_std, value_std }
            | Form::Digits { noise_norm, query_key_std, value_std, .. } => {
                positive("noise-norm", noise_norm)?;
                positive("query-key-std", query_key_std)?;
                positive("value-std", value_std)?;
            }
        }
        if let Form::Digits { classes, .. } = recipe.form {
            self.check_digits(classes)?;
        }
        if !matches!(recipe.form, Form::Uniform { .. }) && recipe.test_samples % 2 == 1 {
            let found = recipe.test_samples;
            return Err(InputError::option("test-samples", format!("expected an even number, found {found}")));
        }
        // Strengths of another form must mean norms that cells can have.
        let axis = self.signal_axis();
        self.points().try_for_each(|place| positive(axis.name, place.signal_norm))
    }

    /// Refuses a stop loss that no cell can meet: only runs that are followed may have none, which is 0.
    ///
    /// # Errors
    ///
    /// [`InputError`] with what was found.
    pub fn check_stop(&self) -> Result<(), InputError> {
        positive("stop-loss", self.recipe.stop_loss)
    }

    /// Whether the values of an axis are its own.
    fn check_axis(&self, axis: &'static Axis) -> Result<(), InputError> {
        let name = axis.name;
        let values: Vec<f64> = match axis.part {
            Part::Samples => self.n.iter().map(|n| *n as f64).collect(),
            Part::Signal(strength) if strength == self.signal.strength() => self.signal.values().to_vec(),
            Part::Signal(_) => return Ok(()),
            Part::Dim => self.models.iter().map(|model| model.0 as f64).collect(),
            Part::Head => self.models.iter().map(|model| model.1 as f64).collect(),
            Part::Extra(_) => self.values(axis),
        };
        if values.is_empty() {
            return Err(InputError::option(name, "expected at least one value, found none"));
        }
        values.into_iter().try_for_each(|found| match axis.kind {
            Kind::Count(least) if found.fract() == 0.0 => at_least(name, found as u64, least),
            Kind::Count(_) => Err(InputError::option(name, format!("expected whole numbers, found {found}"))),
            Kind::Positive => positive(name, found),
            Kind::Between(low, high) if (low..=high).contains(&found) => Ok(()),
            Kind::Between(low, high) => {
                Err(InputError::option(name, format!("expected numbers from {low} to {high}, found {found}")))
            }
        })
    }

    /// What images ask for beyond the rest.
    fn check_digits(&self, classes: (u8, u8)) -> Result<(), InputError> {
        at_least("tokens", self.recipe.tokens as u64, digits::PARTS as u64 + 1)?;
        if let Some((dim, _)) = self.models.iter().find(|model| model.0 != digits::PIXELS as u64) {
            return Err(InputError::option("dim", format!("expected {} for images, found {dim}", digits::PIXELS)));
        }
        if !matches!(self.space, RepresentationChoice::Auto | RepresentationChoice::Weights) {
            return Err(InputError::option(
                "space",
                "expected auto or weights: images are not drawn from a distribution",
            ));
        }
        if let Some(n) = self.n.iter().find(|n| **n % 2 == 1) {
            return Err(InputError::option(
                "n",
                format!("expected even numbers, half of each class of images, found {n}"),
            ));
        }
        let most = 2 * digits::available(classes);
        match self.n.iter().find(|n| **n + self.recipe.test_samples > most) {
            Some(n) => Err(InputError::option(
                "n",
                format!(
                    "expected at most {most} training and test images of the digits {} and {}, found {n} and {}",
                    classes.0, classes.1, self.recipe.test_samples
                ),
            )),
            None => Ok(()),
        }
    }

    /// The extra values of every diagram.
    fn extras(&self) -> Vec<Extra> {
        let mut all = vec![NEUTRAL];
        for (axis, at) in axes::extra(self.axes) {
            let values = self.values(axis);
            let moved = |extra: Extra| {
                values.iter().map(move |value| {
                    let mut extra = extra;
                    extra[at] = axis.kept(*value);
                    extra
                })
            };
            all = all.into_iter().flat_map(moved).collect();
        }
        all
    }

    /// The extra axes that some place of the grid is not neutral on, and where [`GridPoint::extra`] has them.
    pub fn swept(&self) -> Vec<(&'static Axis, usize)> {
        axes::extra(self.axes).filter(|(axis, _)| self.extra.contains_key(axis.name)).collect()
    }

    /// Every place once, as its first replicate, in the order of the grid.
    pub fn points(&self) -> impl Iterator<Item = GridPoint> {
        let extras = self.extras();
        let diagrams = self.models.iter().flat_map(move |model| extras.clone().into_iter().map(move |it| (model, it)));
        diagrams.flat_map(move |(&(dim, head), extra)| {
            let noise_norm = self.recipe.noise_norm_at(dim);
            self.n.iter().flat_map(move |&samples| {
                self.signal.values().iter().map(move |&value| {
                    let signal_norm = self.signal.strength().norm(value, samples, noise_norm);
                    GridPoint { samples, signal_norm, replicate: 0, dim, head, extra }
                })
            })
        })
    }

    /// Every cell, the most expensive first.
    pub fn places(&self) -> Vec<GridPoint> {
        let replicates = |place| (0..self.replicates).map(move |replicate| GridPoint { replicate, ..place });
        let mut places: Vec<GridPoint> = self.points().flat_map(replicates).collect();
        places.sort_by_cached_key(|place| {
            // Steps go with 1/lr, and grow as the signal falls; the products say the rest.
            let rate = self.recipe.at(place).learning_rate;
            (-(self.operations(place, self.space_of(place)) / rate) as i64, place.key())
        });
        places
    }
}

fn at_least(option: &'static str, found: u64, least: u64) -> Result<(), InputError> {
    if found >= least {
        return Ok(());
    }
    Err(InputError::option(option, format!("expected at least {least}, found {found}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::options::Options;
    use crate::lab::presets::preset;
    use mote_lab::place::Representation;

    #[test]
    fn figure_1_is_ten_thousand_cells() {
        let config = preset("figure1").unwrap();
        let places = config.places();
        assert_eq!(places.len(), 10_000);
        assert!(places.windows(2).all(|pair| pair[0].samples >= pair[1].samples));
        let mut seeds: Vec<u64> = places.iter().map(|place| place.seed(1)).collect();
        seeds.sort_unstable();
        seeds.dedup();
        assert_eq!(seeds.len(), 10_000, "two cells share a seed");
        let spaces = |n| config.space_of(places.iter().find(|place| place.samples == n).unwrap());
        assert_eq!((spaces(20), spaces(2)), (Representation::Sampled, Representation::Free));
    }

    #[test]
    fn models_are_pairs_or_one_for_all() {
        let of = |name: &str, dim: Option<&str>, head: Option<&str>| {
            let options =
                Options::of([("dim", dim), ("head", head)].into_iter().filter_map(|(name, it)| Some((name, it?))));
            preset(name).unwrap().with(&options).map(|config| config.models)
        };
        let with = |dim, head| of("wide", dim, head);
        assert_eq!(with(None, None).unwrap().len(), 4);
        assert_eq!(with(Some("1e3,1e6"), None).unwrap(), [(1000, 64), (1_000_000, 64)]);
        assert_eq!(with(Some("1e6,1e3"), Some("8,16")).unwrap(), [(1000, 16), (1_000_000, 8)]);
        assert_eq!(with(Some("100"), Some("8,16")).unwrap(), [(100, 8), (100, 16)]);
        assert!(with(Some("1,2,3"), Some("8,16")).unwrap_err().to_string().contains("expected 1 or 3 values"));
        let pairs = with(Some("64,64,128"), Some("8,16,16")).unwrap();
        assert_eq!(pairs, [(64, 8), (64, 16), (128, 16)], "pairs as they were given");
        assert!(with(Some("2"), None).is_err());
        // Four D, and no word which of them the heads are for.
        let said = with(None, Some("8,16")).unwrap_err().to_string();
        let found = "--head: expected dim too, one value or as many as head: its own models have 1000 or 100000 or \
                     10000000 or 1000000000; found head alone";
        assert_eq!(said, found);
        assert_eq!(with(None, Some("8")).unwrap().len(), 4);
        let said = of("law", Some("64"), None).unwrap_err().to_string();
        assert_eq!(
            said,
            "--dim: expected head too, one value or as many as dim: its own models have 4 or 8; found dim alone"
        );
        assert_eq!(of("law", Some("64"), Some("8")).unwrap(), [(64, 8)]);
        assert_eq!(of("figure1", Some("64,128"), None).unwrap(), [(64, 512), (128, 512)]);
    }

    /// A place of a grid in any form of signal strength is that place of the grid in signal norms, N by N and model by
    /// model.
    #[test]
    fn strengths_of_every_form_are_signal_norms() {
        let with = |name: &'static str, text: &str| {
            let options = Options::of([(name, text), ("n", "4,16"), ("dim", "100,400"), ("head", "8")]);
            preset("figure1").unwrap().with(&options).unwrap()
        };
        let norms = |config: &Config| -> Vec<(u64, usize, f64)> {
            config.points().map(|place| (place.dim, place.samples, (place.signal_norm * 1e9).round() / 1e9)).collect()
        };
        // small = 0.2: noise norms 2 and 4.
        let snr = with("snr", "0.5,1");
        let expected: Vec<_> = [(100, 2.0), (400, 4.0)]
            .iter()
            .flat_map(|(dim, norm)| [4, 16].map(|n| [0.5, 1.0].map(|snr| (*dim, n, snr * norm))).concat())
            .collect();
        assert_eq!(norms(&snr), expected);
        assert_eq!(norms(&with("n-snr2", "4"))[..2], [(100, 4, 2.0), (100, 16, 1.0)]);
        assert_eq!(norms(&with("signal", "2"))[2..], [(400, 4, 2.0), (400, 16, 2.0)]);
        // The place is the same whatever it was called, and so is its seed.
        let by_norm = with("signal", "1,2,4");
        let all: Vec<u64> = by_norm.places().iter().map(|place| place.seed(1)).collect();
        assert!(snr.places().iter().all(|place| all.contains(&place.seed(1))));
        let text = serde_json::to_string(&snr).unwrap();
        assert!(text.contains("\"snr\":[0.5,1.0]") && !text.contains("signal"), "{text}");
        assert_eq!(serde_json::from_str::<Config>(&text).unwrap(), snr);
    }

    /// Published cells: the seeds as they have always been, computed by another program.
    #[test]
    fn published_cells_keep_their_seeds() {
        for (name, samples, signal_norm, replicate, dim, head, seed) in [
            ("figure1", 20, 45.0, 3, 1024, 512, 60_180_193_980_000_543),
            ("figure1", 2, 1.0, 0, 1024, 512, 15_140_072_173_728_567_351),
            ("law", 8, 2.6, 99, 64, 8, 15_386_413_495_216_308_163),
            ("law", 4, 0.8, 0, 16, 4, 17_356_533_629_818_169_953),
            ("wide", 8, 2.4, 7, 10_000_000, 64, 1_789_680_841_250_097_570),
            ("theorem", 10, 1.25, 3, 4_000_000_000_000, 100_000_000, 13_350_192_041_322_481_693),
            ("digits", 32, 1.4, 9, 64, 8, 8_515_862_650_722_099_394),
        ] {
            let config = preset(name).unwrap();
            let key = GridPoint { samples, signal_norm, replicate, dim, head, extra: NEUTRAL }.key();
            let place = config.places().into_iter().find(|place| place.key() == key).expect("a cell of the preset");
            assert_eq!(place.seed(config.seed), seed, "{name} {key:?}");
        }
        let noisy = Options::of([("flip", "0.1"), ("n", "8"), ("signal", "2.6"), ("dim", "64"), ("head", "8")]);
        let places = preset("law").unwrap().with(&noisy).unwrap().places();
        let last = places.iter().find(|place| place.replicate == 99).unwrap();
        assert_eq!(last.seed(1), 12_502_423_688_750_417_155, "by its tag and bits, whatever other axes there will be");
    }
}
