//! Host and chip, line by line.

use crate::reference::preset_run::portable;
use std::fmt;

/// The outcome of a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// Lines that are equal, to the last bit.
    pub equal: usize,
    /// Lines the host has.
    pub expected: usize,
    /// Lines the chip sent.
    pub found: usize,
    /// The first difference: line number, the host's line, the chip's line.
    pub first_difference: Option<(usize, String, String)>,
}

impl Comparison {
    /// Compares the portable lines of both.
    ///
    /// # Errors
    ///
    /// If a line is not a record.
    pub fn new(host: &[String], chip: &[String]) -> anyhow::Result<Self> {
        let (host, chip) = (portable(host)?, portable(chip)?);
        let equal = host.iter().zip(&chip).filter(|(host, chip)| host == chip).count();
        let longest = host.len().max(chip.len());
        let at = |lines: &[&str], n: usize| lines.get(n).copied().unwrap_or("(no line)").to_owned();
        let first_difference =
            (0..longest).find(|&n| host.get(n) != chip.get(n)).map(|n| (n + 1, at(&host, n), at(&chip, n)));
        Ok(Self { equal, expected: host.len(), found: chip.len(), first_difference })
    }

    /// Whether every line is equal, there are as many, and there is at least one.
    pub fn is_equal(&self) -> bool {
        self.expected > 0 && self.first_difference.is_none()
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match &self.first_difference {
            None if self.expected > 0 => {
                write!(f, "host and chip agree bit for bit: {} of {} lines", self.equal, self.expected)
            }
            None => write!(f, "host and chip cannot be compared: no line was received"),
            Some((n, host, chip)) => write!(
                f,
                "host and chip DIFFER: {} of {} lines equal ({} sent); first at line {n}\n  host: {host}\n  chip: {chip}",
                self.equal, self.expected, self.found
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mote_protocol::report::Record;

    #[test]
    fn a_line_that_is_missing_or_another_one_is_a_difference() {
        let line = |runs| Record::Bye(runs, 0).into_line().unwrap().as_str().to_owned();
        let compare = |host: &[u64], chip: &[u64]| {
            let lines = |all: &[u64]| all.iter().map(|runs| line(*runs)).collect::<Vec<_>>();
            Comparison::new(&lines(host), &lines(chip)).unwrap()
        };
        assert!(compare(&[1, 2], &[1, 2]).is_equal());
        for (chip, at) in [(&[1][..], 2), (&[1, 2, 3], 3), (&[1, 3], 2), (&[2, 1], 1), (&[], 1)] {
            let found = compare(&[1, 2], chip);
            assert!(!found.is_equal() && found.first_difference.as_ref().unwrap().0 == at, "{found}");
        }
        assert!(!compare(&[], &[]).is_equal(), "nothing proves nothing");
    }
}
