//! Synthetic data by its moments, and what is refused.

use super::*;
use std::vec;

fn synthetic(form: Form, flip: f32, samples: usize, purpose: Purpose) -> Synthetic {
    let distribution = Distribution { form, signal_norm: 3.0, flip };
    Synthetic::new(distribution, (4, 16), samples, 5, purpose).unwrap()
}

#[test]
fn a_sample_is_the_same_whenever_it_is_read() {
    let mut data = synthetic(Form::Uniform { sigma: 0.5 }, 0.3, 8, Purpose::Train);
    let (mut first, mut again) = (vec![0.0; 64], vec![1.0; 64]);
    let label = data.read(6, MatrixMut::new(&mut first, 4, 16)).unwrap();
    data.read(2, MatrixMut::new(&mut again, 4, 16)).unwrap();
    assert_ne!(first, again);
    assert_eq!(data.read(6, MatrixMut::new(&mut again, 4, 16)).unwrap(), label);
    assert_eq!(first, again);
}

#[test]
fn forms_are_as_written() {
    let mut x = vec![0.0; 64];
    let mut data = synthetic(Form::Paper { big: 4.0, small: 0.2 }, 0.0, 400, Purpose::Test);
    let mut squares = [0.0; 4];
    for n in 0..400 {
        let label = data.read(n, MatrixMut::new(&mut x, 4, 16)).unwrap();
        assert_eq!(label, if n % 2 == 0 { Label::Plus } else { Label::Minus });
        assert_eq!((x[0], x[1]), if n % 2 == 0 { (3.0, 0.0) } else { (0.0, 3.0) });
        for (square, token) in squares.iter_mut().zip(x.chunks(16)) {
            *square += token.iter().map(|v| v * v).sum::<f32>() / 6400.0;
        }
    }
    // 6,400 numbers: the variance is known to 1.8% (one standard error).
    for (square, std) in squares[1..].iter().zip([4.0f32, 0.2, 0.2]) {
        assert!((square / (std * std) - 1.0).abs() < 0.07, "{squares:?}");
    }
    let mut data = synthetic(Form::Uniform { sigma: 0.5 }, 0.0, 400, Purpose::Test);
    for n in 0..400 {
        data.read(n, MatrixMut::new(&mut x, 4, 16)).unwrap();
        assert!(x[16..].chunks(16).all(|noise| noise[0] == 0.0 && noise[1] == 0.0));
    }
}

#[test]
fn only_training_labels_flip_and_the_tokens_stay() {
    let form = Form::Uniform { sigma: 0.5 };
    for (purpose, expected) in [(Purpose::Train, 0.3), (Purpose::Test, 0.0)] {
        let mut flips = 0;
        for n in 0..4000 {
            let (mut clean, mut noisy) = (vec![0.0; 64], vec![0.0; 64]);
            let a = synthetic(form, 0.0, 4000, purpose).read(n, MatrixMut::new(&mut clean, 4, 16)).unwrap();
            let b = synthetic(form, 0.3, 4000, purpose).read(n, MatrixMut::new(&mut noisy, 4, 16)).unwrap();
            assert_eq!(clean, noisy);
            flips += u32::from(a != b);
        }
        // One standard error of the rate is 0.0072.
        assert!((f64::from(flips) / 4000.0 - expected).abs() < 0.03, "{flips}");
    }
}

#[test]
fn impossible_data_is_refused() {
    let make = |form, shape, samples, flip| {
        Synthetic::new(Distribution { form, signal_norm: 1.0, flip }, shape, samples, 0, Purpose::Train).err()
    };
    let (paper, uniform) = (Form::Paper { big: 1.0, small: 1.0 }, Form::Uniform { sigma: 1.0 });
    assert_eq!(make(paper, (4, 8), 3, 0.0), Some(DataError::Form));
    assert_eq!(make(paper, (1, 8), 4, 0.0), Some(DataError::Form));
    assert_eq!(make(uniform, (4, 2), 4, 0.0), Some(DataError::Form));
    assert_eq!(make(uniform, (4, 8), 0, 0.0), Some(DataError::Empty));
    assert_eq!(make(uniform, (4, 8), 4, 1.5), Some(DataError::Parameter));
    assert_eq!(make(Form::Uniform { sigma: f32::NAN }, (4, 8), 4, 0.0), Some(DataError::Parameter));
    assert_eq!(InMemory::new(&[1.0; 5], &[Label::Plus], 2, 3).err(), Some(DataError::Shape));
    assert_eq!(InMemory::new(&[], &[], 2, 3).err(), Some(DataError::Empty));
}
