//! The line format: what is written is read back, and nothing else is.

use mote_core::train::StepReport;
use mote_host::reference::preset_run::host_lines;
use mote_protocol::crc::Crc32;
use mote_protocol::report::{Board, DigestLine, Done, Eval, Record, RunHeader, Stack, Work};
use mote_protocol::wire::{LINE_MAX, WireError, to_name};
use mote_runtime::runs::presets::Preset;
use mote_tests::volume::pick;
use proptest::prelude::*;

/// Every line of real runs reads back as the record that writes it again.
#[test]
fn every_line_of_a_run_reads_back() {
    for preset in ["parity", "tiny"] {
        let lines = host_lines(&Preset::by_name(preset).unwrap()).unwrap();
        let mut kinds = std::collections::BTreeSet::new();
        for line in &lines {
            let record = Record::parse(line).unwrap();
            kinds.insert(record.kind());
            assert_eq!(record.into_line().unwrap().as_str(), line);
            assert!(line.len() < LINE_MAX - 40, "little room left: {line}");
        }
        let expected = ["board", "bye", "digest", "done", "eval", "hello", "run", "step", "track", "work"];
        assert_eq!(kinds.into_iter().collect::<Vec<_>>(), expected);
    }
}

/// A line from a chip, whichever byte is damaged in whatever way, is refused.
#[test]
fn any_damaged_byte_is_noticed() {
    let eval = Eval { step: 7, train_loss: 0.5, test_loss: -1.5e-9, test_error: 0.25, attention: 1.0 };
    let line = Record::Eval(eval).into_line().unwrap();
    for at in 0..line.len() {
        for flip in [1u8, 2, 4, 8, 16, 32, 64] {
            let mut damaged = line.as_bytes().to_vec();
            damaged[at] ^= flip;
            let damaged = String::from_utf8(damaged).unwrap();
            assert!(Record::parse(&damaged).is_err(), "{damaged}");
        }
        assert!(Record::parse(&line[..at]).is_err(), "cut at {at}");
    }
}

/// x86 and Arm make different ones of the same operation.
#[test]
fn every_nan_is_one_in_lines_and_digests() {
    let all = [0x7fc0_0000, 0xffc0_0000, 0x7f80_0001, 0xffff_ffff].map(f32::from_bits);
    let digest = |x: f32| {
        let mut digest = Crc32::new();
        digest.update(&[1.0, x]);
        digest.finish()
    };
    let line = |train_loss: f32| Record::Step(StepReport { step: 1, train_loss }).into_line().unwrap();
    for nan in all {
        assert_eq!((digest(nan), line(nan)), (digest(f32::NAN), line(f32::NAN)), "{:08x}", nan.to_bits());
    }
    assert!(line(f32::NAN).contains(" train_loss=nan:7fc00000 "));
}

/// With a right checksum, the contents must still be those of the kind.
#[test]
fn contents_are_checked_behind_the_checksum() {
    use mote_protocol::wire::{Fields, Line, Writer};
    let made = |kind: &str, fill: &dyn Fn(&mut Writer<Line>)| {
        let mut writer = Writer::new(Line::new(), kind).unwrap();
        fill(&mut writer);
        Record::parse(&writer.finish().unwrap())
    };
    let both = |f: &mut Writer<Line>| {
        f.count("runs", &mut 2).unwrap();
        f.count("failed", &mut 0).unwrap();
    };
    assert_eq!(made("bye", &both), Ok(Record::Bye(2, 0)));
    assert_eq!(made("byebye", &both), Err(WireError::Kind));
    assert_eq!(made("bye", &|f| f.count("runs", &mut 2).unwrap()), Err(WireError::Field("failed")));
    assert_eq!(made("bye", &|f| f.count("failed", &mut 2).unwrap()), Err(WireError::Field("runs")));
    assert_eq!(made("bye", &|f| f.name("runs", &mut to_name("+2")).unwrap()), Err(WireError::Value("runs")));
    assert_eq!(
        made("bye", &|f| {
            both(f);
            f.count("more", &mut 1).unwrap();
        }),
        Err(WireError::Trailing)
    );
    // Decimal and bits must say the same number.
    let step = |text: &str| {
        made("step", &|f| {
            f.count("step", &mut 1).unwrap();
            f.name("train_loss", &mut to_name(text)).unwrap();
        })
    };
    assert!(step("0.500000:3f000000").is_ok());
    assert_eq!(step("0.500001:3f000000"), Err(WireError::Value("train_loss")));
    assert_eq!(step("0.500000"), Err(WireError::Value("train_loss")));
}

/// The longest line that can be: every number at its longest.
#[test]
fn the_longest_lines_fit() {
    let long = to_name("abcdefghijklmnopqrstuvwxyz");
    let (big, real) = (u64::MAX, -f32::MAX);
    let run = RunHeader {
        name: long.clone(),
        form: to_name("uniform"),
        samples: big,
        test_samples: big,
        seed: big,
        signal_norm: real,
        snr: real,
        flip: real,
        learning_rate: real,
        stop_loss: real,
        max_steps: big,
        train_output: big,
    };
    let tracked = mote_core::metrics::Tracked {
        attention_signal: real,
        attention_noise: Some(real),
        v_signal: real,
        v_noise: Some(real),
        qk_signal_signal: real,
        qk_signal_noise: Some(real),
        qk_xi3_signal: Some(real),
        qk_xi3_noise: Some(real),
    };
    let records = [
        Record::Run(run),
        Record::Track(big, tracked),
        Record::Board(Board { name: long.clone(), core: long.clone(), tick_hz: big }),
        Record::Work(Work { steps: big, macs_per_step: big, ticks: big }),
        Record::Stack(Stack { used: big, of: big }),
        Record::Digest(DigestLine { what: long.clone(), step: big, digest: u32::MAX }),
        Record::Done(Done { reason: long, steps: big, train_loss: None }),
    ];
    for record in records {
        let line = record.clone().into_line().unwrap();
        println!("{:4} {}", line.len(), record.kind());
        assert!(line.len() < LINE_MAX, "no room for the line feed");
        assert_eq!(Record::parse(&line), Ok(record));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(pick(500, 2000, 100_000)) })]

    #[test]
    fn any_number_survives_the_line(bits: u32, step: u32) {
        let value = f32::from_bits(bits);
        let record = Record::Step(StepReport { step, train_loss: value });
        let line = record.into_line().unwrap();
        let Ok(Record::Step(back)) = Record::parse(&line) else { panic!("{line}") };
        prop_assert_eq!(back.step, step);
        let same = if value.is_nan() { back.train_loss.to_bits() == 0x7fc0_0000 } else { back.train_loss.to_bits() == bits };
        prop_assert!(same, "{}", line);
    }

    /// Bodies that look like records, under a right checksum, and any text at all: answered, never a panic. What
    /// is accepted is written back as it came.
    #[test]
    fn no_text_makes_the_parser_panic(
        kind in "(step|eval|bye|done|run|track|digest|[a-z]{0,5})",
        fields in proptest::collection::vec("(step|runs|failed|reason|steps|train_loss|what|crc)=([0-9]{1,22}|-|[ -~]{0,12}|0\\.5:3f000000)", 0..5),
        noise in "\\PC{0,60}",
    ) {
        let body = format!("mote {kind} {}", fields.join(" "));
        let line = format!("{body} *{:08x}", mote_protocol::crc::checksum(body.as_bytes()));
        if let Ok(record) = Record::parse(&line) {
            let written = record.into_line().unwrap();
            prop_assert_eq!(written.as_str(), line.as_str());
        }
        prop_assert!(Record::parse(&noise).is_err());
    }
}
