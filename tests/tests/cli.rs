//! The `mote` program as a user meets it: real files in, real files out. Compiled with package `mote-host`, which has
//! the binary.

use mote_host::formats::npz::Npz;
use mote_host::formats::weights::Weights;
use mote_tests::archive::{Archive, Order, header};
use mote_tests::bench::{Bench, X, golden, mote, read, right};
use mote_tests::tolerance::{GOLDEN_CURVE, GOLDEN_SCORE};
use mote_tests::{refused, stderr, wait_until_it_computes};
use std::path::Path;
use std::process::{Command, Stdio};

const MOTE: &str = env!("CARGO_BIN_EXE_mote-under-test");

#[test]
fn training_writes_curve_weights_summary_and_pictures() {
    let bench = Bench::new(MOTE);
    let output = bench.train(&golden("small.data"), &["--init", &golden("small.init"), "--steps", "50", "--lr", "0.5"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let curve = read(&bench.path("out/curve.csv"));
    let mut lines = curve.lines();
    assert_eq!(lines.next(), Some("step,train_loss"));
    let exact = Npz::open(Path::new(&golden("small.expected"))).unwrap().floats("curve", 1).unwrap().data;
    assert_eq!(lines.clone().count(), exact.len());
    for (n, (line, exact)) in lines.zip(exact).enumerate() {
        let (step, loss) = line.split_once(',').unwrap();
        assert_eq!(step, (n + 1).to_string());
        GOLDEN_CURVE.check((loss.parse::<f32>().unwrap() - exact).abs().into(), format_args!("row {step}"));
    }
    let summary = read(&bench.path("out/summary.json"));
    assert!(summary.contains("\"ended\": \"max-steps\"") && summary.contains("\"steps\": 50"), "{summary}");
    assert!(std::fs::read(bench.path("out/curve.png")).unwrap().starts_with(b"\x89PNG"));
    assert!(read(&bench.path("out/curve.svg")).contains("<svg"));
    assert_eq!(std::fs::read_dir(bench.path("out")).unwrap().count(), 5, "and nothing else");
}

#[test]
fn weights_fed_back_go_on_where_training_stopped() {
    let (whole, half, rest) = (Bench::new(MOTE), Bench::new(MOTE), Bench::new(MOTE));
    let data = golden("trained_output.data");
    let init = golden("trained_output.init");
    let with = |init: &str, steps: &str| -> Vec<String> {
        ["--init", init, "--lr", "0.2", "--train-output", "--steps", steps].map(String::from).to_vec()
    };
    let run = |bench: &Bench, args: Vec<String>| {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let output = bench.train(&data, &args);
        assert!(output.status.success(), "{}", stderr(&output));
    };
    run(&whole, with(&init, "60"));
    run(&half, with(&init, "25"));
    run(&rest, with(&half.text("out/weights.npz"), "35"));
    let bytes = |bench: &Bench| std::fs::read(bench.path("out/weights.npz")).unwrap();
    assert_eq!(bytes(&whole), bytes(&rest), "the same bits");
    assert_ne!(bytes(&whole), bytes(&half));
    Weights::read(&whole.path("out/weights.npz")).unwrap();
}

/// C and Fortran order, stored and deflated, half, single and double precision, either byte order, integer labels.
#[test]
fn every_dress_of_the_same_data_trains_to_the_same_weights() {
    let bench = Bench::new(MOTE);
    let fortran: Vec<f64> = (0..12).map(|i| f64::from(X[(i % 2) * 6 + (i / 2 % 2) * 3 + i / 4])).collect();
    let big_endian = {
        let mut npy = header(">f4", "(2, 2, 3)");
        X.iter().for_each(|x| npy.extend(x.to_be_bytes()));
        npy
    };
    let double = X.map(f64::from);
    // All are 0, 0.5 or 1.
    let half = |x: f32| [0u16, 0x3800, 0x3c00][(2.0 * x) as usize];
    let (mut half_little, mut half_fortran) = (header("<f2", "(2, 2, 3)"), header(">f2", "(2, 2, 3)"));
    X.iter().for_each(|x| half_little.extend(half(*x).to_le_bytes()));
    fortran.iter().for_each(|x| half_fortran.extend(half(*x as f32).to_be_bytes()));
    let at = half_fortran.windows(5).position(|part| part == b"False").unwrap();
    half_fortran.splice(at..at + 5, *b"True ");
    let dresses = [
        right(),
        right().deflated(),
        Archive::new().with("X", &[2, 2, 3], &double).with("y", &[2], &[1i64, -1]),
        Archive::new().with_order("X", &[2, 2, 3], &fortran, Order::Fortran).with("y", &[2], &[1i8, -1]),
        Archive::new().with_bytes("X", half_little).with("y", &[2], &[1i16, -1]),
        Archive::new().with_bytes("X", half_fortran).with("y", &[2], &[1i32, -1]),
        Archive::new().with("extra", &[1], &[0u8]).with_bytes("X", big_endian).with("y", &[2], &[1.0f64, -1.0]),
    ];
    let mut weights = Vec::new();
    for (n, archive) in dresses.iter().enumerate() {
        let data = bench.path(&format!("{n}.npz"));
        archive.save(&data);
        let output = bench.train(data.to_str().unwrap(), &["--steps", "20", "--lr", "0.5"]);
        assert!(output.status.success(), "{n}: {}", stderr(&output));
        weights.push(std::fs::read(bench.path("out/weights.npz")).unwrap());
    }
    assert!(weights.iter().all(|other| *other == weights[0]));
}

/// Integers and booleans are the floats of the same value, up to the largest that is sure to be one.
#[test]
fn whole_numbers_are_read_exactly() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("x.npz");
    let read = |archive: Archive| {
        archive.save(&path);
        Npz::open(&path).unwrap().floats("X", 1).unwrap().data
    };
    assert_eq!(read(Archive::new().with("X", &[3], &[true, false, true])), [1.0, 0.0, 1.0]);
    assert_eq!(read(Archive::new().with("X", &[3], &[-128i8, 0, 127])), [-128.0, 0.0, 127.0]);
    assert_eq!(read(Archive::new().with("X", &[2], &[0u8, 255])), [0.0, 255.0]);
    assert_eq!(read(Archive::new().with("X", &[2], &[i16::MIN, i16::MAX])), [-32768.0, 32767.0]);
    assert_eq!(read(Archive::new().with("X", &[2], &[-(1i64 << 24), 1 << 24])), [-16_777_216.0, 16_777_216.0]);
    let half = [0x0001u16, 0x7bff, 0xc000].map(u16::to_le_bytes).concat();
    let half = read(Archive::new().with_bytes("X", [header("<f2", "(3,)"), half].concat()));
    assert_eq!(half, [5.960_464_5e-8, 65504.0, -2.0], "the least, the largest, and -2");
}

#[test]
fn test_data_gives_test_columns_and_the_stop_loss_stops() {
    let bench = Bench::new(MOTE);
    let (data, test) = (golden("wide.data"), golden("wide.data"));
    let more = ["--test", &test, "--steps", "400", "--lr", "0.5", "--stop-loss", "0.2", "--seed", "3"];
    let output = bench.train(&data, &more);
    assert!(output.status.success(), "{}", stderr(&output));
    let curve = read(&bench.path("out/curve.csv"));
    assert!(curve.starts_with("step,train_loss,test_loss,test_error\n"));
    let rows: Vec<Vec<f32>> =
        curve.lines().skip(1).map(|line| line.split(',').map(|x| x.parse().unwrap()).collect()).collect();
    let (last, before) = rows.split_last().unwrap();
    assert!(rows.len() < 400 && last[1] < 0.2 && before.iter().all(|row| row[1] >= 0.2));
    // The test set is the training set: its loss after a step is the training loss before the next.
    rows.windows(2).for_each(|pair| GOLDEN_CURVE.check((pair[0][2] - pair[1][1]).abs().into(), "test loss"));
    assert!(read(&bench.path("out/summary.json")).contains("\"ended\": \"stop-loss\""));
}

#[test]
fn predict_prints_scores_loss_and_error() {
    let (data, init) = (golden("small.data"), golden("small.init"));
    let output = mote(MOTE, &["predict", "--data", &data, "--weights", &init]);
    assert!(output.status.success(), "{}", stderr(&output));
    let exact = Npz::open(Path::new(&golden("small.expected"))).unwrap().floats("f0", 1).unwrap().data;
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("sample,score,label,loss"));
    for (n, (line, exact)) in lines.zip(&exact).enumerate() {
        let cells: Vec<&str> = line.split(',').collect();
        assert_eq!(cells[0], n.to_string());
        GOLDEN_SCORE.check((cells[1].parse::<f32>().unwrap() - exact).abs().into(), format_args!("sample {n}"));
    }
    assert_eq!(text.lines().count(), 5);
    // Labels +1 -1 -1 +1, scores + - - -: one of four is wrong.
    assert!(stderr(&output).contains("4 samples: mean loss") && stderr(&output).contains("error 25.00%"));
}

#[test]
fn predict_needs_no_labels() {
    let bench = Bench::new(MOTE);
    Archive::new().with("X", &[1, 2, 8], &[0.5f32; 16]).save(&bench.path("x.npz"));
    let output = mote(MOTE, &["predict", "--data", &bench.text("x.npz"), "--weights", &golden("small.init")]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(String::from_utf8(output.stdout).unwrap().lines().nth(1).unwrap().ends_with(",,"));
}

#[test]
fn widths_of_fresh_weights_can_be_chosen() {
    let bench = Bench::new(MOTE);
    right().save(&bench.path("right.npz"));
    let data = bench.text("right.npz");
    let output = bench.train(&data, &["--steps", "2", "--lr", "0.1", "--head", "3", "--value", "5"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let weights = Weights::read(&bench.path("out/weights.npz")).unwrap();
    assert_eq!((weights.head, weights.value), (3, 5));
    let zero = bench.train(&data, &["--steps", "2", "--lr", "0.1", "--head", "0"]);
    refused(&zero, &["--head: expected at least 1, found 0"]);
    let both = bench.train(&data, &["--steps", "2", "--lr", "0.1", "--seed", "3", "--init", &golden("small.init")]);
    assert_eq!(both.status.code(), Some(2), "a seed for weights that are given");
}

#[cfg(target_os = "linux")]
#[test]
fn ctrl_c_ends_with_what_is_done_saved() {
    let bench = Bench::new(MOTE);
    let mut child = Command::new(MOTE)
        .args([
            "train",
            "--data",
            &golden("wide.data"),
            "--steps",
            "100000000",
            "--lr",
            "1e-6",
            "--out",
            &bench.text("out"),
        ])
        .stderr(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    wait_until_it_computes(child.id());
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while child.try_wait().unwrap().is_none() {
        if std::time::Instant::now() > deadline {
            child.kill().unwrap();
            panic!("Ctrl-C was not heard");
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    assert!(stderr(&output).contains("interrupted after step"), "{}", stderr(&output));
    Weights::read(&bench.path("out/weights.npz")).unwrap();
    assert!(read(&bench.path("out/summary.json")).contains("\"ended\": \"interrupted\""));
    assert!(read(&bench.path("out/curve.csv")).lines().count() > 1);
}

/// Runs that are followed are kept whole or not at all, and the message says how many.
#[cfg(target_os = "linux")]
#[test]
fn dynamics_that_are_interrupted_say_what_is_saved() {
    let bench = Bench::new(MOTE);
    let mut command = Command::new(MOTE);
    command.args(["dynamics", "--quiet", "--steps", "10000000", "--runs", "3", "--out", &bench.text("out")]);
    let child = command.stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    wait_until_it_computes(child.id());
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    let out = bench.text("out");
    let expected = format!("mote: interrupted after 0 of 3 runs; the results so far are saved in {out}\n");
    assert_eq!(stderr(&output), expected);
    assert_eq!(read(&bench.path("out/runs.csv")).lines().count(), 1, "its header");
}

#[test]
fn names_that_are_not_known_are_answered_with_those_that_are() {
    let output = mote(MOTE, &["run", "--preset", "demp"]);
    refused(&output, &["--preset: expected one of demo, tiny, parity, parity-tiny, found \"demp\""]);
    let output = mote(MOTE, &["device", "--machine", "arduino"]);
    refused(&output, &["--machine: expected one of mps2-an386", "found \"arduino\""]);
}

#[test]
fn help_teaches_and_completions_complete() {
    for command in ["train", "predict", "device"] {
        let help = String::from_utf8(mote(MOTE, &[command, "--help"]).stdout).unwrap();
        assert!(help.contains("Example") && help.contains(&format!("mote {command} ")), "{help}");
    }
    let bash = String::from_utf8(mote(MOTE, &["completions", "bash"]).stdout).unwrap();
    assert!(bash.contains("_mote") && bash.contains("--stop-loss"));
    let narrow = mote(MOTE, &["device", "--machine", "microbit", "--preset", "demo"]);
    refused(&narrow, &["--preset: expected a model of at most 9216 bytes for microbit, found 12528"]);
    assert_eq!(mote(MOTE, &["train", "--data", "x.npz", "--out", "o"]).status.code(), Some(2), "no steps, no preset");
}

/// Without probe-rs, and without a board: what would be done, and what is missing.
#[test]
fn flash_says_what_it_would_do_and_what_is_missing() {
    let dry = mote(MOTE, &["flash", "nucleo-f446re", "--dry-run"]);
    let text = String::from_utf8(dry.stdout).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 5, "{text}");
    assert!(lines[0].starts_with("cd /"), "{text}");
    let without = "env -u RUSTFLAGS -u CARGO_ENCODED_RUSTFLAGS -u CARGO_BUILD_TARGET ";
    let with = "MOTE_PRESET=demo MOTE_SHAPE='' CARGO_TARGET_THUMBV7EM_NONE_EABIHF_RUSTFLAGS='-C target-cpu=cortex-m4' ";
    assert!(lines[1].starts_with(&format!("{without}{with}cargo build --quiet --locked --profile chip ")), "{text}");
    assert!(lines[2].starts_with("cp target/chip/thumbv7em-none-eabihf/chip/mote-firmware /"), "{text}");
    assert!(lines[3].starts_with("probe-rs download --chip STM32F446RETx /"), "{text}");
    assert!(lines[2].ends_with("/nucleo-f446re-demo.elf") && lines[3].ends_with("/nucleo-f446re-demo.elf"), "{text}");
    assert_eq!(lines[4], "probe-rs reset --chip STM32F446RETx");
    let session = mote(MOTE, &["flash", "pico2", "--dry-run", "--session"]);
    assert!(String::from_utf8_lossy(&session.stdout).contains("pico2-demo-session.elf"));
    let log = mote(MOTE, &["flash", "pico2", "--dry-run", "--defmt", "--preset", "tiny"]);
    let text = String::from_utf8(log.stdout).unwrap();
    assert!(text.contains("\nprobe-rs run --chip RP235x /") && text.ends_with("/pico2-tiny-defmt.elf\n"), "{text}");
    let own = mote(MOTE, &["flash", "pico2", "--dry-run", "--session", "--shape", "4,100,8,8"]);
    let text = String::from_utf8(own.stdout).unwrap();
    assert!(text.contains("MOTE_SHAPE=4,100,8,8 ") && text.contains("/pico2-4x100x8x8-session.elf"), "{text}");
    let missing = Command::new(MOTE).args(["flash", "pico2"]).env("PATH", "/nowhere").output().unwrap();
    assert_eq!(missing.status.code(), Some(1));
    assert_eq!(stderr(&missing).lines().count(), 1, "{}", stderr(&missing));
    assert!(stderr(&missing).contains("probe-rs is missing: cargo install probe-rs-tools"), "{}", stderr(&missing));
    let unknown = mote(MOTE, &["flash", "microbit"]);
    refused(&unknown, &["BOARD: expected one of stm32f405, ", "found \"microbit\""]);
}

/// `mote run` prints what the chip prints.
#[test]
fn run_prints_a_report() {
    let output = mote(MOTE, &["run", "--preset", "tiny"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<String> = text.lines().map(String::from).collect();
    assert!(lines[1].starts_with("mote hello protocol=1 "), "{}", lines[1]);
    assert!(lines.last().unwrap().starts_with("mote bye runs=2 failed=0 "));
    assert_eq!(
        mote_host::reference::preset_run::portable(&lines).unwrap().len(),
        lines.len() - 3,
        "all but board and two work lines"
    );
}

/// A closed pipe is an error, not a panic.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_behind_standard_output_is_one_line() {
    for args in [&["presets"][..], &["completions", "bash"], &["run", "--preset", "tiny"]] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = Command::new(MOTE).args(args).stdout(full).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{args:?}: {}", stderr(&output));
        assert!(stderr(&output).starts_with("mote: standard output: "), "{args:?}: {}", stderr(&output));
    }
}
