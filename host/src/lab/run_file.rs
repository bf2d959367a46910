//! A configuration as a run file that a person can read and change.

use super::grid::Config;
use super::recipe::{Form, Recipe};

/// Every key that the preset knows, with what it means.
///
/// # Errors
///
/// If a value is not one that a run file can hold.
pub fn text(config: &Config) -> anyhow::Result<String> {
    let Recipe { tokens, value, learning_rate, stop_loss, max_steps, test_samples, .. } = config.recipe;
    let space = serde_json::to_string(&config.space)?;
    let mut file = String::from("# A run file of `mote phase`. Every key may be left out; then the preset speaks.\n");
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
    key("dim", models(|model| model.0), "D; a list makes a diagram of each");
    key("head", models(|model| model.1 as u64), "H; one for every D, or a list as long");
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
    key("lr", float(learning_rate), "learning rate; in preset theorem, of the largest that the theorem admits");
    key("stop-loss", float(stop_loss), "stop after the step before which the training loss was below this");
    key("max-steps", max_steps.to_string(), "then a cell counts as not converged");
    key("test-samples", test_samples.to_string(), "fresh test samples of a cell");
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
    use super::super::options::Options;
    use super::super::presets::{NAMES, preset};
    use super::*;

    #[test]
    fn a_printed_run_file_is_the_configuration_it_was_printed_from() {
        for name in NAMES {
            let config = preset(name).unwrap();
            let changed = Options { seed: Some(7), lr: Some(0.25), n: Some("4,8,20".into()), ..Options::default() };
            for config in [config.clone(), config.with(&changed).unwrap()] {
                let file = tempfile::NamedTempFile::new().unwrap();
                std::fs::write(file.path(), text(&config).unwrap()).unwrap();
                let (options, _) = Options::read(file.path()).unwrap();
                assert_eq!(options.preset.as_deref(), Some(name));
                assert_eq!(preset(name).unwrap().with(&options).unwrap(), config, "{name}");
            }
        }
    }
}
