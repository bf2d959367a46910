//! Steps that are not taken, and settings that are refused.

use super::*;
use crate::data::InMemory;
use crate::memory::Fixed;
use std::vec::Vec;

type Small = Fixed<2, 3, 2, 2>;
const X: [f32; 12] = [1., 0., 0., 0.5, 0., 1., 0., 1., 0., 0., 0., 0.5];
const LABELS: [Label; 2] = [Label::Plus, Label::Minus];

fn bits<S: Memory>(trainer: &mut Trainer<S>) -> Vec<u32> {
    let params = trainer.params();
    let all = crate::params::Tensor::ALL.map(|tensor| params.tensor(tensor).data().to_vec());
    all.concat().into_iter().map(f32::to_bits).collect()
}

/// One good step, then a bad one: what it answers, with weights and step count as they were.
fn bad_step(learning_rate: f32, x: &[f32; 12]) -> TrainError {
    let mut memory = Small::zeroed();
    let settings = Settings { learning_rate, train_output: true };
    let mut trainer = Trainer::new(&mut memory, settings).unwrap();
    trainer.init(Init::fan_in(1.0), 3).unwrap();
    let before = bits(&mut trainer);
    let error = trainer.step(&mut InMemory::new(x, &LABELS, 2, 3).unwrap()).unwrap_err();
    assert_eq!(bits(&mut trainer), before, "the weights moved");
    assert_eq!(trainer.last_step(), None);
    error
}

#[test]
fn a_step_to_infinity_is_not_taken() {
    // The loss is finite; learning rate times gradient is not.
    assert_eq!(bad_step(f32::MAX, &X.map(|x| 100.0 * x)), TrainError::WeightsNotFinite);
}

#[test]
fn a_loss_that_is_not_finite_moves_nothing() {
    let mut x = X;
    x[4] = f32::NAN;
    assert_eq!(bad_step(0.1, &x), TrainError::LossNotFinite);
    x[4] = f32::INFINITY;
    assert_eq!(bad_step(0.1, &x), TrainError::LossNotFinite);
}

#[test]
fn initial_weights_that_are_not_finite_are_refused() {
    let mut memory = Small::zeroed();
    let mut trainer = Trainer::new(&mut memory, Settings { learning_rate: 1.0, train_output: false }).unwrap();
    trainer.init(Init::fan_in(1.0), 3).unwrap();
    let before = bits(&mut trainer);
    let gaussian = |query_key_std, value_std| Init::Gaussian { query_key_std, value_std };
    for init in [
        Init::fan_in(0.0),
        Init::fan_in(1e-39),
        Init::fan_in(f32::NAN),
        gaussian(f32::NAN, 1.0),
        gaussian(1.0, 3e38),
        gaussian(-3e38, 1.0),
    ] {
        assert_eq!(trainer.init(init, 3), Err(TrainError::WeightsNotFinite), "{init:?}");
        assert_eq!(bits(&mut trainer), before, "{init:?}");
    }
    for init in [Init::fan_in(1e-37), gaussian(3e37, -3e37)] {
        trainer.init(init, 3).unwrap();
        assert!(bits(&mut trainer).into_iter().all(|bits| f32::from_bits(bits).is_finite()), "{init:?}");
    }
}

#[test]
fn a_test_loss_that_is_not_finite_is_an_error() {
    let mut memory = Small::zeroed();
    let mut trainer = Trainer::new(&mut memory, Settings { learning_rate: 1.0, train_output: false }).unwrap();
    trainer.init(Init::fan_in(1.0), 3).unwrap();
    let x = X.map(|x| 1e30 * x);
    let mut huge = InMemory::new(&x, &LABELS, 2, 3).unwrap();
    assert_eq!(trainer.model().evaluate(&mut huge), Err(TrainError::LossNotFinite));
}

#[test]
fn impossible_settings_and_data_are_refused() {
    let mut memory = Small::zeroed();
    for learning_rate in [0.0, -0.0, -1.0, f32::NAN, f32::INFINITY] {
        let settings = Settings { learning_rate, train_output: false };
        assert_eq!(Trainer::new(&mut memory, settings).err(), Some(TrainError::LearningRate));
    }
    let mut trainer = Trainer::new(&mut memory, Settings { learning_rate: 1.0, train_output: false }).unwrap();
    let mut wide = InMemory::new(&X, &LABELS, 3, 2).unwrap();
    assert_eq!(trainer.step(&mut wide), Err(TrainError::Data(DataError::Shape)));
    assert_eq!(trainer.model().evaluate(&mut wide), Err(TrainError::Data(DataError::Shape)));
}

#[test]
fn a_fixed_output_stays_and_a_trained_one_moves() {
    for train_output in [false, true] {
        let mut memory = Small::zeroed();
        let mut trainer = Trainer::new(&mut memory, Settings { learning_rate: 0.5, train_output }).unwrap();
        trainer.init(Init::fan_in(1.0), 3).unwrap();
        let before = trainer.params().w_o.data().to_vec();
        trainer.step(&mut InMemory::new(&X, &LABELS, 2, 3).unwrap()).unwrap();
        assert_eq!(trainer.params().w_o.data() != before, train_output);
    }
}
