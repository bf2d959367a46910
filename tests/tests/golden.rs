//! Training against automatic differentiation in double precision by another framework: scores,
//! gradients, loss curve and weights of `golden/*.npz`.

use mote_core::memory::Heap;
use mote_core::params::Tensor;
use mote_core::shape::Shape;
use mote_core::train::{Settings, Trainer};
use mote_host::formats::npz::Npz;
use mote_host::formats::samples::Samples;
use mote_host::formats::weights::Weights;
use mote_protocol::crc::checksum;
use mote_tests::oracle::{product, relative_error, wide};
use mote_tests::tolerance::{GOLDEN_CURVE, GOLDEN_GRADIENT, GOLDEN_SCORE, GOLDEN_WEIGHT};
use mote_tests::worst::worst;
use std::path::PathBuf;

fn golden(name: &str, part: &str) -> PathBuf {
    PathBuf::from(format!("{}/golden/{name}.{part}.npz", env!("CARGO_MANIFEST_DIR")))
}

/// Largest `|x - exact| / (1 + |exact|)`.
fn error_of(found: &[f32], exact: &[f64]) -> f64 {
    assert_eq!(found.len(), exact.len());
    worst(found.iter().zip(exact).map(|(x, e)| (f64::from(*x) - e).abs() / (1.0 + e.abs())))
}

fn replay(name: &str) {
    let samples = Samples::read_labelled(&golden(name, "data")).unwrap();
    let init = Weights::read(&golden(name, "init")).unwrap();
    let mut expected = Npz::open(&golden(name, "expected")).unwrap();
    let mut scalar = |key: &str| expected.numbers(key, 0).unwrap().data[0];
    let (learning_rate, steps, train_output) =
        (scalar("lr") as f32, scalar("steps") as usize, scalar("train_output") == 1.0);
    let mut exact = |key: &str, rank| expected.numbers(key, rank).unwrap().data;

    let shape = Shape::new(samples.tokens, samples.dim, init.head, init.value);
    let mut memory = Heap::zeroed(shape).unwrap();
    let mut trainer = Trainer::new(&mut memory, Settings { learning_rate, train_output }).unwrap();
    init.load(&mut trainer.params());
    let labels = samples.labels_or_plus();
    let mut data = samples.dataset(&labels);
    let mut scores = Vec::new();
    trainer.model().for_each_score(&mut data, |_, f, _| scores.push(f)).unwrap();
    GOLDEN_SCORE.check(error_of(&scores, &exact("f0", 1)), format_args!("{name}: scores before training"));

    // The gradient of w_O is only made for one that is trained.
    let mut trainer = Trainer::new(&mut memory, Settings { learning_rate, train_output: true }).unwrap();
    trainer.gradient(&mut data).unwrap();
    let w_o = wide(trainer.params().w_o.view().data());
    let grads = trainer.grads();
    let n = samples.samples as f64;
    let scaled = |data: &[f32], scale: f64| -> Vec<f64> { wide(data).iter().map(|g| g / scale).collect() };
    let d_w_v = product(&scaled(grads.d_z.view().data(), n), &w_o, shape.dim, 1, shape.value);
    let by_tokens = n * shape.tokens as f64;
    for (tensor, found) in [
        (Tensor::Query, scaled(grads.d_w_q.view().data(), by_tokens)),
        (Tensor::Key, scaled(grads.d_w_k.view().data(), by_tokens)),
        (Tensor::Value, d_w_v),
        (Tensor::Output, scaled(grads.d_w_o.view().data(), n)),
    ] {
        let rank = if tensor == Tensor::Output { 1 } else { 2 };
        let error = relative_error(&found, &exact(&format!("grad_{}", tensor.name()), rank));
        println!("{name}: gradient of {} {error:.1e}", tensor.name());
        GOLDEN_GRADIENT.check(error, format_args!("{name}: gradient of {}", tensor.name()));
    }

    let mut trainer = Trainer::new(&mut memory, Settings { learning_rate, train_output }).unwrap();
    let mut curve = Vec::new();
    for _ in 0..steps {
        curve.push(trainer.step(&mut data).unwrap().train_loss);
    }
    let end = trainer.model().evaluate(&mut data).unwrap();
    scores.clear();
    trainer.model().for_each_score(&mut data, |_, f, _| scores.push(f)).unwrap();
    let mut errors = vec![
        ("curve", GOLDEN_CURVE, error_of(&curve, &exact("curve", 1))),
        ("f_end", GOLDEN_SCORE, error_of(&scores, &exact("f_end", 1))),
        ("loss_end", GOLDEN_CURVE, error_of(&[end.loss], &exact("loss_end", 0))),
    ];
    let params = trainer.params();
    for tensor in Tensor::ALL {
        let rank = if tensor == Tensor::Output { 1 } else { 2 };
        let exact = exact(&format!("end_{}", tensor.name()), rank);
        errors.push((tensor.name(), GOLDEN_WEIGHT, error_of(params.tensor(tensor).data(), &exact)));
    }
    println!("{name}: {}", errors.iter().map(|(key, _, e)| format!("{key} {e:.1e}")).collect::<Vec<_>>().join("  "));
    for (key, tolerance, error) in errors {
        tolerance.check(error, format_args!("{name}: {key}"));
    }
}

#[test]
fn small_model() {
    replay("small");
}

#[test]
fn wide_model() {
    replay("wide");
}

#[test]
fn trained_output() {
    replay("trained_output");
}

/// Every file of the folder is the one that its README has the digest of.
#[test]
fn the_files_are_those_on_record() {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/golden"));
    let table = std::fs::read_to_string(folder.join("README.md")).unwrap();
    let mut names: Vec<String> =
        std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| name != "README.md");
    for name in &names {
        let bytes = std::fs::read(folder.join(name)).unwrap();
        let row = format!("| `{name}` | {} | `{:08x}` |", bytes.len(), checksum(&bytes));
        assert!(table.lines().any(|line| line == row), "golden/README.md: expected the line {row}");
    }
    assert!(names.len() >= 12, "{names:?}");
}
