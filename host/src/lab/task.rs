//! Which part of a run a process does: from its option, or from the engine that started it.

use crate::base::error::{InputError, quoted};
use mote_lab::place::GridPoint;
use std::fmt;

/// Where engines say the number of a task, the innermost engine first: HyperQueue's workers may run inside Slurm's or
/// PBS's jobs.
const VARIABLES: [&str; 3] = ["HQ_TASK_ID", "SLURM_ARRAY_TASK_ID", "PBS_ARRAY_INDEX"];

/// A part as `--task` names it: its number may be left to the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Task {
    /// The number of the part, if it is said.
    pub index: Option<usize>,
    /// K, how many parts there are.
    pub count: usize,
}

/// `I/K`, or `/K` with I from the environment, as an option takes it.
///
/// # Errors
///
/// What was expected and what was found.
pub fn parse(text: &str) -> Result<Task, String> {
    let form = || {
        let from = VARIABLES.join(", ");
        format!("expected I/K, like 3/40, or /40 with I from {from}, found \"{}\"", quoted(text))
    };
    let number = |text: &str| text.parse::<usize>().map_err(|_| form());
    let (index, count) = text.split_once('/').ok_or_else(form)?;
    let (index, count) = (if index.is_empty() { None } else { Some(number(index)?) }, number(count)?);
    if count == 0 {
        return Err(format!("expected at least 1 part, found \"{}\"", quoted(text)));
    }
    match index.map(|index| Part::new(index, count)) {
        Some(Err(expected)) => Err(format!("{expected}, found \"{}\"", quoted(text))),
        _ => Ok(Task { index, count }),
    }
}

impl Task {
    /// The part to do; `variable` gives the environment.
    ///
    /// # Errors
    ///
    /// [`InputError`] if nothing says which, or there is no such part.
    pub fn part(self, variable: impl Fn(&str) -> Option<String>) -> Result<Part, InputError> {
        let wrong = |what: String| InputError::option("task", what);
        let (index, from, found) = match self.index {
            Some(index) => (index, String::new(), index.to_string()),
            None => {
                let said = VARIABLES.iter().find_map(|name| Some((*name, variable(name)?)));
                let Some((name, found)) = said else {
                    let (count, from) = (self.count, VARIABLES.join(", "));
                    let expected = format!("expected the number of the part, as 0/{count} or in one of {from}");
                    return Err(wrong(format!("{expected}, found none")));
                };
                let found = quoted(&found);
                let number = found.parse();
                let index =
                    number.map_err(|_| wrong(format!("expected the number of a part in {name}, found \"{found}\"")))?;
                (index, format!(" in {name}"), found)
            }
        };
        Part::new(index, self.count).map_err(|expected| wrong(format!("{expected}{from}, found {found}")))
    }
}

/// Refuses more parts than cells: some would have nothing to do, which nobody means.
///
/// # Errors
///
/// [`InputError`] that names the option.
pub fn check_count(option: &'static str, count: usize, cells: usize) -> Result<(), InputError> {
    if (1..=cells).contains(&count) {
        return Ok(());
    }
    Err(InputError::option(
        option,
        format!("expected from 1 to {cells} parts, as many as cells at most, found {count}"),
    ))
}

/// Part `index` of `count`: every `count`-th cell of the list that has the most expensive first, so that all parts cost
/// about the same. Ordered by count, then index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Part {
    /// K, how many there are.
    pub count: usize,
    /// I, from 0 to K - 1.
    pub index: usize,
}

impl Part {
    /// A part, or what was expected.
    fn new(index: usize, count: usize) -> Result<Self, String> {
        match count {
            1.. if index < count => Ok(Self { count, index }),
            _ => Err(format!("expected a part from 0 to {}", count.saturating_sub(1))),
        }
    }

    /// Its file.
    pub fn name(self) -> String {
        format!("{}-of-{}.csv", self.index, self.count)
    }

    /// The part of a file.
    pub fn of_name(name: &str) -> Option<Self> {
        let (index, count) = name.strip_suffix(".csv")?.split_once("-of-")?;
        let part = Self::new(index.parse().ok()?, count.parse().ok()?).ok()?;
        (part.name() == name).then_some(part)
    }

    /// Its cells.
    pub fn places(self, places: &[GridPoint]) -> impl Iterator<Item = &GridPoint> {
        places.iter().skip(self.index).step_by(self.count)
    }
}

/// As its option names it.
impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mote_lab::place::NEUTRAL;

    #[test]
    fn a_task_is_a_number_of_a_count() {
        assert_eq!(parse("3/40"), Ok(Task { index: Some(3), count: 40 }));
        assert_eq!(parse("/40"), Ok(Task { index: None, count: 40 }));
        for bad in ["40", "", "/", "3/", "a/40", "3/b", "3/40/1", "-1/40", "3 of 40"] {
            let error = parse(bad).unwrap_err();
            assert!(error.starts_with("expected I/K, like 3/40, or /40 with I from HQ_TASK_ID, "), "{error}");
            assert!(error.ends_with(&format!("found \"{bad}\"")), "{error}");
        }
        assert_eq!(parse("0/0").unwrap_err(), "expected at least 1 part, found \"0/0\"");
        assert_eq!(parse("/0").unwrap_err(), "expected at least 1 part, found \"/0\"");
        assert_eq!(parse("40/40").unwrap_err(), "expected a part from 0 to 39, found \"40/40\"");
    }

    #[test]
    fn the_innermost_engine_says_which_part_it_is() {
        let part = |task, said: &[(&str, &str)]| {
            let variable = |name: &str| said.iter().find(|(it, _)| *it == name).map(|(_, value)| (*value).to_owned());
            parse(task).unwrap().part(variable).map(|part| part.index).map_err(|error| error.to_string())
        };
        let all = [("PBS_ARRAY_INDEX", "3"), ("SLURM_ARRAY_TASK_ID", "2"), ("HQ_TASK_ID", "1")];
        assert_eq!(part("7/40", &all), Ok(7), "the option speaks over all");
        assert_eq!([part("/40", &all), part("/40", &all[..2]), part("/40", &all[..1])], [Ok(1), Ok(2), Ok(3)]);
        let error = part("/40", &[]).unwrap_err();
        let expected = "--task: expected the number of the part, as 0/40 or in one of HQ_TASK_ID, SLURM_ARRAY_TASK_ID, \
                        PBS_ARRAY_INDEX, found none";
        assert_eq!(error, expected);
        let error = part("/40", &[("SLURM_ARRAY_TASK_ID", "40")]).unwrap_err();
        assert_eq!(error, "--task: expected a part from 0 to 39 in SLURM_ARRAY_TASK_ID, found 40");
        let error = part("/40", &[("HQ_TASK_ID", "one")]).unwrap_err();
        assert_eq!(error, "--task: expected the number of a part in HQ_TASK_ID, found \"one\"");
    }

    #[test]
    fn parts_have_every_cell_once_and_names_that_are_theirs() {
        let place = |n| GridPoint { samples: n, signal_norm: 1.0, replicate: 0, dim: 8, head: 2, extra: NEUTRAL };
        let places: Vec<GridPoint> = (0..10).map(place).collect();
        let parts: Vec<Part> = (0..3).map(|index| Part { index, count: 3 }).collect();
        let of = |part: &Part| part.places(&places).map(|place| place.samples).collect::<Vec<_>>();
        assert_eq!(parts.iter().map(of).collect::<Vec<_>>(), [vec![0, 3, 6, 9], vec![1, 4, 7], vec![2, 5, 8]]);
        assert!(parts.iter().all(|part| Part::of_name(&part.name()) == Some(*part)));
        for bad in ["3-of-3.csv", "0-of-0.csv", "03-of-40.csv", "3-of-40.csv.bak", "a-of-40.csv", "3-of-40", ".csv"] {
            assert_eq!(Part::of_name(bad), None, "{bad}");
        }
        assert!(check_count("task", 10, 10).is_ok() && check_count("task", 11, 10).is_err());
        let error = check_count("missing", 0, 10).unwrap_err().to_string();
        assert_eq!(error, "--missing: expected from 1 to 10 parts, as many as cells at most, found 0");
    }
}
