//! The grid of a run: which cells there are, what each costs, and in which space it is computed.

use crate::base::error::InputError;
use crate::base::lists::{counts, numbers, positive, sorted};
use crate::lab::options::{Options, RepresentationChoice, parse_classes};
use mote_lab::digits;
use mote_lab::place::{GridPoint, Representation};
use mote_lab::recipe::{Form, Recipe};
use serde::{Deserialize, Serialize};

/// Cells of a run at most: more would not fit into any memory, nor into a lifetime.
const MOST_CELLS: f64 = 1e7;

/// A whole run: every number in every cell is a function of this.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// Name of the preset it began with.
    pub preset: String,
    /// The values of N.
    pub n: Vec<usize>,
    /// The signal norms.
    pub signal: Vec<f64>,
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
}

impl Config {
    /// Lets options speak over it.
    ///
    /// # Errors
    ///
    /// [`InputError`] that names the option, what was expected and what was found.
    pub fn with(mut self, options: &Options) -> Result<Self, InputError> {
        fn set<T: Copy>(to: &mut T, from: Option<T>) {
            *to = from.unwrap_or(*to);
        }
        if let Some(list) = &options.n {
            self.n = sorted(counts("n", list)?).into_iter().map(|n| n as usize).collect();
        }
        if let Some(list) = &options.signal {
            self.signal = sorted(numbers("signal", list)?);
        }
        self.models = models(&self.models, options)?;
        set(&mut self.replicates, options.replicates);
        set(&mut self.seed, options.seed);
        set(&mut self.space, options.space);
        let recipe = &mut self.recipe;
        (recipe.dim, recipe.head) = self.models[0];
        set(&mut recipe.tokens, options.tokens);
        set(&mut recipe.learning_rate, options.lr);
        set(&mut recipe.stop_loss, options.stop_loss);
        set(&mut recipe.max_steps, options.max_steps);
        set(&mut recipe.test_samples, options.test_samples);
        match &mut recipe.form {
            Form::Paper { big, small, divisor } => {
                set(big, options.big);
                set(small, options.small);
                set(divisor, options.divisor);
                recipe.value = options.value.unwrap_or(recipe.value);
                not_here("noise-norm", options.noise_norm, "uniform")?;
            }
            Form::Uniform { noise_norm, .. } | Form::Digits { noise_norm, .. } => {
                set(noise_norm, options.noise_norm);
                not_here("big", options.big, "paper")?;
                not_here("small", options.small, "paper")?;
                not_here("divisor", options.divisor, "paper")?;
                not_here("value", options.value.map(|value| value as f64), "paper")?;
            }
        }
        if let Some(list) = &options.classes {
            let Form::Digits { classes, .. } = &mut recipe.form else {
                return Err(InputError::option("classes", "expected preset digits for this option"));
            };
            *classes = parse_classes(list)?;
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
        positive("stop-loss", recipe.stop_loss)?;
        let places = [self.models.len(), self.n.len(), self.signal.len(), self.replicates as usize];
        let cells = places.into_iter().fold(1.0, |cells, part| cells * part as f64);
        if cells > MOST_CELLS {
            return Err(InputError::option(
                "replicates",
                format!("expected a grid of at most {MOST_CELLS} cells, found {cells}"),
            ));
        }
        for (dim, head) in &self.models {
            at_least("dim", *dim, 3)?;
            at_least("head", *head as u64, 1)?;
        }
        let is_paper = match recipe.form {
            Form::Paper { big, small, divisor } => {
                positive("big", big)?;
                positive("small", small)?;
                positive("divisor", divisor)?;
                true
            }
            Form::Uniform { noise_norm, .. } => {
                positive("noise-norm", noise_norm)?;
                false
            }
            Form::Digits { classes, noise_norm, .. } => {
                positive("noise-norm", noise_norm)?;
                self.check_digits(classes)?;
                true
            }
        };
        for &n in &self.n {
            at_least("n", n as u64, 1)?;
            if is_paper && n % 2 == 1 {
                let found = format!("expected even numbers, for classes of equal size, found {n}");
                return Err(InputError::option("n", found));
            }
        }
        if is_paper && recipe.test_samples % 2 == 1 {
            let found = recipe.test_samples;
            return Err(InputError::option("test-samples", format!("expected an even number, found {found}")));
        }
        self.signal.iter().try_for_each(|&signal| positive("signal", signal))
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

    /// Every cell, the most expensive first.
    pub fn places(&self) -> Vec<GridPoint> {
        let mut places = Vec::new();
        for &(dim, head) in &self.models {
            for &samples in &self.n {
                for &signal_norm in &self.signal {
                    let place = |replicate| GridPoint { samples, signal_norm, replicate, dim, head };
                    places.extend((0..self.replicates).map(place));
                }
            }
        }
        places.sort_by_cached_key(|place| {
            // Steps go with 1/lr, and grow as the signal falls; the products say the rest.
            let rate = self.recipe.at(place).learning_rate;
            (-(self.operations(place, self.space_of(place)) / rate) as i64, place.key())
        });
        places
    }

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

/// `D` and `H` of every model: lists of one length, or one of them for all.
fn models(own: &[(u64, usize)], options: &Options) -> Result<Vec<(u64, usize)>, InputError> {
    if options.dim.is_none() && options.head.is_none() {
        return Ok(own.to_vec());
    }
    let list = |option, text: &Option<String>, own: Vec<u64>| match text {
        Some(text) => counts(option, text),
        None => Ok(own),
    };
    let mut dims = list("dim", &options.dim, own.iter().map(|model| model.0).collect())?;
    let mut heads = list("head", &options.head, own.iter().map(|model| model.1 as u64).collect())?;
    // One list given: the other's values, if they are all the same, serve for each.
    if options.dim.is_none() {
        dims.dedup();
    }
    if options.head.is_none() {
        heads.dedup();
    }
    let count = dims.len().max(heads.len());
    for (option, list) in [("dim", &mut dims), ("head", &mut heads)] {
        if list.len() == 1 {
            list.resize(count, list[0]);
        } else if list.len() != count {
            let found = format!("expected 1 or {count} values, as many as the other of D and H, found {}", list.len());
            return Err(InputError::option(option, found));
        }
    }
    Ok(sorted(dims.into_iter().zip(heads.into_iter().map(|head| head as usize)).collect()))
}

fn not_here(option: &'static str, found: Option<f64>, form: &str) -> Result<(), InputError> {
    match found {
        Some(_) => Err(InputError::option(option, format!("expected a preset of the {form} form for this option"))),
        None => Ok(()),
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
    use crate::lab::presets::preset;

    #[test]
    fn figure_1_is_ten_thousand_cells_and_needs_even_n() {
        let config = preset("figure1").unwrap();
        let places = config.places();
        assert_eq!(places.len(), 10_000);
        assert!(places.windows(2).all(|pair| pair[0].samples >= pair[1].samples));
        let odd = Options { n: Some("3".into()), ..Options::default() };
        assert!(config.clone().with(&odd).unwrap_err().to_string().contains("expected even numbers"));
        let mut seeds: Vec<u64> = places.iter().map(|place| place.seed(1)).collect();
        seeds.sort_unstable();
        seeds.dedup();
        assert_eq!(seeds.len(), 10_000, "two cells share a seed");
        let spaces = |n| config.space_of(places.iter().find(|place| place.samples == n).unwrap());
        assert_eq!((spaces(20), spaces(2)), (Representation::Sampled, Representation::Free));
    }

    #[test]
    fn models_are_pairs_or_one_for_all() {
        let with = |dim: Option<&str>, head: Option<&str>| {
            let options = Options { dim: dim.map(Into::into), head: head.map(Into::into), ..Options::default() };
            preset("wide").unwrap().with(&options).map(|config| config.models)
        };
        assert_eq!(with(None, None).unwrap().len(), 4);
        assert_eq!(with(Some("1e3,1e6"), None).unwrap(), [(1000, 64), (1_000_000, 64)]);
        assert_eq!(with(Some("1e6,1e3"), Some("8,16")).unwrap(), [(1000, 16), (1_000_000, 8)]);
        assert_eq!(with(Some("100"), Some("8,16")).unwrap(), [(100, 8), (100, 16)]);
        assert!(with(Some("1,2,3"), Some("8,16")).unwrap_err().to_string().contains("expected 1 or 3 values"));
        let pairs = with(Some("64,64,128"), Some("8,16,16")).unwrap();
        assert_eq!(pairs, [(64, 8), (64, 16), (128, 16)], "pairs as they were given");
        assert!(with(Some("2"), None).is_err());
    }
}
