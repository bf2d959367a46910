//! How many cells agree with "test loss below the cut if and only if `N SNR^2` >= constant", and with which constant most
//! do.
//!
//! These figures count cells by the test loss of each, which is not linear in it. What a space leaves unchanged in every
//! mean (see [`super::sampled`]) may therefore change here.

use crate::control::{Stop, check};
use crate::error::Error;
use crate::statistics::{Interval, NeverRising, Redraws};
use crate::summary::Group;
use mote_core::rng::{Purpose, Stream};

/// The converged cells of one place, counted.
#[derive(Clone, Copy, Debug)]
struct Tally {
    /// `N SNR^2`.
    value: f64,
    /// Cells below the cut.
    below: usize,
    /// All cells.
    all: usize,
    /// Chance of a cell to be below the cut: the row's shares, smoothed so that they never fall with the signal.
    chance: f64,
}

/// The places of a grid by `N SNR^2`.
#[derive(Debug)]
pub struct Agreement(Vec<Tally>);

/// The constant that most cells agree with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Best {
    /// The constant: the value of one of the places; `None` if it is above them all, with no cell benign.
    pub constant: Option<f64>,
    /// Cells that agree with it.
    pub agree: usize,
}

impl Agreement {
    /// Of the groups of one model, in the order of the grid.
    pub fn of(groups: &[Group], threshold: f64) -> Self {
        let (mut never_rising, mut tallies) = (NeverRising::default(), Vec::with_capacity(groups.len()));
        for row in groups.chunk_by(|a, b| a.n == b.n) {
            let first = tallies.len();
            tallies.extend(row.iter().map(|group| {
                let below = group.test_loss.iter().filter(|loss| **loss < threshold).count();
                Tally { value: group.n_snr2(), below, all: group.test_loss.len(), chance: 0.0 }
            }));
            let row = || tallies[first..].iter().filter(|tally| tally.all > 0);
            let mut above: Vec<f64> = row().map(|tally| (tally.all - tally.below) as f64 / tally.all as f64).collect();
            never_rising.smooth(&mut above);
            let row = tallies[first..].iter_mut().filter(|tally| tally.all > 0);
            row.zip(above).for_each(|(tally, above)| tally.chance = 1.0 - above);
        }
        tallies.sort_by(|a, b| a.value.total_cmp(&b.value));
        Self(tallies)
    }

    /// Converged cells.
    pub fn cells(&self) -> usize {
        self.0.iter().map(|tally| tally.all).sum()
    }

    /// Cells that agree with a constant.
    pub fn with(&self, constant: f64) -> usize {
        let agree = |t: &Tally| if t.value >= constant { t.below } else { t.all - t.below };
        self.0.iter().map(agree).sum()
    }

    /// The best constant, the lowest of several; in one pass.
    pub fn best(&self) -> Best {
        best(self.0.iter().rev().map(|tally| (tally.value, tally.below, tally.all)))
    }

    /// Best constants of redrawn cells, for an [`Interval`]: each is below the cut again with the chance of its place. The
    /// best constant jumps from place to place, and resampling the cells themselves would repeat every accident of the
    /// data in each redraw; redrawn from smoothed chances they are what other cells would have been.
    ///
    /// # Errors
    ///
    /// [`Error::Stopped`] when told to.
    pub fn redrawn(&self, redraws: Redraws, stop: Stop) -> Result<Vec<Option<f64>>, Error> {
        // A grid of single replicates says nothing of their spread.
        if self.0.iter().all(|tally| tally.all < 2) {
            return Ok(Vec::new());
        }
        let mut stream = Stream::new(redraws.seed, Purpose::Test, u32::MAX, u32::MAX);
        let mut again = |tally: &Tally| match tally.chance {
            0.0 => 0,
            1.0 => tally.all,
            chance => (0..tally.all).filter(|_| f64::from(stream.uniform()) < chance).count(),
        };
        let redraw = |_| {
            check(stop)?;
            Ok(best(self.0.iter().rev().map(|tally| (tally.value, again(tally), tally.all))).constant)
        };
        (0..redraws.count).map(redraw).collect()
    }

    /// The best constant with its interval; `None` if it is above the grid.
    ///
    /// # Errors
    ///
    /// [`Error::Stopped`] when told to.
    pub fn interval(&self, redraws: Redraws, stop: Stop) -> Result<Option<Interval>, Error> {
        let redrawn = self.redrawn(redraws, stop)?;
        Ok(self.best().constant.map(|constant| Interval::of(constant, redrawn)))
    }
}

/// The best constant of places in falling order of `N SNR^2`: (value, cells below the cut, all cells).
fn best(falling: impl Iterator<Item = (f64, usize, usize)>) -> Best {
    // Cells that agree if none is benign, and how many more do with the best constant so far.
    let (mut nowhere, mut gain, mut best) = (0, 0, (0, None));
    let mut places = falling.peekable();
    while let Some((value, below, all)) = places.next() {
        nowhere += all - below;
        gain += 2 * below as i64 - all as i64;
        let is_whole = places.peek().is_none_or(|next| next.0 != value);
        if is_whole && (gain > best.0 || gain == best.0 && best.1.is_some()) {
            best = (gain, Some(value));
        }
    }
    Best { constant: best.1, agree: nowhere + best.0 as usize }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::NEVER;

    /// A grid of random losses, some places without a cell, some of one `N SNR^2`.
    fn grid(seed: u32, replicates: usize) -> Vec<Group> {
        let mut stream = Stream::new(5, Purpose::Test, seed, 0);
        let mut groups = Vec::new();
        for n in [4usize, 9, 16] {
            for i in 1..=12 {
                let snr = f64::from(i) / 4.0;
                let mut group = Group::new((64, 8), n, snr, snr);
                let converged = if stream.coin(0.1) { 0 } else { replicates };
                let chance = 0.25 * (n as f32).sqrt() * snr as f32;
                group.test_loss = (0..converged).map(|_| if stream.coin(chance) { 0.1 } else { 0.9 }).collect();
                groups.push(group);
            }
        }
        groups
    }

    fn agree(groups: &[Group], constant: f64) -> usize {
        let of = |group: &Group| {
            let is_benign = group.n as f64 * group.snr * group.snr >= constant;
            group.test_loss.iter().filter(|loss| (**loss < 0.2) == is_benign).count()
        };
        groups.iter().map(of).sum()
    }

    /// Against the straightforward search: every constant, every cell.
    #[test]
    fn the_best_constant_is_that_of_a_full_search() {
        for seed in 0..50 {
            let groups = grid(seed, 1 + seed as usize % 3);
            let mut constants: Vec<f64> = groups.iter().map(Group::n_snr2).collect();
            constants.sort_by(f64::total_cmp);
            let mut expected = Best { constant: None, agree: agree(&groups, f64::INFINITY) };
            for constant in constants {
                let agree = agree(&groups, constant);
                if agree > expected.agree {
                    expected = Best { constant: Some(constant), agree };
                }
            }
            let found = Agreement::of(&groups, 0.2);
            assert_eq!(found.best(), expected, "{seed}");
            assert_eq!(found.with(3.0), agree(&groups, 3.0));
        }
    }

    #[test]
    fn the_best_constant_lies_in_its_interval() {
        let redraws = Redraws::seeded(1);
        let of = |replicates| Agreement::of(&grid(7, replicates), 0.2).interval(redraws, &NEVER).unwrap().unwrap();
        let (many, few) = (of(100), of(5));
        for interval in [many, few] {
            assert!(interval.low.unwrap() <= interval.value && interval.value <= interval.high.unwrap(), "{interval}");
        }
        assert!(many.high.unwrap() - many.low.unwrap() <= few.high.unwrap() - few.low.unwrap(), "{many} {few}");
        assert_eq!(of(1).low, None, "single replicates");
        assert_eq!(
            Agreement::of(&grid(7, 5), 0.2).interval(redraws, &std::sync::atomic::AtomicBool::new(true)),
            Err(Error::Stopped)
        );
    }
}
