//! The presets learn what the theory says they learn, at the figures measured for the chip's size.

use mote_host::reference::preset_run::{host_lines, portable};
use mote_protocol::report::{Eval, Record};
use mote_runtime::runs::presets::{Preset, PresetRun};

/// Reason of the end and last figures of every run.
fn ends(preset: &str) -> Vec<(String, Eval)> {
    let lines = host_lines(&Preset::by_name(preset).unwrap()).unwrap();
    let mut ends = Vec::new();
    let mut last = Eval::default();
    for record in lines.iter().map(|line| Record::parse(line).unwrap()) {
        match record {
            Record::Eval(eval) => last = eval,
            Record::Done(done) => ends.push((done.reason.as_str().to_owned(), last.clone())),
            _ => {}
        }
    }
    ends
}

#[test]
fn benign_generalises_and_harmful_does_not() {
    for preset in ["demo", "tiny"] {
        let ends = ends(preset);
        let [(benign_end, benign), (harmful_end, harmful)] = &ends[..] else { panic!("two runs") };
        assert_eq!((benign_end.as_str(), harmful_end.as_str()), ("stop-loss", "stop-loss"), "{preset}");
        assert!(benign.test_error == 0.0 && benign.test_loss < 0.15, "{preset}: {benign:?}");
        assert!(harmful.train_loss <= 0.01 && harmful.test_loss > 0.5, "{preset}: {harmful:?}");
        // The mechanism: only the benign run learns to look at the signal (1/M at the start).
        assert!(benign.attention > 0.35 && harmful.attention < 0.3, "{preset}");
    }
}

#[test]
fn a_run_repeats_and_another_seed_is_another_run() {
    let preset = Preset::by_name("parity-tiny").unwrap();
    let first = host_lines(&preset).unwrap();
    assert_eq!(first, host_lines(&preset).unwrap());
    assert_eq!(first.iter().filter(|line| line.starts_with("mote step ")).count(), 400);
    let runs: Vec<PresetRun> = preset.runs.iter().map(|run| PresetRun { seed: run.seed ^ 2, ..*run }).collect();
    let other = host_lines(&Preset { runs: runs.leak(), ..preset }).unwrap();
    let changed = |kind: &str| {
        let of_kind =
            |lines: &[String]| -> Vec<String> { lines.iter().filter(|l| l.starts_with(kind)).cloned().collect() };
        let (first, other) = (of_kind(&first), of_kind(&other));
        assert_eq!(first.len(), other.len());
        first.iter().zip(&other).all(|(a, b)| a != b)
    };
    // Data, weights and every loss are others.
    assert!(changed("mote digest ") && changed("mote step ") && changed("mote eval "));
}

/// The bits themselves are pinned: a change of generator, address, ziggurat, initialisation, order of summation or
/// line format changes this file. If that was meant, raise the protocol or engine version and refresh it:
/// `cargo run -p mote-core --features alloc --example report -- parity-tiny > tests/golden/parity-tiny.txt`
#[test]
fn the_report_of_parity_tiny_is_the_one_on_record() {
    let lines = host_lines(&Preset::by_name("parity-tiny").unwrap()).unwrap();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/golden/parity-tiny.txt");
    let recorded: Vec<String> = std::fs::read_to_string(path).unwrap().lines().map(String::from).collect();
    let (found, recorded) = (portable(&lines).unwrap(), portable(&recorded).unwrap());
    assert_eq!(found.len(), recorded.len());
    for (n, (found, recorded)) in found.iter().zip(recorded).enumerate() {
        assert_eq!(*found, recorded, "line {}", n + 1);
    }
}
