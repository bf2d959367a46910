//! Which cells: presets, run files and options, and the grid they span.

use super::cell::{Form, Place, Recipe, Space};
use crate::error::InputError;
use serde::{Deserialize, Serialize};

/// How the space of a cell is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum SpaceChoice {
    /// The cheapest, cell by cell.
    #[default]
    Auto,
    /// The engine's own weights.
    Weights,
    /// Queries, keys and values at the training tokens.
    Tokens,
    /// The dimension-free sampler.
    Sampled,
}

/// What a run file or the command line may say; the rest comes from the preset.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, clap::Args)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Options {
    /// N: numbers of training samples, a list or first..last..step with both ends
    #[arg(long, value_name = "LIST")]
    pub n: Option<String>,
    /// Norms of the signal tokens, a list or first..last..step with both ends
    #[arg(long, value_name = "LIST")]
    pub signal: Option<String>,
    /// Independent repetitions of every (N, signal): fresh data and weights
    #[arg(long, value_name = "R")]
    pub replicates: Option<u32>,
    /// Seed of the whole run
    #[arg(long, value_name = "S")]
    pub seed: Option<u64>,
    /// M: tokens of a sample
    #[arg(long, value_name = "M")]
    pub tokens: Option<usize>,
    /// D: numbers of a token
    #[arg(long, value_name = "D")]
    pub dim: Option<u64>,
    /// H: query and key width
    #[arg(long, value_name = "H")]
    pub head: Option<usize>,
    /// Standard deviation of token 2 (paper form)
    #[arg(long, value_name = "X")]
    pub big: Option<f64>,
    /// Standard deviation of tokens 3..M (paper form)
    #[arg(long, value_name = "X")]
    pub small: Option<f64>,
    /// Learning rate
    #[arg(long, value_name = "X")]
    pub lr: Option<f64>,
    /// Stop after the step before which the training loss was below this
    #[arg(long, value_name = "X")]
    pub stop_loss: Option<f64>,
    /// Steps after which a cell counts as not converged
    #[arg(long, value_name = "K")]
    pub max_steps: Option<u32>,
    /// Fresh test samples of a cell
    #[arg(long, value_name = "K")]
    pub test_samples: Option<usize>,
    /// Where cells are computed
    #[arg(long, value_enum)]
    pub space: Option<SpaceChoice>,
}

/// A whole run: every number in every cell is a function of this.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// Name of the preset it began with.
    pub preset: String,
    /// The values of N.
    pub n: Vec<usize>,
    /// The signal norms.
    pub signal: Vec<f64>,
    /// Independent repetitions.
    pub replicates: u32,
    /// Seed of the run.
    pub seed: u64,
    /// How the space is chosen.
    pub space: SpaceChoice,
    /// Everything else.
    pub recipe: Recipe,
}

/// The names of the presets.
pub const PRESETS: [&str; 3] = ["figure1", "law", "wide"];

impl Config {
    /// A preset as it stands.
    ///
    /// # Errors
    ///
    /// [`InputError`] with the names there are.
    pub fn preset(name: &str) -> Result<Self, InputError> {
        let paper = Form::Paper { big: 4.0, small: 0.2, divisor: 16.0 };
        let figure1 = Recipe {
            form: paper,
            tokens: 16,
            dim: 1024,
            head: 512,
            value: 512,
            learning_rate: 0.1,
            stop_loss: 0.01,
            max_steps: 1000,
            test_samples: 100,
        };
        let law = Recipe {
            form: Form::Uniform { noise_norm: 4.0, query_key_std: 0.02, value_std: 1e-3 },
            tokens: 4,
            dim: 64,
            head: 8,
            value: 8,
            learning_rate: 0.5,
            max_steps: 5000,
            test_samples: 400,
            ..figure1
        };
        // At the same N SNR^2 whatever D: the noise norm stays as D grows, and so do the weights' effects.
        let wide = Recipe { dim: 1_000_000_000, head: 64, ..law };
        let (n, signal, replicates, recipe) = match name {
            "figure1" => ("2..20..2", "1..100..1", 10, figure1),
            "law" => ("4,8,16", "0.8..4.8..0.1", 10, law),
            "wide" => ("8", "0.8..4.8..0.4", 10, wide),
            _ => {
                let found = format!("expected one of {}, found \"{name}\"", PRESETS.join(", "));
                return Err(InputError::option("preset", found));
            }
        };
        let (n, signal) = (counts("n", n)?, numbers("signal", signal)?);
        Ok(Self { preset: name.into(), n, signal, replicates, seed: 1, space: SpaceChoice::Auto, recipe })
    }

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
            self.n = counts("n", list)?;
        }
        if let Some(list) = &options.signal {
            self.signal = numbers("signal", list)?;
        }
        set(&mut self.replicates, options.replicates);
        set(&mut self.seed, options.seed);
        set(&mut self.space, options.space);
        let recipe = &mut self.recipe;
        set(&mut recipe.tokens, options.tokens);
        set(&mut recipe.dim, options.dim);
        set(&mut recipe.head, options.head);
        set(&mut recipe.learning_rate, options.lr);
        set(&mut recipe.stop_loss, options.stop_loss);
        set(&mut recipe.max_steps, options.max_steps);
        set(&mut recipe.test_samples, options.test_samples);
        match &mut recipe.form {
            Form::Paper { big, small, .. } => {
                set(big, options.big);
                set(small, options.small);
            }
            Form::Uniform { .. } if options.big.is_some() || options.small.is_some() => {
                return Err(InputError::option("big", "expected a preset of the paper form for --big and --small"));
            }
            Form::Uniform { .. } => {}
        }
        self.check()?;
        Ok(self)
    }

    fn check(&self) -> Result<(), InputError> {
        let at_least = |option, found: u64, least: u64| {
            if found >= least {
                Ok(())
            } else {
                Err(InputError::option(option, format!("expected at least {least}, found {found}")))
            }
        };
        let above_0 = |option, found: f64| {
            let fits = found > 0.0 && found.is_finite();
            if fits {
                Ok(())
            } else {
                Err(InputError::option(option, format!("expected a finite number above 0, found {found}")))
            }
        };
        let is_paper = matches!(self.recipe.form, Form::Paper { .. });
        at_least("tokens", self.recipe.tokens as u64, 2)?;
        at_least("dim", self.recipe.dim, 3)?;
        at_least("head", self.recipe.head as u64, 1)?;
        at_least("replicates", self.replicates.into(), 1)?;
        at_least("max-steps", self.recipe.max_steps.into(), 1)?;
        at_least("test-samples", self.recipe.test_samples as u64, 1)?;
        above_0("lr", self.recipe.learning_rate)?;
        above_0("stop-loss", self.recipe.stop_loss)?;
        if let Form::Paper { big, small, .. } = self.recipe.form {
            above_0("big", big)?;
            above_0("small", small)?;
        }
        for &n in &self.n {
            at_least("n", n as u64, 1)?;
            if is_paper && n % 2 == 1 {
                return Err(InputError::option(
                    "n",
                    format!("expected even numbers, for classes of one size, found {n}"),
                ));
            }
        }
        if is_paper && self.recipe.test_samples % 2 == 1 {
            let found = self.recipe.test_samples;
            return Err(InputError::option("test-samples", format!("expected an even number, found {found}")));
        }
        self.signal.iter().try_for_each(|&signal| above_0("signal", signal))
    }

    /// Every cell, the most expensive first.
    pub fn places(&self) -> Vec<Place> {
        let mut n = self.n.clone();
        n.sort_unstable_by(|a, b| b.cmp(a));
        let mut places = Vec::new();
        for &samples in &n {
            for &signal_norm in &self.signal {
                places.extend((0..self.replicates).map(|replicate| Place { samples, signal_norm, replicate }));
            }
        }
        places
    }

    /// The space of a cell: what was asked for, or what takes the fewest operations.
    pub fn space_of(&self, place: &Place) -> Space {
        match self.space {
            SpaceChoice::Weights => Space::Weights,
            SpaceChoice::Tokens => Space::Tokens,
            SpaceChoice::Sampled => Space::Sampled,
            SpaceChoice::Auto => {
                let cheaper = |a: &Space, b: &Space| self.operations(place, *a).total_cmp(&self.operations(place, *b));
                [Space::Weights, Space::Tokens, Space::Sampled].into_iter().min_by(cheaper).unwrap_or(Space::Sampled)
            }
        }
    }

    /// Multiply-accumulates of a cell of about 20 steps, in products of matrices.
    pub fn operations(&self, place: &Place, space: Space) -> f64 {
        const STEPS: f64 = 20.0;
        let Recipe { tokens, dim, head, test_samples, .. } = self.recipe;
        let (n, m, d, h) = (place.samples as f64, tokens as f64, dim as f64, head as f64);
        let (tests, stored) = (test_samples as f64 * m, 2.0 + n * (m - 1.0));
        match space {
            Space::Weights => STEPS * 4.0 * n * m * d * h + tests * 2.0 * d * h,
            Space::Tokens => {
                stored * d * (2.0 * h + stored) + STEPS * 2.0 * stored * stored * h + tests * (d + stored) * 2.0 * h
            }
            Space::Sampled => {
                stored * stored * (2.0 * h + stored)
                    + STEPS * 2.0 * stored * stored * h
                    + tests * (stored + m) * 2.0 * h
            }
        }
    }
}

/// `4,10,20` or `5..100..5`, both ends included, in increasing order and without repetition.
fn numbers(option: &'static str, text: &str) -> Result<Vec<f64>, InputError> {
    const MOST: f64 = 1e6;
    let wrong = |found: &str| {
        InputError::option(option, format!("expected a list like 4,10,20 or 5..100..5, found \"{found}\""))
    };
    let mut numbers = Vec::new();
    for part in text.split(',').map(str::trim) {
        let ends: Vec<f64> = part.split("..").map(str::parse).collect::<Result<_, _>>().map_err(|_| wrong(part))?;
        match ends[..] {
            [one] if one.is_finite() => numbers.push(one),
            [first, last, step] if step > 0.0 && first <= last && (last - first) / step < MOST => {
                let count = ((last - first) / step + 1e-9).floor() as u64;
                // Rounded, so that 0.1 steps give the numbers a person would type.
                numbers.extend((0..=count).map(|i| ((first + i as f64 * step) * 1e9).round() / 1e9));
            }
            _ => return Err(wrong(part)),
        }
    }
    numbers.sort_by(f64::total_cmp);
    numbers.dedup();
    Ok(numbers)
}

fn counts(option: &'static str, text: &str) -> Result<Vec<usize>, InputError> {
    let whole = |x: f64| {
        let fits = x.fract() == 0.0 && (0.0..1e9).contains(&x);
        if fits {
            Ok(x as usize)
        } else {
            Err(InputError::option(option, format!("expected whole numbers, found {x}")))
        }
    };
    numbers(option, text)?.into_iter().map(whole).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_ranges_have_both_ends() {
        assert_eq!(numbers("n", "5..100..5").unwrap().len(), 20);
        assert_eq!(numbers("n", "0.8..1.1..0.1").unwrap(), [0.8, 0.9, 1.0, 1.1]);
        assert_eq!(numbers("n", "10, 4,4").unwrap(), [4.0, 10.0]);
        for bad in ["", "4,,5", "5..1..1", "1..5", "1..5..0", "a", "1..9..-1", "nan", "0..1..1e-12"] {
            assert!(numbers("n", bad).is_err(), "{bad}");
        }
        assert!(counts("n", "2.5").is_err() && counts("n", "-2").is_err());
    }

    #[test]
    fn figure_1_is_ten_thousand_cells_and_needs_even_n() {
        let config = Config::preset("figure1").unwrap();
        let places = config.places();
        assert_eq!(places.len(), 10_000);
        assert!(places.windows(2).all(|pair| pair[0].samples >= pair[1].samples));
        let odd = Options { n: Some("3".into()), ..Options::default() };
        assert!(config.clone().with(&odd).unwrap_err().to_string().contains("expected even numbers"));
        let mut seeds: Vec<u64> = places.iter().map(|place| place.seed(1)).collect();
        seeds.sort_unstable();
        seeds.dedup();
        assert_eq!(seeds.len(), 10_000, "two cells share a seed");
        assert_eq!(config.space_of(&places[0]), Space::Sampled);
    }
}
