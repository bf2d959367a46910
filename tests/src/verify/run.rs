//! Runs checks: those of the host and those that compile for chips at the same time, then those of the emulator.

use crate::checks::{Check, Lane, Work};
use crate::count::Count;
use crate::{figures, firmware, mutants};
use mote_tests::volume::Volume;
use std::sync::Mutex;
use std::time::Instant;

/// What came of all checks.
#[derive(Default)]
struct Total {
    count: Count,
    failures: Vec<String>,
}

/// Runs all, says what came of each and of all. Whether nothing failed.
pub fn run_all(chosen: &[Check], volume: Volume) -> bool {
    let (start, total) = (Instant::now(), Mutex::new(Total::default()));
    let lane = |lane: Lane| {
        for check in chosen.iter().filter(|check| check.lane == lane) {
            run_one(check, volume, &total);
        }
    };
    // Two cores: the compilers of both seldom keep more than one busy for long. Their folders differ.
    std::thread::scope(|scope| {
        scope.spawn(|| lane(Lane::Chip));
        lane(Lane::Host);
    });
    lane(Lane::Emulator);
    let Total { count, failures } = total.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    if !failures.is_empty() {
        println!("failed: {}", failures.join(", "));
    }
    println!("verified ({}) in {:.0} s: {}", volume.name(), start.elapsed().as_secs_f64(), count.text());
    println!("{} passed, {} failed", count.tests + count.checks, count.failed);
    count.failed == 0
}

fn run_one(check: &Check, volume: Volume, total: &Mutex<Total>) {
    let began = Instant::now();
    let mut text = String::new();
    let count = check.work.run(volume, &mut text).unwrap_or_else(|error| {
        text += &format!("{error:#}\n");
        Count::FAILURE
    });
    let mut total = total.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    println!("== {}", check.name);
    text.lines().filter(|line| !line.is_empty()).for_each(|line| println!("   {line}"));
    let verdict = if count.failed == 0 { "ok" } else { "FAILED" };
    println!("   {verdict}: {}, {:.0} s", count.text(), began.elapsed().as_secs_f64());
    total.count += count;
    if count.failed > 0 {
        total.failures.push(check.name.clone());
    }
}

impl Work {
    /// Does it. What is worth reading goes to `said`.
    fn run(&self, volume: Volume, said: &mut String) -> anyhow::Result<Count> {
        match self {
            Self::Cargo(cargo) => cargo.run(volume, said),
            Self::Firmware(checks) => firmware::build(checks, volume, said),
            Self::MutantTexts => mutants::check_texts(said),
            Self::Mutants(filters) => mutants::run(filters),
            Self::Figures { write } => figures::figures(*write, volume, said),
        }
    }
}
