//! Run files: a configuration as text that a person can read and change, or as a run has left it in its folder, and
//! what is wrong with it by line and key.

use crate::base::error::{InputError, quoted};
use crate::base::lists;
use crate::lab::apply;
use crate::lab::grid::Config;
use crate::lab::options::Options;
use crate::lab::presets;
use crate::lab::settings::{CUT, float, settings};
use mote_lab::axes::{AXES, Axis};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A run file that was read.
#[derive(Clone, Debug)]
pub struct RunFile {
    /// What it says.
    pub options: Options,
    /// All of it, as it stands.
    pub text: String,
    /// The preset that it names.
    preset: Option<String>,
    /// A whole configuration, which needs no preset.
    whole: Option<Config>,
    path: PathBuf,
    /// Where each key stands, counted from 1.
    lines: BTreeMap<String, usize>,
    axes: &'static [Axis],
}

impl RunFile {
    /// Reads a run file: TOML, or `run.json` or `config.json` of a folder.
    ///
    /// # Errors
    ///
    /// [`InputError`] that names the file, the line, the key, what was expected and what was found.
    pub fn read(path: &Path) -> Result<Self, InputError> {
        Self::read_with(path, AXES)
    }

    /// The same where these are the axes.
    ///
    /// # Errors
    ///
    /// As [`RunFile::read`].
    pub fn read_with(path: &Path, axes: &'static [Axis]) -> Result<Self, InputError> {
        let text = std::fs::read_to_string(path).map_err(|e| InputError::file(path, format!("cannot be read: {e}")))?;
        let (options, preset, lines) = (Options::default(), None, BTreeMap::new());
        let mut file = Self { options, text, preset, whole: None, path: path.into(), lines, axes };
        // No TOML begins so.
        if file.text.trim_start().starts_with('{') {
            file.read_json()?
        } else {
            file.read_toml()?
        }
        Ok(file)
    }

    /// Whether the file says anything of a setting; a whole configuration speaks of all.
    pub fn says(&self, name: &str) -> bool {
        self.whole.is_some() || self.options.says(name)
    }

    fn read_toml(&mut self) -> Result<(), InputError> {
        let text = &self.text;
        let line = |at: usize| 1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count();
        let wrong = |at: usize, what: &str| InputError::file(&self.path, format!("line {}: {what}", line(at)));
        let table = DeTable::parse(text).map_err(|e| {
            // An error without a place is one of the end.
            wrong(e.span().map_or(text.len(), |span| span.start), &quoted(e.message()))
        })?;
        let keys: Vec<&'static str> =
            std::iter::once("preset").chain(settings(self.axes).iter().map(|setting| setting.name)).collect();
        let mut entries: Vec<_> = table.get_ref().iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        for (key, value) in entries {
            let at = key.span().start;
            let Some(name) = keys.iter().copied().find(|name| *name == key.get_ref()) else {
                let (meant, found) = (lists::did_you_mean(key.get_ref(), &keys), quoted(key.get_ref()));
                return Err(wrong(at, &format!("unknown key {found}, expected one of {}{meant}", keys.join(", "))));
            };
            self.lines.insert(name.into(), line(at));
            let found = quoted(&text[value.span()]);
            match (name, value.get_ref()) {
                ("preset", DeValue::String(preset)) => self.preset = Some(preset.to_string()),
                ("preset", _) => {
                    let expected = "expected the name of a preset in quotes";
                    return Err(wrong(at, &format!("key preset: {expected}, found {found}")));
                }
                _ => match said(value, text) {
                    Some(said) => self.options.say(name, said),
                    None => {
                        let expected = "expected a number, a list of them, or text in quotes";
                        return Err(wrong(at, &format!("key {name}: {expected}, found {found}")));
                    }
                },
            }
        }
        Ok(())
    }

    fn read_json(&mut self) -> Result<(), InputError> {
        let wrong = |what: String| InputError::file(&self.path, what);
        let value: Value = serde_json::from_str(&self.text)
            .map_err(|e| wrong(format!("line {}: expected JSON, found: {}", e.line(), quoted(&e.to_string()))))?;
        // What a run says beside its configuration is not what it was told.
        let config = value.get("config").unwrap_or(&value);
        let read: Config = serde_json::from_value(config.clone())
            .map_err(|e| wrong(format!("expected the configuration of a run, found: {}", quoted(&e.to_string()))))?;
        let known = serde_json::to_value(&read).unwrap_or_default();
        let is_axis = |name: &String| self.axes.iter().any(|axis| axis.name == name);
        let unknown = unknown("", config, &known).or_else(|| read.extra.keys().find(|name| !is_axis(name)).cloned());
        if let Some(key) = unknown {
            return Err(wrong(format!("unknown key {}, expected the configuration of a run", quoted(&key))));
        }
        let read = Config { axes: self.axes, ..read }.checked().map_err(|error| self.at_fault(error))?;
        if let Some(cut) = value.get(CUT).and_then(Value::as_f64) {
            self.options.say(CUT, cut.to_string());
        }
        self.whole = Some(read);
        Ok(())
    }

    /// What is wrong with a value of this file, by line and key instead of by option.
    fn at_fault(&self, error: InputError) -> InputError {
        let InputError::Option { option, what } = error else { return error };
        match self.lines.get(option) {
            Some(line) => InputError::file(&self.path, format!("line {line}: key {option}: {what}")),
            None if self.whole.is_some() || self.text.trim_start().starts_with('{') => {
                InputError::file(&self.path, format!("key {option}: {what}"))
            }
            None => InputError::file(&self.path, format!("key {option} (from the preset): {what}")),
        }
    }
}

/// A value as an option would say it; `None` of what no option takes.
fn said(value: &Spanned<DeValue>, text: &str) -> Option<String> {
    match value.get_ref() {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) if number.radix() == 10 => Some(number.as_str().into()),
        DeValue::Integer(_) => Some(text[value.span()].into()),
        DeValue::Float(number) => Some(number.as_str().into()),
        DeValue::Array(values) => {
            let one = |value: &Spanned<DeValue>| if value.get_ref().is_array() { None } else { said(value, text) };
            Some(values.iter().map(one).collect::<Option<Vec<_>>>()?.join(","))
        }
        DeValue::Boolean(_) | DeValue::Datetime(_) | DeValue::Table(_) => None,
    }
}

/// The first key of a value that the other has not, with the keys that lead to it.
fn unknown(path: &str, value: &Value, known: &Value) -> Option<String> {
    value.as_object()?.iter().find_map(|(key, value)| {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        known.get(key).map_or(Some(path.clone()), |known| unknown(&path, value, known))
    })
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
    let Some(file) = file else { return presets::preset(preset.unwrap_or(default))?.with(options) };
    let blame = |error| blame(error, Some(file), options);
    let own = match (&file.whole, preset) {
        (Some(whole), None) => whole.clone(),
        (Some(_), Some(_)) => {
            let (what, path) = ("expected no preset beside a whole configuration", file.path.display());
            return Err(InputError::option("preset", format!("{what}, found {path} too")));
        }
        // A preset on the command line speaks over the one in the file, as every option does.
        (None, Some(preset)) => presets::preset(preset)?,
        (None, None) => {
            let of_file = file.preset.as_deref();
            presets::preset(of_file.unwrap_or(default)).map_err(|error| file.at_fault(error))?
        }
    };
    let axes = file.axes;
    let own = Config { axes, ..own };
    own.clone().with(&file.options).map_err(|error| file.at_fault(error))?;
    own.with(&apply::over(options, &file.options, axes)).map_err(blame)
}

/// The cut that command line or run file give.
///
/// # Errors
///
/// [`InputError`], by line and key if it came from the file.
pub fn cut(file: Option<&RunFile>, options: &Options) -> Result<Option<f64>, InputError> {
    match (apply::cut(options)?, file) {
        (None, Some(file)) => apply::cut(&file.options).map_err(|error| file.at_fault(error)),
        (given, _) => Ok(given),
    }
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

/// The configuration as a run file, every key with what it means; with a cut, if it has one.
pub fn text(config: &Config, cut: Option<f64>) -> String {
    let mut file =
        String::from("# A run file of `mote phase` and `mote dynamics`; the preset supplies the keys you leave out.\n");
    file += &format!("preset = \"{}\"\n", config.preset);
    for setting in settings(config.axes) {
        let value = if setting.name == CUT { cut.map(float) } else { setting.printed(config) };
        if let Some(value) = value {
            file += &format!("{:24}# {}\n", format!("{} = {value}", setting.name), setting.help);
        }
    }
    file
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::presets::{ALL, preset};

    fn written(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        file
    }

    fn read(text: &str) -> Result<Config, InputError> {
        let file = written(text);
        resolve(None, Some(&RunFile::read(file.path())?), &Options::default(), "law")
    }

    #[test]
    fn a_printed_run_file_is_the_configuration_it_was_printed_from() {
        for (name, _) in ALL {
            let config = preset(name).unwrap();
            let changed = Options::of([("seed", "7"), ("lr", "0.25"), ("n", "4,8,20"), ("flip", "0,0.1")]);
            let snr = Options::of([("snr", "0.5..2..0.25")]);
            for config in [config.clone(), config.clone().with(&changed).unwrap(), config.with(&snr).unwrap()] {
                let text = text(&config, Some(0.3));
                let file = written(&text);
                let file = RunFile::read(file.path()).unwrap();
                assert_eq!(cut(Some(&file), &Options::default()).unwrap(), Some(0.3));
                assert_eq!(resolve(None, Some(&file), &Options::default(), "law").unwrap(), config, "{text}");
                assert_eq!(read(&serde_json::to_string(&config).unwrap()).unwrap(), config, "{name}");
            }
        }
    }

    /// A number, an array, text: one value, however TOML has it.
    #[test]
    fn values_are_read_as_toml_has_them() {
        let expected =
            preset("law").unwrap().with(&Options::of([("n", "4..6"), ("dim", "64"), ("head", "8")])).unwrap();
        for n in ["[4, 5, 6]", "\"4..6\"", "\"4,5,6\"", "['4..5', 6]", "[4, 5.0, 0.6e1]"] {
            assert_eq!(read(&format!("n = {n}\ndim = 64\nhead = [8]\n")).unwrap(), expected, "{n}");
        }
        assert_eq!(read("dim = 1_000\nhead = 8\nlr = 1\n").unwrap().models, [(1000, 8)]);
        for (bad, found) in [
            ("n = true", "expected a number, a list of them, or text in quotes, found true"),
            ("n = [[4]]", "expected a number, a list of them, or text in quotes, found [[4]]"),
            ("n = { a = 4 }", "expected a number, a list of them, or text in quotes, found { a = 4 }"),
            ("n = []", "expected a list like 4,10,20 or a range first..last..step, found \"\""),
            ("lr = [1, 2]", "expected a number, found \"1,2\""),
            ("seed = 0x1F", "expected a whole number from 0 to 18446744073709551615, found \"0x1F\""),
        ] {
            let said = read(&format!("\n{bad}\n")).unwrap_err().to_string();
            let key = bad.split(' ').next().unwrap();
            assert!(said.ends_with(&format!(": line 2: key {key}: {found}")), "{said}");
        }
    }

    /// What the command line says in one form takes the place of every other form in the file; two forms in one place
    /// are refused.
    #[test]
    fn one_form_takes_the_place_of_another() {
        let file = written("preset = \"figure1\"\nsnr = [1, 2]\nc-p = 10\nbig = 2.0\n");
        let file = RunFile::read(file.path()).unwrap();
        let with = |options: &Options| resolve(None, Some(&file), options, "law");
        let own = with(&Options::default()).unwrap();
        assert!((own.recipe.c_p().unwrap() - 10.0).abs() < 1e-12 && own.signal.values() == [1.0, 2.0]);
        let by_norm = with(&Options::of([("signal", "3"), ("small", "0.5")])).unwrap();
        assert_eq!((by_norm.signal.values(), by_norm.recipe.c_p()), (&[3.0][..], Some(4.0)));
        let larger = with(&Options::of([("big", "4")])).unwrap();
        assert!((larger.recipe.c_p().unwrap() - 10.0).abs() < 1e-12, "c-p is of the big that there is");
        let two = with(&Options::of([("snr", "1"), ("signal", "3")])).unwrap_err().to_string();
        assert_eq!(two, "--snr: expected only one of signal, snr, n-snr2, found signal too");
        let two = read("c-p = 10\nsmall = 0.1\n").unwrap_err().to_string();
        assert!(two.ends_with("line 1: key c-p: expected only one of small, c-p, found small too"), "{two}");
    }

    #[test]
    fn a_configuration_with_more_or_less_than_its_keys_is_refused() {
        let config = serde_json::to_value(preset("law").unwrap()).unwrap();
        let changed = |change: &dyn Fn(&mut Value)| {
            let mut config = config.clone();
            change(&mut config);
            read(&config.to_string()).unwrap_err().to_string()
        };
        for (said, expected) in [
            (changed(&|it| it["tau"] = vec![0.5].into()), "unknown key tau, expected the configuration of a run"),
            (changed(&|it| it["tau"] = 3.into()), "expected the configuration of a run, found: invalid type"),
            (changed(&|it| it["recipe"]["big"] = 3.into()), "unknown key recipe.big, expected"),
            (changed(&|it| it["n"] = vec![0].into()), "key n: expected at least 1, found 0"),
            (
                changed(&|it| it["models"] = Vec::<u64>::new().into()),
                "key dim: expected at least one value, found none",
            ),
            (changed(&|it| drop(it.as_object_mut().unwrap().remove("signal"))), "no variant of enum Signals found"),
            (read("{ \"n\": ").unwrap_err().to_string(), "line 1: expected JSON, found: EOF"),
        ] {
            assert!(said.contains(expected) && said.lines().count() == 1, "{said}");
        }
        let file = written(&config.to_string());
        let file = RunFile::read(file.path()).unwrap();
        let both = resolve(Some("law"), Some(&file), &Options::default(), "law").unwrap_err().to_string();
        assert!(both.starts_with("--preset: expected no preset beside a whole configuration, found "), "{both}");
    }
}
