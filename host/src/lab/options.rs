//! What a person said about a run, on the command line or in a run file: names of settings, each with its text. What
//! the names are and what the texts mean is in [`super::settings`].

use crate::base::error::{InputError, quoted};
use mote_lab::place::Representation;
use serde::{Deserialize, Serialize};

/// How the space of a cell is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum RepresentationChoice {
    /// The cheapest, chosen for each cell
    #[default]
    Auto,
    /// The engine's own weights
    Weights,
    /// Queries, keys and values at the training tokens
    Tokens,
    /// Sampler whose cost does not depend on D
    Sampled,
    /// Sampler whose cost depends on neither D nor H
    Free,
}

impl From<Representation> for RepresentationChoice {
    fn from(space: Representation) -> Self {
        match space {
            Representation::Weights => Self::Weights,
            Representation::Tokens => Self::Tokens,
            Representation::Sampled => Self::Sampled,
            Representation::Free => Self::Free,
        }
    }
}

/// What was said; everything else comes from the preset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    given: Vec<(&'static str, String)>,
}

impl Options {
    /// Some settings, by name.
    pub fn of<'t>(given: impl IntoIterator<Item = (&'static str, &'t str)>) -> Self {
        Self { given: given.into_iter().map(|(name, text)| (name, text.to_owned())).collect() }
    }

    /// Says one more.
    pub fn say(&mut self, name: &'static str, text: String) {
        self.given.push((name, text));
    }

    /// What is said of a setting.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.given.iter().find(|(known, _)| *known == name).map(|(_, text)| text.as_str())
    }

    /// Whether anything is said of a setting.
    pub fn says(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// These, and of the others those that no setting given here takes the place of.
    pub fn over(&self, others: &Self, takes_the_place: impl Fn(&str, &str) -> bool) -> Self {
        let is_left = |(other, _): &&(&str, String)| !self.given.iter().any(|(own, _)| takes_the_place(own, other));
        let left = others.given.iter().filter(is_left).cloned();
        Self { given: self.given.iter().cloned().chain(left).collect() }
    }
}

/// Two digits, like `3,8`.
///
/// # Errors
///
/// [`InputError`] for anything else.
pub fn parse_classes(text: &str) -> Result<(u8, u8), InputError> {
    let found: Option<Vec<u8>> = text.split(',').map(|digit| digit.trim().parse().ok()).collect();
    match found.as_deref() {
        Some(&[plus @ 0..=9, minus @ 0..=9]) if plus != minus => Ok((plus, minus)),
        _ => Err(InputError::option(
            "classes",
            format!("expected two different digits, like 3,8, found {}", quoted(text)),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_two_digits() {
        for bad in ["3", "3,3", "3,10", "a,b", "1,2,3", ""] {
            assert!(parse_classes(bad).is_err(), "{bad}");
        }
        assert_eq!(parse_classes("3, 8").unwrap(), (3, 8));
    }
}
