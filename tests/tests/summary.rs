//! `summary.json` of `train` and of `device train`, with a chip on a pseudo terminal: the same keys, the same digests.
#![cfg(target_os = "linux")]

use mote_core::data::Label;
use mote_core::memory::Heap;
use mote_core::params::Init;
use mote_core::rng::Purpose;
use mote_core::shape::Shape;
use mote_core::train::Settings;
use mote_host::formats::samples::Samples;
use mote_host::reference::session::{Files, run};
use mote_protocol::report::Record;
use mote_runtime::runs::plan::{Plan, Start};
use mote_tests::archive::synthetic;
use mote_tests::pty::{Accidents, PtyChip};
use mote_tests::{refused, stderr};
use serde_json::{Map, Value};
use std::path::Path;
use std::process::{Command, Output};

fn mote(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mote-under-test")).args(args).output().unwrap()
}

/// The summary that a command writes.
fn summary(args: &[&str], out: &Path) -> Map<String, Value> {
    let output = mote(&[args, &["--quiet", "--out", out.to_str().unwrap()]].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    serde_json::from_slice(&std::fs::read(out.join("summary.json")).unwrap()).unwrap()
}

/// The digests of both sets as a report has them.
fn reported(train: &str, test: &str) -> [String; 2] {
    let read = |path: &str| -> (Samples, Vec<Label>) {
        let samples = Samples::read_labelled(Path::new(path)).unwrap();
        let labels = samples.labels_or_plus();
        (samples, labels)
    };
    let (train, test) = (read(train), read(test));
    let mut memory = Heap::zeroed(Shape::new(3, 5, 2, 2)).unwrap();
    let plan = Plan {
        samples: train.0.samples,
        test_samples: test.0.samples,
        start: Start::Fresh(Init::Gaussian { query_key_std: 0.02, value_std: 1e-3 }, 1),
        settings: Settings { learning_rate: 0.5, train_output: false },
        stop_loss: 0.0,
        max_steps: 1,
        eval_every: 0,
        report_every: 1,
    };
    let records = run(&mut memory, plan, &mut Files::new(&train, Some(&test)));
    ["train", "test"].map(|set| {
        let digest = records.iter().find_map(|record| match record {
            Record::Digest(digest) if digest.what.as_str() == set => Some(format!("{:08x}", digest.digest)),
            _ => None,
        });
        digest.unwrap()
    })
}

#[test]
fn both_commands_write_the_same_keys_and_the_digests_of_report_lines() {
    let folder = tempfile::tempdir().unwrap();
    let chip = PtyChip::start(Accidents::default());
    let data = synthetic(folder.path(), 4, (3, 5), Purpose::Train);
    let test = synthetic(folder.path(), 2, (3, 5), Purpose::Test);
    let common = ["--data", &data, "--test", &test, "--steps", "9", "--lr", "0.5"];
    let here = [&["train", "--head", "2", "--value", "2"], &common[..]].concat();
    let here = summary(&here, &folder.path().join("here"));
    let there = [&["device", "train", "--port", chip.path()], &common[..]].concat();
    let there = summary(&there, &folder.path().join("there"));
    assert!(here.keys().eq(there.keys()), "{here:?}\n{there:?}");
    let same = ["data", "data_crc32", "test", "test_crc32", "samples", "test_samples", "tokens", "M", "dim", "D"];
    let more = ["head", "H", "value", "V", "learning_rate", "max_steps", "steps", "initial_train_loss", "ended"];
    for key in same.into_iter().chain(more) {
        assert!(here[key] == there[key] && !here[key].is_null(), "{key}: {} and {}", here[key], there[key]);
    }
    assert_eq!((&here["max_steps"], &here["test"]), (&9.into(), &Value::from(test.as_str())));
    let [of_train, of_test] = reported(&data, &test);
    assert_eq!((&here["data_crc32"], &here["test_crc32"]), (&of_train.into(), &of_test.into()));
    // What one of them cannot know is null there.
    for key in ["board", "training_set", "equal_to_host", "bytes_to_chip", "bytes_from_chip"] {
        assert!(here[key].is_null() && !there[key].is_null(), "{key}");
    }
    assert!(there["preset"].is_null() && there["stop_loss"] == 0.0 && here["stop_loss"].is_null());
}

/// Before firmware is built, which needs tools that are not there: data of another shape than the emulated board's
/// model.
#[test]
fn the_shape_is_checked_before_firmware_is_built() {
    let folder = tempfile::tempdir().unwrap();
    let data = synthetic(folder.path(), 4, (3, 7), Purpose::Train);
    let out = folder.path().join("out");
    for (chosen, expected) in [
        (&[][..], "key X: expected M=4 and D=64 as in the model of mps2-an386, found M=3 and D=7; --shape 3,7,8,8"),
        (&["--machine", "microbit"], "as in the model of microbit, found M=3 and D=7; --shape 3,7,4,4"),
        (&["--shape", "3,8,2,2"], "expected M=3 and D=8 as in the model of mps2-an386, found M=3 and D=7"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_mote-under-test"))
            .args(["device", "train", "--data", &data, "--steps", "5", "--lr", "0.5", "--out", out.to_str().unwrap()])
            .args(chosen)
            .env("PATH", "/nowhere")
            .output()
            .unwrap();
        refused(&output, &[expected]);
        assert!(!out.exists(), "nothing is left behind");
    }
}
