//! Every hand-written gradient against the numeric derivative of the independent double-precision oracle.

use mote_core::data::{InMemory, Label};
use mote_core::kernels::attention::{attention_backward, attention_forward, token_attention};
use mote_core::kernels::softmax::{softmax_backward, softmax_forward};
use mote_core::loss::logistic;
use mote_core::matrix::{Matrix, MatrixMut};
use mote_core::memory::{Fixed, Heap, Memory};
use mote_core::params::Tensor;
use mote_core::rng::{Purpose, Stream};
use mote_core::shape::Shape;
use mote_core::train::{Settings, Trainer};
use mote_tests::oracle::{Oracle, numeric_gradient, product, relative_error, wide};
use mote_tests::tolerance::{
    ATTENTION, ATTENTION_GRADIENT, CANCELLATION, GRADIENT, GRADIENT_OF_TERMS, LOGISTIC, LOSS, SOFTMAX_GRADIENT,
};
use mote_tests::worst::{largest, worse, worst};

fn normals(stream: &mut Stream, count: usize, std: f32) -> Vec<f32> {
    (0..count).map(|_| std * stream.normal()).collect()
}

/// Shapes with every size at 1 first, then random ones.
fn cases() -> Vec<(Shape, usize)> {
    let mut cases = vec![];
    for bits in 0..32 {
        let size = |bit: u32, other: usize| if bits >> bit & 1 == 1 { 1 } else { other };
        cases.push((Shape::new(size(0, 3), size(1, 5), size(2, 4), size(3, 2)), size(4, 3)));
    }
    let mut stream = Stream::new(11, Purpose::Test, 0, 0);
    let mut below = |limit: u32| 1 + (stream.next_u32() % limit) as usize;
    for _ in 0..168 {
        cases.push((Shape::new(below(7), below(12), below(9), below(6)), below(5)));
    }
    cases
}

/// The whole model: loss and the gradients of all four tensors, at weights large enough for a softmax
/// that is neither flat nor saturated.
#[test]
fn model_gradients_are_the_derivative_of_the_oracle() {
    let (mut worsts, mut of_terms, mut cancelled, mut compared) = ([0.0f64; 5], 0.0, 0, 0);
    for (case, (shape, samples)) in cases().into_iter().enumerate() {
        let Shape { tokens, dim, head, value } = shape;
        let mut stream = Stream::new(5, Purpose::Test, case as u32, 0);
        let std = 1.0 / (dim as f32).sqrt();
        let x = normals(&mut stream, samples * tokens * dim, 1.0);
        let labels: Vec<Label> =
            (0..samples).map(|_| if stream.coin(0.5) { Label::Plus } else { Label::Minus }).collect();
        let mut memory = Heap::zeroed(shape).unwrap();
        let mut trainer = Trainer::new(&mut memory, Settings { learning_rate: 1.0, train_output: true }).unwrap();
        let mut params = trainer.params();
        let mut weights = Vec::new();
        for tensor in Tensor::ALL {
            let numbers = normals(&mut stream, params.tensor(tensor).data().len(), std);
            params.tensor_mut(tensor).data().copy_from_slice(&numbers);
            weights.push(wide(&numbers));
        }
        let y = labels.iter().map(|label| f64::from(label.sign())).collect();
        let weights: [Vec<f64>; 4] = weights.try_into().unwrap();
        let oracle = Oracle { tokens, dim, head, value, weights, x: wide(&x), y };

        let loss = trainer.gradient(&mut InMemory::new(&x, &labels, tokens, dim).unwrap()).unwrap();
        worsts[4] = worse(worsts[4], (f64::from(loss) - oracle.loss()).abs());
        let grads = trainer.grads();
        let n = samples as f64;
        let scaled = |view: Matrix, scale: f64| -> Vec<f64> { wide(view.data()).iter().map(|g| g / scale).collect() };
        let d_w_v = product(&scaled(grads.d_z.view(), n), &oracle.weights[3], dim, 1, value);
        let found = [
            scaled(grads.d_w_q.view(), n * tokens as f64),
            scaled(grads.d_w_k.view(), n * tokens as f64),
            d_w_v,
            scaled(grads.d_w_o.view(), n),
        ];
        for (tensor, found) in found.iter().enumerate() {
            let exact = oracle.gradient(tensor);
            // One token attends to itself whatever the query: the gradient is 0, and so is the engine's.
            if tokens == 1 && tensor < 2 {
                assert!(found.iter().all(|g| *g == 0.0), "case {case} {shape:?}");
                continue;
            }
            // The largest entry, or what single precision can tell apart where the terms of the gradient cancel.
            let largest = largest(exact.iter().copied());
            let scale = worse(largest, oracle.terms(tensor) / CANCELLATION);
            let difference = worst(found.iter().zip(&exact).map(|(a, b)| (a - b).abs()));
            assert!(largest.is_finite() && scale.is_finite(), "case {case} {shape:?}: the oracle itself fails");
            compared += 1;
            if scale > largest {
                cancelled += 1;
                of_terms = worse(of_terms, difference / scale);
            } else {
                worsts[tensor] = worse(worsts[tensor], difference / largest);
            }
            let name = Tensor::ALL[tensor].name();
            let place = format!("case {case} {shape:?} N={samples}, {name}");
            let tolerance = if scale > largest { GRADIENT_OF_TERMS } else { GRADIENT[tensor] };
            tolerance
                .check(difference / scale, format_args!("{place}: {difference:e} of {largest:e}, scale {scale:e}"));
            assert!(found.iter().all(|x| x.is_finite()), "{place}");
        }
    }
    println!(
        "{cancelled} of {compared} gradients have terms that cancel more than {CANCELLATION}-fold: {of_terms:.1e}"
    );
    assert!(cancelled * 10 < compared, "too few gradients are checked at full sharpness");
    println!(
        "worst of the model: W_Q {:.1e} W_K {:.1e} W_V {:.1e} w_O {:.1e}; loss {:.1e}",
        worsts[0], worsts[1], worsts[2], worsts[3], worsts[4]
    );
    LOSS.check(worsts[4], "loss");
}

/// Attention alone: gradients on q, k and v.
#[test]
fn attention_backward_is_the_derivative_of_attention() {
    let (mut worst, mut worst_forward) = (0.0, 0.0);
    for (case, (Shape { tokens: m, head: h, .. }, _)) in cases().into_iter().enumerate() {
        let mut stream = Stream::new(6, Purpose::Test, case as u32, 0);
        let std = 1.0 / (h as f32).sqrt();
        let (q, k) = (normals(&mut stream, m * h, std), normals(&mut stream, m * h, std));
        let (v, g) = (normals(&mut stream, m, 1.0), stream.symmetric());
        let (mut p, mut mixed) = (vec![0.0; m * m], vec![0.0; m]);
        let (mq, mk) = (Matrix::new(&q, m, h), Matrix::new(&k, m, h));
        let f = attention_forward(MatrixMut::new(&mut p, m, m), &mut mixed, mq, mk, &v);
        let (mut t, mut d_q, mut d_k, mut a) = (vec![0.0; m * m], vec![0.0; m * h], vec![9.0; m * h], vec![0.0; m]);
        let p = Matrix::new(&p, m, m);
        let out = |data| MatrixMut::new(data, m, h);
        attention_backward(MatrixMut::new(&mut t, m, m), out(&mut d_q), out(&mut d_k), g, p, &mixed, mq, mk, &v);
        token_attention(&mut a, p);

        // The kernel in double precision, written here from the formula.
        let attention = |q: &[f64], k: &[f64], v: &[f64]| attention_f64(q, k, v, m, h);
        let (wq, wk, wv) = (wide(&q), wide(&k), wide(&v));
        worst_forward = worse(worst_forward, (f64::from(f) - attention(&wq, &wk, &wv)).abs());
        let times_m = |x: &[f32]| -> Vec<f64> { wide(x).iter().map(|x| x / m as f64).collect() };
        let d_v: Vec<f64> = wide(&a).iter().map(|a| a * f64::from(g)).collect();
        let exact = [
            numeric_gradient(&wq, |q| f64::from(g) * attention(q, &wk, &wv)),
            numeric_gradient(&wk, |k| f64::from(g) * attention(&wq, k, &wv)),
            numeric_gradient(&wv, |v| f64::from(g) * attention(&wq, &wk, v)),
        ];
        for (name, found, exact) in
            [("q", times_m(&d_q), &exact[0]), ("k", times_m(&d_k), &exact[1]), ("v", d_v, &exact[2])]
        {
            if m == 1 && name != "v" {
                continue;
            }
            let error = relative_error(&found, exact);
            worst = worse(worst, error);
            ATTENTION_GRADIENT.check(error, format_args!("case {case}, M={m} H={h}, d_{name}"));
        }
    }
    println!("worst of attention: {worst_forward:.1e}, its gradients {worst:.1e}");
    ATTENTION.check(worst_forward, "the score of one sample");
}

fn attention_f64(q: &[f64], k: &[f64], v: &[f64], m: usize, h: usize) -> f64 {
    let mut f = 0.0;
    for l in 0..m {
        let logits: Vec<f64> = (0..m).map(|j| (0..h).map(|i| q[l * h + i] * k[j * h + i]).sum()).collect();
        let total: f64 = logits.iter().map(|s: &f64| s.exp()).sum();
        f += (0..m).map(|j| logits[j].exp() / total * v[j]).sum::<f64>();
    }
    f / m as f64
}

/// Softmax alone, on the logits of one row.
#[test]
fn softmax_backward_is_the_derivative_of_softmax() {
    let mut worst = 0.0;
    for case in 0..200u32 {
        let mut stream = Stream::new(7, Purpose::Test, case, 0);
        let m = 2 + case as usize % 9;
        let (logits, v, g) = (normals(&mut stream, m, 1.0), normals(&mut stream, m, 1.0), stream.symmetric());
        let mut p = logits.clone();
        softmax_forward(&mut p);
        let mean = p.iter().zip(&v).map(|(p, v)| p * v).sum();
        let mut found = vec![0.0; m];
        softmax_backward(&mut found, &p, &v, mean, g);
        let wv = wide(&v);
        let exact = numeric_gradient(&wide(&logits), |s| {
            let total: f64 = s.iter().map(|s| s.exp()).sum();
            f64::from(g) * s.iter().zip(&wv).map(|(s, v)| s.exp() / total * v).sum::<f64>()
        });
        let error = relative_error(&wide(&found), &exact);
        worst = worse(worst, error);
        SOFTMAX_GRADIENT.check(error, format_args!("case {case}, M={m}"));
    }
    println!("worst of softmax: {worst:.1e}");
}

/// The loss alone, from deep in one class to deep in the other.
#[test]
fn logistic_gradient_is_the_derivative_of_the_loss() {
    let mut worst = 0.0;
    for i in -300..=300 {
        for y in [1.0f32, -1.0] {
            let f = i as f32 / 10.0;
            let (loss, g) = logistic(f, y);
            let exact = |f: f64| {
                let margin = f64::from(y) * f;
                (-margin).max(0.0) + (-margin.abs()).exp().ln_1p()
            };
            // The exact derivative: differences of the loss lose all digits in the tails.
            let slope = -f64::from(y) / (1.0 + (f64::from(y) * f64::from(f)).exp());
            let errors = [(f64::from(loss) / exact(f.into()) - 1.0).abs(), (f64::from(g) / slope - 1.0).abs()];
            worst = errors.into_iter().fold(worst, worse);
        }
    }
    println!("worst of the loss: {worst:.1e}");
    LOGISTIC.check(worst, "loss and its derivative");
}

/// Fixed arrays and vectors are one program: the same bits, step by step.
#[test]
fn fixed_and_heap_memory_give_the_same_bits() {
    fn weights<S: Memory>(memory: &mut S) -> Vec<u32> {
        let x: Vec<f32> = normals(&mut Stream::new(3, Purpose::Test, 0, 0), 4 * 3 * 10, 1.0);
        let labels = [Label::Plus, Label::Minus, Label::Minus, Label::Plus];
        let mut data = InMemory::new(&x, &labels, 3, 10).unwrap();
        let mut trainer = Trainer::new(memory, Settings { learning_rate: 0.3, train_output: true }).unwrap();
        trainer.init(mote_core::params::Init::fan_in(1.0), 9).unwrap();
        for _ in 0..25 {
            trainer.step(&mut data).unwrap();
        }
        let params = trainer.params();
        Tensor::ALL
            .iter()
            .flat_map(|t| params.tensor(*t).data().iter().map(|x| x.to_bits()).collect::<Vec<_>>())
            .collect()
    }
    let fixed = weights(&mut Fixed::<3, 10, 5, 2>::zeroed());
    assert_eq!(fixed, weights(&mut Heap::zeroed(Shape::new(3, 10, 5, 2)).unwrap()));
    assert!(fixed.iter().any(|bits| *bits != 0));
}
