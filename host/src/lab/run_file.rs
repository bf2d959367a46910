//! Run files: a configuration as text that a person can read and change, and what is wrong with it by line and key.

use crate::base::error::{self, InputError};
use crate::base::lists;
use crate::lab::grid::Config;
use crate::lab::options::Options;
use crate::lab::presets;
use clap::{Arg, Args, Command};
use mote_lab::recipe::{Form, Recipe};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use toml::de::{DeTable, Deserializer};

/// A run file that was read.
#[derive(Clone, Debug)]
pub struct RunFile {
    /// What it says.
    pub options: Options,
    /// All of it, as it stands.
    pub text: String,
    path: PathBuf,
    /// Where each key stands, counted from 1.
    lines: BTreeMap<String, usize>,
}

impl RunFile {
    /// Reads a run file.
    ///
    /// # Errors
    ///
    /// [`InputError`] that names the file, the line, the key, what was expected and what was found.
    pub fn read(path: &Path) -> Result<Self, InputError> {
        let text = std::fs::read_to_string(path).map_err(|e| InputError::file(path, format!("cannot be read: {e}")))?;
        let line = |at: usize| 1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count();
        let wrong = |at: usize, what: &str| InputError::file(path, format!("line {}: {what}", line(at)));
        let no_toml = |e: toml::de::Error| {
            // An error without a place is one of the end.
            wrong(e.span().map_or(text.len(), |span| span.start), &error::quoted(e.message()))
        };
        let table = DeTable::parse(&text).map_err(no_toml)?;
        let command = Options::augment_args(Command::new("keys"));
        let keys: Vec<&str> =
            std::iter::once("preset").chain(command.get_arguments().filter_map(Arg::get_long)).collect();
        let mut places: Vec<_> =
            table.get_ref().iter().map(|(key, value)| (key.span(), key.get_ref(), value.span())).collect();
        places.sort_by_key(|(at, ..)| at.start);
        if let Some((at, found, _)) = places.iter().find(|(_, key, _)| !keys.contains(&key.as_ref())) {
            let (meant, found) = (lists::did_you_mean(found, &keys), error::quoted(found));
            return Err(wrong(at.start, &format!("unknown key {found}, expected one of {}{meant}", keys.join(", "))));
        }
        let lines = places.iter().map(|(at, key, _)| (key.to_string(), line(at.start))).collect();
        let options = Options::deserialize(Deserializer::from(table.clone())).map_err(|e| {
            let span = e.span().unwrap_or_default();
            let Some((at, key, value)) = places.iter().find(|(_, _, value)| value.contains(&span.start)) else {
                return no_toml(e);
            };
            let argument = command.get_arguments().find(|argument| argument.get_long() == Some(key));
            let found = error::quoted(&text[value.clone()]);
            wrong(at.start, &format!("key {key}: expected {}, found {found}", expected(argument)))
        })?;
        Ok(Self { options, path: path.into(), lines, text: text.clone() })
    }

    /// What is wrong with a value of this file, by line and key instead of by option.
    fn at_fault(&self, error: InputError) -> InputError {
        let InputError::Option { option, what } = error else { return error };
        match self.lines.get(option) {
            Some(line) => InputError::file(&self.path, format!("line {line}: key {option}: {what}")),
            None => InputError::file(&self.path, format!("key {option} (from the preset): {what}")),
        }
    }
}

/// What a key takes, in the words of a run file.
fn expected(argument: Option<&Arg>) -> String {
    let Some(argument) = argument else { return "the name of a preset in quotes".into() };
    let names: Vec<String> = argument.get_possible_values().iter().map(|value| quoted(value.get_name())).collect();
    if !names.is_empty() {
        return format!("one of {}", names.join(", "));
    }
    let name = argument.get_value_names().and_then(|names| names.first()).map_or("", |name| name.as_str());
    match (name, argument.get_long()) {
        ("LIST", _) => "a list in quotes, like \"4,10,20\" or \"5..100..5\"".into(),
        ("A,B", _) => "two digits in quotes, like \"3,8\"".into(),
        ("X", _) => "a number".into(),
        (_, Some("replicates" | "max-steps")) => format!("a whole number from 0 to {}", u32::MAX),
        _ => format!("a whole number from 0 to {}", u64::MAX),
    }
}

/// What preset, then run file, then command line say.
///
/// # Errors
///
/// [`InputError`] that names the option, or the file with line and key if the value came from there.
pub fn resolve(
    preset: Option<&str>,
    file: Option<&RunFile>,
    options: &Options,
    default: &str,
) -> Result<Config, InputError> {
    // A preset on the command line speaks over the one in the file, as every option does.
    let in_file = file.and_then(|file| file.options.preset.as_deref());
    let given = Options { preset: preset.map(Into::into), ..options.clone() };
    let blame = |error| blame(error, file, &given);
    let mut config = presets::preset(preset.or(in_file).unwrap_or(default)).map_err(blame)?;
    if let Some(file) = file {
        config = config.with(&file.options).map_err(|error| file.at_fault(error))?;
    }
    config.with(options).map_err(blame)
}

/// An error of an option that only the run file speaks of is one of the run file.
pub fn blame(error: InputError, file: Option<&RunFile>, given: &Options) -> InputError {
    match (&error, file) {
        (InputError::Option { option, .. }, Some(file)) if file.lines.contains_key(*option) && !given.says(option) => {
            file.at_fault(error)
        }
        _ => error,
    }
}

/// Every key that the preset knows, with what it means.
///
/// # Errors
///
/// If a value is not one that a run file can hold.
pub fn text(config: &Config) -> anyhow::Result<String> {
    let Recipe { tokens, value, learning_rate, stop_loss, max_steps, test_samples, .. } = config.recipe;
    let space = serde_json::to_string(&config.space)?;
    let mut file = String::from(
        "# A run file of `mote phase` and `mote dynamics`. The preset supplies the keys that you leave out.\n",
    );
    let mut key = |name: &str, value: String, what: &str| {
        file += &format!(
            "{:24}{}\n",
            format!("{name} = {value}"),
            if what.is_empty() { String::new() } else { format!("# {what}") }
        );
    };
    key("preset", quoted(&config.preset), "");
    key("n", list(&config.n), "training samples: a list, or first..last..step with both ends");
    key("signal", list(&config.signal), "norms of the signal tokens");
    let models = |part: fn(&(u64, usize)) -> u64| list(&config.models.iter().map(part).collect::<Vec<_>>());
    key("dim", models(|model| model.0), "D; a list makes one diagram for each");
    key("head", models(|model| model.1 as u64), "H; one for all D, or a list as long");
    key("replicates", config.replicates.to_string(), "independent repetitions of every (n, signal)");
    key("seed", config.seed.to_string(), "");
    key("tokens", tokens.to_string(), "M");
    match config.recipe.form {
        Form::Paper { big, small, divisor } => {
            key("value", value.to_string(), "V, which sets |w_O|");
            key("big", float(big), "standard deviation of token 2");
            key("small", float(small), "standard deviation of tokens 3..M");
            key("divisor", float(divisor), "of the uniform initial weights");
        }
        Form::Uniform { noise_norm, .. } => key("noise-norm", float(noise_norm), "norm of the noise tokens"),
        Form::Digits { classes, noise_norm, .. } => {
            key("noise-norm", float(noise_norm), "norm of the noise tokens");
            key("classes", quoted(&format!("{},{}", classes.0, classes.1)), "the digits of the classes +1 and -1");
        }
    }
    key(
        "lr",
        float(learning_rate),
        "learning rate; in preset theorem, in units of the largest that Condition 4.1 allows",
    );
    if stop_loss > 0.0 {
        key("stop-loss", float(stop_loss), "stop once the training loss is below this (one more step is done)");
    }
    key("max-steps", max_steps.to_string(), "steps after which a cell counts as not converged");
    key("test-samples", test_samples.to_string(), "fresh test samples per cell");
    key("space", space, "weights, tokens, sampled, free, or auto: the cheapest of them");
    Ok(file)
}

fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}

/// With a point, as TOML wants it.
fn float(x: f64) -> String {
    format!("{x:?}")
}

/// Numbers with commas; evenly spaced ones as a range.
fn list<T: Copy + std::fmt::Display + Into<Number>>(numbers: &[T]) -> String {
    let values: Vec<f64> = numbers.iter().map(|x| (*x).into().0).collect();
    if let [first, second, .., last] = values[..] {
        let step = ((second - first) * 1e9).round() / 1e9;
        let is_even = |(i, x): (usize, &f64)| ((first + i as f64 * step) * 1e9).round() / 1e9 == *x;
        if step > 0.0 && values.len() > 3 && values.iter().enumerate().all(is_even) {
            return quoted(&format!("{first}..{last}..{step}"));
        }
    }
    quoted(&numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(","))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::presets::{ALL, preset};

    #[test]
    fn a_printed_run_file_is_the_configuration_it_was_printed_from() {
        for (name, _) in ALL {
            let config = preset(name).unwrap();
            let changed = Options { seed: Some(7), lr: Some(0.25), n: Some("4,8,20".into()), ..Options::default() };
            for config in [config.clone(), config.with(&changed).unwrap()] {
                let file = tempfile::NamedTempFile::new().unwrap();
                std::fs::write(file.path(), text(&config).unwrap()).unwrap();
                let RunFile { options, .. } = RunFile::read(file.path()).unwrap();
                assert_eq!(options.preset.as_deref(), Some(name));
                assert_eq!(preset(name).unwrap().with(&options).unwrap(), config, "{name}");
            }
        }
    }
}
