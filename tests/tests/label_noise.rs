//! Label noise in every space: flipped training labels, signals by the true class, test labels as they are.

use mote_core::data::Dataset;
use mote_core::matrix::MatrixMut;
use mote_lab::control::{Control, NEVER};
use mote_lab::digits;
use mote_lab::outcome::Figures;
use mote_lab::place::{FLIP, GridPoint, Representation};
use mote_lab::recipe::{Form, Recipe, Scaling};
use mote_lab::run;
use mote_lab::summary::Moments;

/// Nobody stops a test.
const NOBODY: Control = Control { stop: &NEVER, on_step: &|_| {} };

const PAPER: Form = Form::Paper { big: 1.0, small: 0.2, divisor: 2.0 };
const UNIFORM: Form = Form::Uniform { noise_norm: 4.0, query_key_std: 0.1, value_std: 0.02 };

/// What is compared.
const NAMES: [&str; 4] = ["training loss", "test loss", "test error", "steps"];

/// (form, M, D, H, N, signal norm, chance of a flip): odd and even N, few and many dimensions, strong and weak signals.
const PLACES: [(Form, usize, u64, usize, usize, f64, f64); 12] = [
    (UNIFORM, 3, 20, 4, 8, 2.0, 0.1),
    (UNIFORM, 3, 40, 4, 8, 3.0, 0.2),
    (UNIFORM, 2, 30, 4, 6, 4.0, 0.3),
    (UNIFORM, 4, 40, 8, 6, 2.0, 0.5),
    (UNIFORM, 2, 20, 16, 4, 3.0, 0.25),
    (UNIFORM, 3, 24, 6, 5, 1.0, 0.2),
    (PAPER, 3, 30, 4, 8, 1.0, 0.1),
    (PAPER, 3, 40, 6, 7, 2.0, 0.2),
    (PAPER, 2, 30, 4, 6, 1.5, 0.3),
    (PAPER, 4, 60, 4, 5, 0.5, 0.2),
    (PAPER, 2, 20, 30, 4, 1.0, 0.5),
    (PAPER, 3, 50, 4, 6, 3.0, 0.15),
];

const REPLICATES: u32 = 120;

/// Recipe and place of a replicate.
fn cell(at: usize, replicate: u32) -> (Recipe, GridPoint) {
    let (form, tokens, dim, head, samples, signal_norm, flip) = PLACES[at];
    let recipe = Recipe {
        form,
        tokens,
        dim,
        head,
        value: 8,
        scaling: Scaling::Plain,
        learning_rate: 1.0,
        stop_loss: 0.1,
        max_steps: 3000,
        test_samples: 20,
    };
    let mut place = recipe.place(samples, signal_norm, replicate);
    place.extra[FLIP] = flip;
    (recipe, place)
}

/// The figures of every replicate of a place that converged, in one space.
fn figures(at: usize, run_seed: u64, space: Representation) -> Vec<Option<[f64; 4]>> {
    let one = |replicate| {
        let (recipe, place) = cell(at, replicate);
        let outcome = run::run(&recipe, &place, place.seed(run_seed), space, NOBODY).unwrap();
        let all = |it: Figures| [it.train_loss, it.test_loss, it.test_error, outcome.steps.into()];
        outcome.figures.map(all)
    };
    (0..REPLICATES).map(one).collect()
}

/// Of the means of a space against the engine's on one place, by quantity: how many standard errors they lie apart.
fn apart(engine: &[Option<[f64; 4]>], space: &[Option<[f64; 4]>]) -> [f64; 4] {
    std::array::from_fn(|quantity| {
        let moments = |all: &[Option<[f64; 4]>]| {
            let all: Vec<f64> = all.iter().flatten().map(|figures| figures[quantity]).collect();
            assert!(all.len() > REPLICATES as usize * 9 / 10, "{} of them converged", all.len());
            Moments::of(&all).unwrap()
        };
        let (a, b) = (moments(engine), moments(space));
        let error = a.standard_error.unwrap().hypot(b.standard_error.unwrap());
        (b.mean - a.mean) / error.max(1e-12)
    })
}

/// Means of 120 cells on 12 places: the engine against every other space. Token space has the engine's own draws, so it
/// has its runs too; the samplers have draws of their own, and 96 comparisons. A bias that all places share shows in the
/// mean over places, whose standard error is 0.29.
#[test]
fn means_under_label_noise_are_those_of_the_engine() {
    let spaces = [Representation::Tokens, Representation::Sampled, Representation::Free];
    let of_place = move |at: usize| {
        let engine = figures(at, 5, Representation::Weights);
        spaces.map(|space| {
            let seed = if space == Representation::Tokens { 5 } else { 50 + space as u64 };
            let found = figures(at, seed, space);
            if space == Representation::Tokens {
                let same = engine.iter().zip(&found).filter(|(a, b)| match (a, b) {
                    (Some(a), Some(b)) => (a[3] - b[3]).abs() <= 1.0 && (a[1] - b[1]).abs() < 0.01,
                    (a, b) => a.is_none() == b.is_none(),
                });
                assert!(same.count() >= REPLICATES as usize * 97 / 100, "place {at}: the same runs");
            }
            apart(&engine, &found)
        })
    };
    let halves = [0, 1].map(|half| {
        std::thread::spawn(move || (half..PLACES.len()).step_by(2).map(|at| (at, of_place(at))).collect::<Vec<_>>())
    });
    let all: Vec<_> = halves.into_iter().flat_map(|half| half.join().unwrap()).collect();
    let mut worst: f64 = 0.0;
    for (i, space) in spaces.iter().enumerate() {
        for (quantity, name) in NAMES.iter().enumerate() {
            let mean = all.iter().map(|(_, z)| z[i][quantity]).sum::<f64>() / all.len() as f64;
            println!("{} {name}: {mean:.2} standard errors apart on average", space.name());
            assert!(mean.abs() < 0.9, "{} {name}: {mean:.2}", space.name());
            for (at, z) in &all {
                let z = z[i][quantity];
                worst = worst.max(z.abs());
                assert!(z.abs() < 3.0, "place {at} {} {name}: {z:.2} standard errors apart", space.name());
            }
        }
    }
    println!("worst: {worst:.2} standard errors");
}

/// Whatever else is drawn is the same with label noise and without, in every space: of runs whose labels happen not to be
/// flipped, nothing differs but the seed's own noise.
#[test]
fn label_noise_draws_nothing_of_another_number() {
    for space in Representation::ALL {
        let (recipe, noisy) = cell(1, 0);
        let clean = GridPoint { extra: [0.0; 4], ..noisy };
        // The same seed with a chance so small that no label is flipped.
        let mut hardly = noisy;
        hardly.extra[FLIP] = 1e-9;
        let run = |place: &GridPoint| run::run(&recipe, place, 7, space, NOBODY).unwrap();
        assert_eq!(run(&clean), run(&hardly), "{}", space.name());
        assert_ne!(run(&clean), run(&noisy), "{}", space.name());
    }
}

/// Real images: labels are flipped as often as was asked for, and images stay what they are.
#[test]
fn labels_of_images_are_flipped_too() {
    let (train, _) = digits::draw((3, 8), (100, 20), 6, (2.0, 1.0), 7).unwrap();
    let (mut clean, mut noisy) = (train.clone(), train.flipped(0.25));
    let mut read = |n: usize| {
        let (mut a, mut b) = (vec![0.0; 6 * digits::PIXELS], vec![0.0; 6 * digits::PIXELS]);
        let y = clean.read(n, MatrixMut::new(&mut a, 6, digits::PIXELS)).unwrap();
        let flipped = noisy.read(n, MatrixMut::new(&mut b, 6, digits::PIXELS)).unwrap();
        assert_eq!(a, b);
        y != flipped
    };
    let flips = (0..100).filter(|n| read(*n)).count();
    assert!((13..=38).contains(&flips), "{flips} of 100, where 25 are expected and 3 standard deviations are 13");
}
