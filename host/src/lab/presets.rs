//! The phase diagrams that have a name.

use crate::base::error::InputError;
use crate::base::lists::{self, counts, numbers};
use crate::lab::grid::{Config, Signals};
use crate::lab::options::RepresentationChoice;
use mote_lab::axes::AXES;
use mote_lab::recipe::{Form, Recipe, Scaling};
use std::collections::BTreeMap;

/// The names, and what each is for.
pub const ALL: [(&str, &str); 5] = [
    ("figure1", "the paper's phase diagram, D=1024 M=16 H=512, N=2 to 20: 10,000 cells"),
    ("law", "the sharp condition, N SNR^2 = constant, at the size of a chip"),
    ("wide", "D = 10^3 to 10^9 at one cost"),
    ("theorem", "towards the theorem's assumptions, up to D = 4*10^12 and H = 10^8"),
    ("digits", "real images, 8x8 handwritten digits, 3 against 8"),
];

/// The presets of `mote dynamics`, and what each is for. It takes the others too, and they may be grids as those are.
pub const DYNAMICS: [(&str, &str); 2] = [
    ("benign", "the paper's dynamics where attention turns to the signal, N=16, signal norm 25"),
    ("harmful", "the paper's dynamics where it turns to the noise, N=10, signal norm 15"),
];

/// Axes and recipe of a preset.
struct Preset {
    n: &'static str,
    signal: &'static str,
    models: &'static [(u64, usize)],
    replicates: u32,
    recipe: Recipe,
}

/// A preset as it stands.
///
/// # Errors
///
/// [`InputError`] with the names there are.
pub fn preset(name: &str) -> Result<Config, InputError> {
    let Preset { n, signal, models, replicates, recipe } = match name {
        "figure1" => {
            let (n, signal) = ("2..20..2", "1..100..1");
            Preset { n, signal, models: &[(1024, 512)], replicates: 10, recipe: figure1() }
        }
        "law" => {
            // From 128 query and key weights up; N stays below D/(M-1) or nearly, where noise tokens still fit side by side.
            let models = &[(16, 4), (32, 4), (64, 8)];
            Preset { n: "4,8,16", signal: "0.8..5.2..0.2", models, replicates: 100, recipe: law() }
        }
        "wide" => {
            // At the same N SNR^2 whatever D: the noise norm stays as D grows, and so do the weights' effects.
            let models = &[(1_000, 64), (100_000, 64), (10_000_000, 64), (1_000_000_000, 64)];
            Preset { n: "8", signal: "0.8..4.8..0.4", models, replicates: 20, recipe: law() }
        }
        "theorem" => {
            // The places of the last one miss one item of Condition 4.1, "N at least a power of log D": `mote theory` says so.
            let models = &[(10_000, 1_000), (10_000_000, 100_000), (4_000_000_000_000, 100_000_000)];
            let signal = "0.2,0.3,0.4,0.5,0.6,0.7,0.8,1,1.25,1.6,2";
            Preset { n: "6,10", signal, models, replicates: 4, recipe: theorem() }
        }
        "digits" => {
            let (n, signal) = ("4,8,16,32,64,128", "0.5,0.7,1,1.4,2,2.8,4,5.6,8");
            Preset { n, signal, models: &[(64, 8)], replicates: 10, recipe: digits() }
        }
        "benign" => Preset { n: "16", signal: "25", models: &[(2048, 1024)], replicates: 20, recipe: dynamics(0.01) },
        "harmful" => Preset { n: "10", signal: "15", models: &[(2048, 1024)], replicates: 20, recipe: dynamics(0.02) },
        _ => {
            let names: Vec<&str> = ALL.iter().chain(&DYNAMICS).map(|(name, _)| *name).collect();
            return Err(lists::unknown("preset", name, &names));
        }
    };
    let n = counts("n", n)?.into_iter().map(|n| n as usize).collect();
    let (preset, signal, models) = (name.into(), Signals::Norm(numbers("signal", signal)?), models.to_vec());
    let (dim, head) = models[0];
    let recipe = Recipe { dim, head, ..recipe };
    let (extra, seed, space, axes) = (BTreeMap::new(), 1, RepresentationChoice::Auto, AXES);
    Ok(Config { preset, n, signal, extra, models, replicates, seed, space, recipe, axes })
}

/// The paper's Figure 1.
fn figure1() -> Recipe {
    Recipe {
        form: Form::Paper { big: 4.0, small: 0.2, divisor: 16.0 },
        tokens: 16,
        dim: 1024,
        head: 512,
        value: 512,
        scaling: Scaling::Plain,
        learning_rate: 0.1,
        stop_loss: 0.01,
        max_steps: 1000,
        test_samples: 100,
    }
}

/// The paper's section on dynamics.
fn dynamics(learning_rate: f64) -> Recipe {
    Recipe {
        form: Form::Paper { big: 1.0, small: 0.05, divisor: 64.0 },
        tokens: 4,
        dim: 2048,
        head: 1024,
        value: 256,
        learning_rate,
        test_samples: 10,
        ..figure1()
    }
}

/// The sharp condition at the size of a chip.
fn law() -> Recipe {
    Recipe {
        form: Form::Uniform { noise_norm: 4.0, query_key_std: 0.02, value_std: 1e-3 },
        tokens: 4,
        dim: 64,
        head: 8,
        value: 8,
        learning_rate: 0.5,
        max_steps: 5000,
        test_samples: 400,
        ..figure1()
    }
}

/// Towards the assumptions of the paper's theorem: see [`crate::commands::theory`].
fn theorem() -> Recipe {
    Recipe {
        form: Form::Uniform { noise_norm: 1.0, query_key_std: 1.0, value_std: 0.1 },
        tokens: 2,
        value: 1,
        scaling: Scaling::Theorem,
        learning_rate: 1.0,
        stop_loss: 0.05,
        max_steps: 10_000_000,
        test_samples: 400,
        ..law()
    }
}

/// Real images among tokens of noise, at the size of a chip.
fn digits() -> Recipe {
    Recipe {
        form: Form::Digits { classes: (3, 8), noise_norm: 4.0, query_key_std: 0.02, value_std: 1e-3 },
        tokens: 8,
        test_samples: 200,
        ..law()
    }
}
