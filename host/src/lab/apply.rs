//! What was said, as a configuration: from the command line to options, and from options over a preset.

use crate::base::error::InputError;
use crate::base::lists::{counts, number, sorted};
use crate::lab::grid::Config;
use crate::lab::options::Options;
use crate::lab::settings::{CUT, Setting, settings};
use clap::{ArgMatches, Args, Command, FromArgMatches};
use mote_lab::axes::{AXES, Axis, Part};

/// A command with an option for each setting.
pub fn options_of(command: Command, axes: &'static [Axis]) -> Command {
    command.args(settings(axes).iter().map(Setting::argument))
}

/// What was said with those options.
pub fn said(matches: &ArgMatches, axes: &'static [Axis]) -> Options {
    let mut options = Options::default();
    for Setting { name, .. } in settings(axes) {
        if let Some(text) = matches.get_one::<String>(name) {
            options.say(name, text.clone());
        }
    }
    options
}

impl FromArgMatches for Options {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Ok(said(matches, AXES))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for Options {
    fn augment_args(command: Command) -> Command {
        options_of(command, AXES)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

/// The options of the command line over those of a run file: what says the same thing in another form goes.
pub fn over(above: &Options, below: &Options, axes: &'static [Axis]) -> Options {
    let settings = settings(axes);
    let group = |name: &str| settings.iter().find(|setting| setting.name == name).and_then(|setting| setting.one_of);
    above.over(below, |own, other| own == other || (group(own).is_some() && group(own) == group(other)))
}

/// The cut, if it is given.
///
/// # Errors
///
/// [`InputError`] for what is no positive number.
pub fn cut(options: &Options) -> Result<Option<f64>, InputError> {
    options.get(CUT).map(|text| number(text).map_err(|what| InputError::option(CUT, what))).transpose()
}

impl Config {
    /// Lets options speak over it.
    ///
    /// # Errors
    ///
    /// [`InputError`] that names the option, what was expected and what was found.
    pub fn with(mut self, options: &Options) -> Result<Self, InputError> {
        let settings = settings(self.axes);
        let given: Vec<&Setting> = settings.iter().filter(|setting| options.says(setting.name)).collect();
        for (i, setting) in given.iter().enumerate() {
            let is_one_of = |other: &&Setting| setting.one_of.is_some() && other.one_of == setting.one_of;
            if let Some(other) = given[..i].iter().copied().find(is_one_of) {
                let all: Vec<&str> = settings.iter().filter(is_one_of).map(|setting| setting.name).collect();
                let found = format!("expected only one of {}, found {} too", all.join(", "), other.name);
                return Err(InputError::option(setting.name, found));
            }
        }
        for setting in given {
            setting.apply(&mut self, options.get(setting.name).unwrap_or_default())?;
        }
        self.models = models(&self, options)?;
        self.checked()
    }
}

/// `D` and `H` of every model: lists of one length, or one of them for all. Of one list alone, the other's values serve
/// only if there is no doubt which of them belongs to which.
fn models(config: &Config, options: &Options) -> Result<Vec<(u64, usize)>, InputError> {
    let own = &config.models;
    let axis = |part: Part| config.axes.iter().find(|axis| axis.part == part).map_or("", |axis| axis.name);
    let (dim, head) = (axis(Part::Dim), axis(Part::Head));
    let list = |name| options.get(name).map(|text| counts(name, text)).transpose();
    let (mut dims, mut heads) = match (list(dim)?, list(head)?) {
        (None, None) => return Ok(own.clone()),
        (Some(dims), Some(heads)) => (dims, heads),
        (Some(dims), None) => match &sorted(own.iter().map(|model| model.1 as u64).collect())[..] {
            [one] => (dims, vec![*one]),
            several => return Err(alone(dim, head, several)),
        },
        (None, Some(heads)) => match &sorted(own.iter().map(|model| model.0).collect())[..] {
            several if several.len() == 1 || heads.len() == 1 => (several.to_vec(), heads),
            several => return Err(alone(head, dim, several)),
        },
    };
    let count = dims.len().max(heads.len());
    for (option, list) in [(dim, &mut dims), (head, &mut heads)] {
        if list.len() == 1 {
            list.resize(count, list[0]);
        } else if list.len() != count {
            let found = format!("expected 1 or {count} values, as many as the other of D and H, found {}", list.len());
            return Err(InputError::option(option, found));
        }
    }
    Ok(sorted(dims.into_iter().zip(heads.into_iter().map(|head| head as usize)).collect()))
}

/// One of `D` and `H` was given, and the models there are have several of the other.
fn alone(given: &'static str, other: &str, several: &[u64]) -> InputError {
    let several = several.iter().map(u64::to_string).collect::<Vec<_>>().join(" or ");
    let choices = format!("expected {other} too, one value or as many as {given}");
    InputError::option(given, format!("{choices}: its own models have {several}; found {given} alone"))
}
