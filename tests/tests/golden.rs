//! Training against automatic differentiation in double precision by another framework: scores,
//! gradients, loss curve and weights of `golden/*.npz`.

use mote_core::memory::Heap;
use mote_core::params::Tensor;
use mote_core::shape::Shape;
use mote_core::train::{Settings, Trainer};
use mote_host::formats::npz::Npz;
use mote_host::formats::samples::Samples;
use mote_host::formats::weights::Weights;
use mote_tests::oracle::{product, relative_error, wide};
use mote_tests::tolerance::{GOLDEN, GRADIENT};
use std::path::PathBuf;

fn golden(name: &str, part: &str) -> PathBuf {
    PathBuf::from(format!("{}/golden/{name}.{part}.npz", env!("CARGO_MANIFEST_DIR")))
}

/// Largest `|x - exact| / (1 + |exact|)`.
fn worst(found: &[f32], exact: &[f64]) -> f64 {
    assert_eq!(found.len(), exact.len());
    let error = |(x, e): (&f32, &f64)| (f64::from(*x) - e).abs() / (1.0 + e.abs());
    found.iter().zip(exact).map(error).fold(0.0, |worst, e| if e.is_nan() { f64::INFINITY } else { f64::max(worst, e) })
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
    assert!(worst(&scores, &exact("f0", 1)) < GOLDEN, "{name}: scores before training");

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
        assert!(error < GRADIENT, "{name}: gradient of {}: {error:e}", tensor.name());
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
        ("curve", worst(&curve, &exact("curve", 1))),
        ("f_end", worst(&scores, &exact("f_end", 1))),
        ("loss_end", worst(&[end.loss], &exact("loss_end", 0))),
    ];
    let params = trainer.params();
    for tensor in Tensor::ALL {
        let rank = if tensor == Tensor::Output { 1 } else { 2 };
        let exact = exact(&format!("end_{}", tensor.name()), rank);
        errors.push((tensor.name(), worst(params.tensor(tensor).data(), &exact)));
    }
    println!("{name}: {}", errors.iter().map(|(key, e)| format!("{key} {e:.1e}")).collect::<Vec<_>>().join("  "));
    for (key, error) in errors {
        assert!(error < GOLDEN, "{name}: {key}: {error:e}");
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
