//! Runs that are known by name: the same constants on the host and on the chip.

use mote_core::data::{Distribution, Form};
use mote_core::params::Init;
use mote_core::shape::Shape;
use mote_core::train::Settings;

/// One training run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PresetRun {
    /// Name of the run in reports.
    pub name: &'static str,
    /// Distribution of the data.
    pub distribution: Distribution,
    /// `N`, training samples.
    pub samples: usize,
    /// Size of the fresh test set.
    pub test_samples: usize,
    /// How the weights start.
    pub init: Init,
    /// Learning rate, and whether `w_O` is trained.
    pub settings: Settings,
    /// The run stops after the step before which the training loss was below this.
    pub stop_loss: f32,
    /// The run stops after this many steps at the latest.
    pub max_steps: u32,
    /// The model is tested after every so many steps, and at both ends.
    pub eval_every: u32,
    /// Seed of data and weights.
    pub seed: u64,
}

/// Runs of one model shape.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Preset {
    /// Name on the command line and in reports.
    pub name: &'static str,
    /// One line for `--help`.
    pub about: &'static str,
    /// Sizes of the model.
    pub shape: Shape,
    /// The runs, in order.
    pub runs: &'static [PresetRun],
}

impl Preset {
    /// The preset of a name; `const`, so that firmware chooses its shape at compile time.
    pub const fn by_name(name: &str) -> Option<Self> {
        let mut i = 0;
        while i < ALL.len() {
            if same(ALL[i].name, name) {
                return Some(ALL[i]);
            }
            i += 1;
        }
        None
    }
}

const fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    let mut i = 0;
    while i < a.len() {
        if a[i] != b[i] {
            return false;
        }
        i += 1;
    }
    true
}

/// Signal and noise on the chip: noise tokens of norm 4, so the signal has norm `4 SNR`.
const fn uniform(dim_root: f32, snr: f32) -> Distribution {
    Distribution { form: Form::Uniform { sigma: 4.0 / dim_root }, signal_norm: 4.0 * snr, flip: 0.0 }
}

/// The recipe of the sharp condition at chip size.
const fn chip(name: &'static str, distribution: Distribution, samples: usize) -> PresetRun {
    PresetRun {
        name,
        distribution,
        samples,
        test_samples: 200,
        init: Init::Gaussian { query_key_std: 0.02, value_std: 1e-3 },
        settings: Settings { learning_rate: 0.5, train_output: false },
        stop_loss: 0.01,
        max_steps: 1000,
        eval_every: 5,
        seed: 1,
    }
}

/// Square root of 32: `const` code has no square root.
const ROOT_32: f32 = 5.656_854;

const DEMO: [PresetRun; 2] = [chip("benign", uniform(8.0, 0.8), 16), chip("harmful", uniform(8.0, 0.2), 16)];

const TINY: [PresetRun; 2] = [chip("benign", uniform(ROOT_32, 1.0), 16), chip("harmful", uniform(ROOT_32, 0.2), 16)];

/// 200 steps of both data forms, with label flips and a trained output: every path of the engine.
const fn parity(dim_root: f32) -> [PresetRun; 2] {
    let flips = Distribution { flip: 0.2, ..uniform(dim_root, 0.5) };
    let paper = Distribution { form: Form::Paper { big: 1.0, small: 0.2 }, signal_norm: 2.0, flip: 0.0 };
    let fan_in = Init::FanIn { divisor: 16.0 };
    let settings = Settings { learning_rate: 0.1, train_output: true };
    let common = PresetRun { test_samples: 40, stop_loss: 0.0, max_steps: 200, ..chip("flips", flips, 16) };
    [
        common,
        PresetRun { name: "paper", distribution: paper, samples: 8, init: fan_in, settings, seed: u64::MAX, ..common },
    ]
}

const PARITY: [PresetRun; 2] = parity(8.0);
const PARITY_TINY: [PresetRun; 2] = parity(ROOT_32);

/// Every preset.
pub const ALL: [Preset; 4] = [
    Preset {
        name: "demo",
        about: "benign against harmful overfitting, D=64 M=4 H=8 V=8, N=16",
        shape: Shape::new(4, 64, 8, 8),
        runs: &DEMO,
    },
    Preset {
        name: "tiny",
        about: "the same at D=32 M=4 H=4 V=4, for 16 KB of RAM",
        shape: Shape::new(4, 32, 4, 4),
        runs: &TINY,
    },
    Preset {
        name: "parity",
        about: "200 steps of both data forms, label flips and a trained output, D=64",
        shape: Shape::new(4, 64, 8, 8),
        runs: &PARITY,
    },
    Preset {
        name: "parity-tiny",
        about: "the same at D=32, for 16 KB of RAM",
        shape: Shape::new(4, 32, 4, 4),
        runs: &PARITY_TINY,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_are_found_by_name_and_only_so() {
        for preset in ALL {
            assert_eq!(Preset::by_name(preset.name), Some(preset));
        }
        assert_eq!(Preset::by_name("dem"), None);
        assert_eq!(Preset::by_name("demp"), None);
    }
}
