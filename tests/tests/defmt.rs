//! The log of an emulated board, decoded: every record of the run, number for number. Needs the chip targets and the
//! emulator.

use mote_host::board::machine;
use mote_host::emulator::defmt;
use mote_host::emulator::preset_run::RunSpec;
use mote_host::reference::preset_run::host_lines;
use mote_protocol::report::Record;
use mote_runtime::runs::presets::Preset;
use std::time::Duration;

/// Whether two words say the same; numbers by their bits, for the log writes some of them in another form.
fn says(logged: &str, expected: &str) -> bool {
    let number = |word: &str| {
        let digits = word.trim_start_matches("Some(").trim_end_matches([',', ')']);
        digits.parse::<f32>().map(f32::to_bits).ok()
    };
    logged == expected || number(logged).is_some_and(|bits| number(expected) == Some(bits))
}

#[test]
#[ignore = "needs the emulator; cargo verify runs it"]
fn an_emulated_board_logs_what_it_reports() {
    let preset = Preset::by_name("parity-tiny").unwrap();
    let lines = host_lines(&preset).unwrap();
    let expected: Vec<Record> = lines.iter().map(|line| Record::parse(line).unwrap()).collect();
    let expected: Vec<Record> = expected.into_iter().filter(Record::is_portable).collect();
    for name in ["mps2-an386", "microbit"] {
        let machine = machine::by_name(name).unwrap();
        let deadline = Duration::from_secs(300);
        let plan = RunSpec { machine, preset, fast_math: false, deadline, install: false };
        let mut entries = Vec::new();
        defmt::log(&plan, true, |entry| {
            entries.push(entry.to_owned());
            Ok(())
        })
        .unwrap();
        let all = entries.len();
        entries.retain(|entry| !["Board(", "Work(", "Stack("].iter().any(|kind| entry.contains(kind)));
        assert_eq!(entries.len(), expected.len(), "{name}");
        for (entry, record) in entries.iter().zip(&expected) {
            let record = format!("info  {record:?}");
            let (logged, expected): (Vec<&str>, Vec<&str>) = (entry.split(' ').collect(), record.split(' ').collect());
            let same = logged.len() == expected.len() && logged.iter().zip(&expected).all(|(a, b)| says(a, b));
            assert!(same, "{name}:\n{entry}\n{record}");
        }
        println!("{name}: {all} entries, {} of them compared with this machine's records", entries.len());
    }
}
