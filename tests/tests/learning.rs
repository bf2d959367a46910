//! The presets learn what the theory says they learn, at the figures measured for the chip's size.

use mote_core::presets::Preset;
use mote_core::report::{Eval, Record};
use mote_host::report::host_lines;

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
fn two_runs_of_a_preset_are_the_same_and_two_seeds_are_not() {
    let preset = Preset::by_name("parity-tiny").unwrap();
    let first = host_lines(&preset).unwrap();
    assert_eq!(first, host_lines(&preset).unwrap());
    assert_eq!(first.iter().filter(|line| line.starts_with("mote step ")).count(), 400);
}
