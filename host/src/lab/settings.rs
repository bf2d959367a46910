//! Everything that can be said of a run: one table, from which come the options of the command line, the keys of run
//! files, what is refused and what `--print-config` prints. The axes of [`mote_lab::axes`] stand first in it.

use crate::base::error::InputError;
use crate::base::lists::{self, counts, numbers, positive, sorted};
use crate::lab::grid::{Config, Signals};
use crate::lab::options::{RepresentationChoice, parse_classes};
use clap::builder::PossibleValuesParser;
use clap::{Arg, ValueEnum};
use mote_lab::axes::{Axis, Part};
use mote_lab::recipe::Form;
use std::fmt::Display;

/// The form of a value, as far as a command line must know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// Numbers with commas, or ranges.
    List,
    /// One number.
    Number,
    /// The name of a space.
    Space,
}

type Sets = fn(&mut Config, &'static str, &str) -> Result<(), InputError>;
type Prints = fn(&Config) -> Option<String>;

/// What a setting does with its text.
#[derive(Clone, Copy)]
enum Does {
    /// Gives an axis its values.
    Moves(&'static Axis),
    /// Changes the configuration, and says what it has; `None` where it has no such thing.
    Sets(Sets, Prints),
}

/// Something that can be said of a run.
#[derive(Clone, Copy)]
pub struct Setting {
    /// Name of the option, and key in run files.
    pub name: &'static str,
    /// What stands for its value in help texts.
    pub value_name: &'static str,
    /// What it is, in one line.
    pub help: &'static str,
    /// The form of its value.
    pub takes: Takes,
    /// Of the settings with one word here, only one can be given.
    pub one_of: Option<&'static str>,
    does: Does,
}

/// The one setting that changes no cell.
pub const CUT: &str = "cut";

/// Every setting, in the order of help texts and run files.
pub fn settings(axes: &'static [Axis]) -> Vec<Setting> {
    let axis = |axis: &'static Axis| Setting {
        name: axis.name,
        value_name: "LIST",
        help: axis.help,
        takes: Takes::List,
        one_of: matches!(axis.part, Part::Signal(_)).then_some("signal"),
        does: Does::Moves(axis),
    };
    axes.iter().map(axis).chain(OTHERS).collect()
}

/// The settings that are no axes.
const OTHERS: [Setting; 18] = [
    setting(
        "replicates",
        "R",
        "Independent repetitions of every place: fresh data and weights",
        |c, name, text| set(&mut c.replicates, whole(name, text)),
        |c| Some(c.replicates.to_string()),
    ),
    setting(
        "seed",
        "S",
        "Seed of the whole run",
        |c, name, text| set(&mut c.seed, whole(name, text)),
        |c| Some(c.seed.to_string()),
    ),
    setting(
        "tokens",
        "M",
        "M: tokens of a sample",
        |c, name, text| set(&mut c.recipe.tokens, whole(name, text)),
        |c| Some(c.recipe.tokens.to_string()),
    ),
    setting(
        "value",
        "V",
        "V: value width, which sets |w_O| (paper form)",
        |c, name, text| {
            c.paper(name)?;
            set(&mut c.recipe.value, whole(name, text))
        },
        |c| is_paper(c).then(|| c.recipe.value.to_string()),
    ),
    setting(
        "big",
        "X",
        "Standard deviation of token 2 (paper form)",
        |c, name, text| set(c.paper(name)?.0, number(name, text)),
        |c| if let Form::Paper { big, .. } = c.recipe.form { Some(float(big)) } else { None },
    ),
    Setting {
        one_of: Some("small"),
        ..setting(
            "small",
            "X",
            "Standard deviation of tokens 3..M (paper form)",
            |c, name, text| set(c.paper(name)?.1, number(name, text)),
            |c| if let Form::Paper { small, .. } = c.recipe.form { Some(float(small)) } else { None },
        )
    },
    Setting {
        one_of: Some("small"),
        ..setting(
            "c-p",
            "X",
            "C_p = big / small, instead of small (paper form)",
            |c, name, text| {
                let (big, small, _) = c.paper(name)?;
                let c_p = number(name, text)?;
                positive(name, c_p)?;
                *small = *big / c_p;
                Ok(())
            },
            |_| None,
        )
    },
    setting(
        "divisor",
        "X",
        "Divisor of the uniform initial weights (paper form)",
        |c, name, text| set(c.paper(name)?.2, number(name, text)),
        |c| if let Form::Paper { divisor, .. } = c.recipe.form { Some(float(divisor)) } else { None },
    ),
    setting(
        "noise-norm",
        "X",
        "Norm of the noise tokens, sigma sqrt(D) (uniform form)",
        |c, name, text| set(c.uniform(name)?.0, number(name, text)),
        |c| c.stds().map(|(noise_norm, ..)| float(noise_norm)),
    ),
    setting(
        "query-key-std",
        "X",
        "Standard deviation of the initial W_Q and W_K (uniform form); in preset theorem, in units of the largest",
        |c, name, text| set(c.uniform(name)?.1, number(name, text)),
        |c| c.stds().map(|(_, query_key_std, _)| float(query_key_std)),
    ),
    setting(
        "value-std",
        "X",
        "Standard deviation of the initial W_V w_O (uniform form); in preset theorem, in units of the largest",
        |c, name, text| set(c.uniform(name)?.2, number(name, text)),
        |c| c.stds().map(|(.., value_std)| float(value_std)),
    ),
    Setting {
        takes: Takes::List,
        ..setting(
            "classes",
            "A,B",
            "Digits of the classes +1 and -1 (preset digits)",
            |c, name, text| match &mut c.recipe.form {
                Form::Digits { classes, .. } => set(classes, parse_classes(text)),
                _ => Err(InputError::option(name, "expected preset digits for this option")),
            },
            |c| match c.recipe.form {
                Form::Digits { classes, .. } => Some(format!("\"{},{}\"", classes.0, classes.1)),
                _ => None,
            },
        )
    },
    setting(
        "lr",
        "X",
        "Learning rate; in preset theorem, in units of the largest that Condition 4.1 allows",
        |c, name, text| set(&mut c.recipe.learning_rate, number(name, text)),
        |c| Some(float(c.recipe.learning_rate)),
    ),
    setting(
        "stop-loss",
        "X",
        "Stop once the training loss is below this (one more step is done)",
        |c, name, text| set(&mut c.recipe.stop_loss, number(name, text)),
        // A run that is followed without a stop rule has 0, which no option says.
        |c| (c.recipe.stop_loss > 0.0).then(|| float(c.recipe.stop_loss)),
    ),
    setting(
        "max-steps",
        "K",
        "Steps after which a cell counts as not converged",
        |c, name, text| set(&mut c.recipe.max_steps, whole(name, text)),
        |c| Some(c.recipe.max_steps.to_string()),
    ),
    setting(
        "test-samples",
        "K",
        "Fresh test samples per cell",
        |c, name, text| set(&mut c.recipe.test_samples, whole(name, text)),
        |c| Some(c.recipe.test_samples.to_string()),
    ),
    Setting {
        takes: Takes::Space,
        ..setting(
            "space",
            "SPACE",
            "Space in which cells are computed",
            |c, name, text| {
                let known: Vec<_> = RepresentationChoice::value_variants().iter().map(space_name).collect();
                let found = known.iter().position(|known| known == text.trim());
                let names: Vec<&str> = known.iter().map(String::as_str).collect();
                let at = found.ok_or_else(|| lists::unknown(name, text, &names))?;
                c.space = RepresentationChoice::value_variants()[at];
                Ok(())
            },
            |c| Some(format!("\"{}\"", space_name(&c.space))),
        )
    },
    setting(
        CUT,
        "X",
        "Test loss at the boundary and at the cut of the picture [default: 0.2 as in the paper, 0.4 for images]",
        |_, name, text| positive(name, number(name, text)?),
        |_| None,
    ),
];

const fn setting(
    name: &'static str,
    value_name: &'static str,
    help: &'static str,
    sets: Sets,
    prints: Prints,
) -> Setting {
    Setting { name, value_name, help, takes: Takes::Number, one_of: None, does: Does::Sets(sets, prints) }
}

fn set<T>(to: &mut T, from: Result<T, InputError>) -> Result<(), InputError> {
    *to = from?;
    Ok(())
}

fn number(name: &'static str, text: &str) -> Result<f64, InputError> {
    lists::number(text).map_err(|what| InputError::option(name, what))
}

fn whole<T: TryFrom<u64>>(name: &'static str, text: &str) -> Result<T, InputError> {
    lists::whole(text).map_err(|what| InputError::option(name, what))
}

fn is_paper(config: &Config) -> bool {
    matches!(config.recipe.form, Form::Paper { .. })
}

fn space_name(space: &RepresentationChoice) -> String {
    space.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}

impl Setting {
    /// What the configuration has for this, as run files say it.
    pub fn printed(&self, config: &Config) -> Option<String> {
        let axis = match self.does {
            Does::Moves(axis) => axis,
            Does::Sets(_, prints) => return prints(config),
        };
        match axis.part {
            Part::Samples => Some(list(&config.n)),
            Part::Signal(strength) => (config.signal.strength() == strength).then(|| list(config.signal.values())),
            Part::Dim => Some(list(&config.models.iter().map(|model| model.0).collect::<Vec<_>>())),
            Part::Head => Some(list(&config.models.iter().map(|model| model.1).collect::<Vec<_>>())),
            Part::Extra(_) => Some(list(&config.values(axis))),
        }
    }

    /// Lets a text change the configuration; `D` and `H` change together, elsewhere.
    ///
    /// # Errors
    ///
    /// [`InputError`] that names the setting, what was expected and what was found.
    pub fn apply(&self, config: &mut Config, text: &str) -> Result<(), InputError> {
        let (axis, name) = match self.does {
            Does::Moves(axis) => (axis, axis.name),
            Does::Sets(sets, _) => return sets(config, self.name, text),
        };
        match axis.part {
            Part::Samples => config.n = sorted(counts(name, text)?).into_iter().map(|n| n as usize).collect(),
            Part::Signal(strength) => config.signal = Signals::new(strength, sorted(numbers(name, text)?)),
            Part::Extra(_) => config.set_values(axis, sorted(numbers(name, text)?)),
            Part::Dim | Part::Head => {}
        }
        Ok(())
    }

    /// Another name of the option, for runs that are followed.
    fn alias(&self) -> Option<&'static str> {
        match self.name {
            "replicates" => Some("runs"),
            "max-steps" => Some("steps"),
            _ => None,
        }
    }

    /// The option of a command line.
    pub fn argument(&self) -> Arg {
        let argument = Arg::new(self.name).long(self.name).value_name(self.value_name).help(self.help);
        let argument = match self.alias() {
            Some(alias) => argument.visible_alias(alias),
            None => argument,
        };
        match self.takes {
            Takes::List => argument.allow_hyphen_values(true),
            Takes::Number => argument.allow_negative_numbers(true),
            Takes::Space => {
                let values = RepresentationChoice::value_variants().iter().filter_map(ValueEnum::to_possible_value);
                argument.value_parser(PossibleValuesParser::new(values))
            }
        }
    }
}

impl Config {
    fn paper(&mut self, name: &'static str) -> Result<(&mut f64, &mut f64, &mut f64), InputError> {
        match &mut self.recipe.form {
            Form::Paper { big, small, divisor } => Ok((big, small, divisor)),
            Form::Uniform { .. } | Form::Digits { .. } => Err(not_here(name, "paper")),
        }
    }

    fn uniform(&mut self, name: &'static str) -> Result<(&mut f64, &mut f64, &mut f64), InputError> {
        match &mut self.recipe.form {
            Form::Paper { .. } => Err(not_here(name, "uniform")),
            Form::Uniform { noise_norm, query_key_std, value_std }
            | Form::Digits { noise_norm, query_key_std, value_std, .. } => Ok((noise_norm, query_key_std, value_std)),
        }
    }

    /// Noise norm and initial standard deviations of the uniform form.
    fn stds(&self) -> Option<(f64, f64, f64)> {
        match self.recipe.form {
            Form::Paper { .. } => None,
            Form::Uniform { noise_norm, query_key_std, value_std }
            | Form::Digits { noise_norm, query_key_std, value_std, .. } => Some((noise_norm, query_key_std, value_std)),
        }
    }
}

fn not_here(option: &'static str, form: &str) -> InputError {
    InputError::option(option, format!("expected a preset of the {form} form for this option"))
}

/// With a point, as TOML wants it.
pub fn float(x: f64) -> String {
    format!("{x:?}")
}

/// Numbers with commas; evenly spaced ones as a range.
fn list<T: Copy + Display + Into<Number>>(numbers: &[T]) -> String {
    let values: Vec<f64> = numbers.iter().map(|x| (*x).into().0).collect();
    if let [first, second, .., last] = values[..] {
        let step = ((second - first) * 1e9).round() / 1e9;
        let is_even = |(i, x): (usize, &f64)| ((first + i as f64 * step) * 1e9).round() / 1e9 == *x;
        if step > 0.0 && values.len() > 3 && values.iter().enumerate().all(is_even) {
            return format!("\"{first}..{last}..{step}\"");
        }
    }
    format!("\"{}\"", numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(","))
}

/// A number of any kind, to look at its steps.
struct Number(f64);

impl From<usize> for Number {
    fn from(x: usize) -> Self {
        Self(x as f64)
    }
}

impl From<u64> for Number {
    fn from(x: u64) -> Self {
        Self(x as f64)
    }
}

impl From<f64> for Number {
    fn from(x: f64) -> Self {
        Self(x)
    }
}
