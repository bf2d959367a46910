//! The `mote` program as a user meets it: real files in, real files out, and one clear line for whatever
//! is wrong. Compiled with package `mote-host`, which has the binary.

use mote_host::files::npz::Npz;
use mote_host::files::weights::Weights;
use mote_tests::archive::{Archive, Order, header};
use mote_tests::{refused, stderr};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

fn golden(file: &str) -> String {
    format!("{}/../tests/golden/{file}.npz", env!("CARGO_MANIFEST_DIR"))
}

fn mote(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mote")).args(args).stdin(Stdio::null()).output().unwrap()
}

/// A scratch folder with a right data file in it, and the output folder of a run.
struct Bench {
    folder: TempDir,
}

impl Bench {
    fn new() -> Self {
        Self { folder: TempDir::new().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().into()
    }

    /// `mote train` on a file with more options; results in `out`.
    fn train(&self, data: &str, more: &[&str]) -> Output {
        let out = self.text("out");
        let mut args = vec!["train", "--data", data, "--out", &out];
        args.extend(more);
        mote(&args)
    }

    /// Training must refuse the file with one line that holds all of `expected`, exit with 2 and write
    /// nothing.
    fn refuses(&self, data: &str, more: &[&str], expected: &[&str]) {
        let mut args = vec!["--steps", "3", "--lr", "0.1"];
        args.extend(more);
        let output = self.train(data, &args);
        refused(&output, expected);
        assert!(!self.path("out").exists(), "something was written");
    }

    /// As [`Bench::refuses`], for a file made here.
    fn refuses_file(&self, archive: &Archive, expected: &[&str]) {
        let data = self.path("bad.npz");
        archive.save(&data);
        let mut all = vec!["bad.npz"];
        all.extend(expected);
        self.refuses(data.to_str().unwrap(), &[], &all);
    }
}

const X: [f32; 12] = [1., 0., 0., 0.5, 0., 1., 0., 1., 0., 0., 0., 0.5];
const Y: [f32; 2] = [1., -1.];

fn right() -> Archive {
    Archive::new().with("X", &[2, 2, 3], &X).with("y", &[2], &Y)
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

#[test]
fn training_writes_curve_weights_summary_and_pictures() {
    let bench = Bench::new();
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
        assert!((loss.parse::<f32>().unwrap() - exact).abs() < 1e-5, "row {step}");
    }
    let summary = read(&bench.path("out/summary.json"));
    assert!(summary.contains("\"ended\": \"max-steps\"") && summary.contains("\"steps\": 50"), "{summary}");
    assert!(std::fs::read(bench.path("out/curve.png")).unwrap().starts_with(b"\x89PNG"));
    assert!(read(&bench.path("out/curve.svg")).contains("<svg"));
    assert_eq!(std::fs::read_dir(bench.path("out")).unwrap().count(), 5, "and nothing else");
}

#[test]
fn weights_fed_back_go_on_where_training_stopped() {
    let (whole, half, rest) = (Bench::new(), Bench::new(), Bench::new());
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

/// C and Fortran order, stored and deflated, single and double precision, either byte order, integer labels.
#[test]
fn every_dress_of_the_same_data_trains_to_the_same_weights() {
    let bench = Bench::new();
    let fortran: Vec<f64> = (0..12).map(|i| f64::from(X[(i % 2) * 6 + (i / 2 % 2) * 3 + i / 4])).collect();
    let big_endian = {
        let mut npy = header(">f4", "(2, 2, 3)");
        X.iter().for_each(|x| npy.extend(x.to_be_bytes()));
        npy
    };
    let double = X.map(f64::from);
    let dresses = [
        right(),
        right().deflated(),
        Archive::new().with("X", &[2, 2, 3], &double).with("y", &[2], &[1i64, -1]),
        Archive::new().with_order("X", &[2, 2, 3], &fortran, Order::Fortran).with("y", &[2], &[1i8, -1]),
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

#[test]
fn test_data_gives_test_columns_and_the_stop_loss_stops() {
    let bench = Bench::new();
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
    assert!(rows.windows(2).all(|pair| (pair[0][2] - pair[1][1]).abs() < 1e-6));
    assert!(read(&bench.path("out/summary.json")).contains("\"ended\": \"stop-loss\""));
}

#[test]
fn predict_prints_scores_loss_and_error() {
    let (data, init) = (golden("small.data"), golden("small.init"));
    let output = mote(&["predict", "--data", &data, "--weights", &init]);
    assert!(output.status.success(), "{}", stderr(&output));
    let exact = Npz::open(Path::new(&golden("small.expected"))).unwrap().floats("f0", 1).unwrap().data;
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("sample,score,label,loss"));
    for (n, (line, exact)) in lines.zip(&exact).enumerate() {
        let cells: Vec<&str> = line.split(',').collect();
        assert_eq!(cells[0], n.to_string());
        assert!((cells[1].parse::<f32>().unwrap() - exact).abs() < 1e-5);
    }
    assert_eq!(text.lines().count(), 5);
    // Labels +1 -1 -1 +1, scores + - - -: one of four is wrong.
    assert!(stderr(&output).contains("4 samples: mean loss") && stderr(&output).contains("error 25.00%"));
}

#[test]
fn predict_needs_no_labels() {
    let bench = Bench::new();
    Archive::new().with("X", &[1, 2, 8], &[0.5f32; 16]).save(&bench.path("x.npz"));
    let output = mote(&["predict", "--data", &bench.text("x.npz"), "--weights", &golden("small.init")]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(String::from_utf8(output.stdout).unwrap().lines().nth(1).unwrap().ends_with(",,"));
}

#[test]
fn missing_file() {
    let bench = Bench::new();
    bench.refuses(&bench.text("nowhere.npz"), &[], &["nowhere.npz", "cannot be opened", "No such file"]);
}

#[test]
fn not_a_zip() {
    let bench = Bench::new();
    std::fs::write(bench.path("bad.npz"), "step,train_loss\n1,0.69\n").unwrap();
    bench.refuses(&bench.text("bad.npz"), &[], &["bad.npz", "expected an .npz file (a zip archive), found"]);
}

#[test]
fn a_single_array_and_a_folder() {
    let bench = Bench::new();
    std::fs::write(bench.path("bad.npy"), header("<f4", "(2, 2, 3)")).unwrap();
    bench.refuses(&bench.text("bad.npy"), &[], &["bad.npy", "found a single .npy array; numpy.savez"]);
    std::fs::create_dir(bench.path("folder")).unwrap();
    bench.refuses(&bench.text("folder"), &[], &["folder: expected an .npz file, found a folder"]);
}

#[test]
fn widths_of_fresh_weights_can_be_chosen() {
    let bench = Bench::new();
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

#[test]
fn truncated_zip() {
    let bench = Bench::new();
    let bytes = right().bytes();
    for part in [bytes.len() / 4, bytes.len() / 2, bytes.len() - 1] {
        std::fs::write(bench.path("bad.npz"), &bytes[..part]).unwrap();
        bench.refuses(&bench.text("bad.npz"), &[], &["bad.npz", "expected", "found"]);
    }
}

#[test]
fn damaged_numbers_inside_the_zip() {
    let bench = Bench::new();
    let mut bytes = right().bytes();
    let at = bytes.windows(6).position(|part| part == b"\x93NUMPY").unwrap() + 130;
    bytes[at] ^= 0x40;
    std::fs::write(bench.path("bad.npz"), &bytes).unwrap();
    bench.refuses(&bench.text("bad.npz"), &[], &["bad.npz", "key X", "found"]);
}

#[test]
fn missing_key() {
    let bench = Bench::new();
    let only_x = Archive::new().with("X", &[2, 2, 3], &X).with("z", &[1], &[0u8]);
    bench.refuses_file(&only_x, &["key y", "expected in the file, found only: X, z"]);
}

#[test]
fn wrong_dtype() {
    let bench = Bench::new();
    let integers = Archive::new().with("X", &[2, 2, 3], &[1i32; 12]).with("y", &[2], &Y);
    bench.refuses_file(&integers, &["key X", "expected float32 or float64", "found dtype <i4"]);
    let strings = Archive::new().with("X", &[2, 2, 3], &X).with_bytes("y", header("<U4", "(2,)"));
    bench.refuses_file(&strings, &["key y", "expected a float or integer type", "found"]);
}

#[test]
fn wrong_rank() {
    let bench = Bench::new();
    let flat = Archive::new().with("X", &[4, 3], &X).with("y", &[4], &[1., 1., -1., -1.]);
    bench.refuses_file(&flat, &["key X", "expected 3 dimensions (N, M, D)", "found shape [4, 3]"]);
    let square = Archive::new().with("X", &[2, 2, 3], &X).with("y", &[2, 1], &Y);
    bench.refuses_file(&square, &["key y", "expected 1 dimension (N)", "found shape [2, 1]"]);
}

#[test]
fn dimensions_that_differ_between_data_and_init_or_test() {
    let bench = Bench::new();
    right().save(&bench.path("right.npz"));
    let (data, init, test) = (bench.text("right.npz"), golden("small.init"), golden("small.data"));
    bench.refuses(&data, &["--init", &init], &["small.init.npz", "key W_Q", "expected D=3", "found 8"]);
    bench.refuses(&data, &["--test", &test], &["small.data.npz", "key X", "expected M=2 and D=3", "found M=2 and D=8"]);
    let crooked = Archive::new()
        .with("W_Q", &[3, 2], &[0.1f32; 6])
        .with("W_K", &[3, 1], &[0.1f32; 3])
        .with("W_V", &[3, 2], &[0.1f32; 6])
        .with("w_O", &[2], &[0.1f32; 2]);
    crooked.save(&bench.path("crooked.npz"));
    let expected = ["crooked.npz", "key W_K", "expected shape [3, 2]", "found [3, 1]"];
    bench.refuses(&data, &["--init", &bench.text("crooked.npz")], &expected);
}

#[test]
fn labels_that_are_not_as_many_as_the_samples() {
    let bench = Bench::new();
    let three = Archive::new().with("X", &[2, 2, 3], &X).with("y", &[3], &[1., -1., 1.]);
    bench.refuses_file(&three, &["key y", "expected 2 labels", "found 3"]);
}

#[test]
fn nan_and_infinity_in_the_data() {
    let bench = Bench::new();
    for (value, name) in [(f32::NAN, "NaN"), (f32::INFINITY, "inf"), (f32::NEG_INFINITY, "-inf")] {
        let mut x = X;
        x[7] = value;
        let bad = Archive::new().with("X", &[2, 2, 3], &x).with("y", &[2], &Y);
        bench.refuses_file(&bad, &["key X", "expected finite numbers", &format!("found {name} at index [1, 0, 1]")]);
    }
    // Finite in double precision, infinite in single.
    let mut x = X.map(f64::from);
    x[0] = 1e300;
    let bad = Archive::new().with("X", &[2, 2, 3], &x).with("y", &[2], &Y);
    bench.refuses_file(
        &bad,
        &["key X", "expected finite numbers", "found 1e300, beyond single precision at index [0, 0, 0]"],
    );
}

#[test]
fn labels_that_are_not_plus_or_minus_one() {
    let bench = Bench::new();
    for (label, name) in [(0.0, "0"), (2.0, "2"), (f64::NAN, "NaN"), (1.000_000_01, "1.00000001")] {
        let bad = Archive::new().with("X", &[2, 2, 3], &X).with("y", &[2], &[1.0f64, label]);
        bench.refuses_file(&bad, &["key y", "expected labels of +1 and -1", &format!("found {name} at index 1")]);
    }
}

#[test]
fn zero_samples() {
    let bench = Bench::new();
    let none = Archive::new().with::<f32>("X", &[0, 2, 3], &[]).with::<f32>("y", &[0], &[]);
    bench.refuses_file(&none, &["key X", "expected at least one sample", "found shape [0, 2, 3]"]);
}

#[test]
fn an_output_folder_that_cannot_be_written() {
    let bench = Bench::new();
    right().save(&bench.path("right.npz"));
    std::fs::write(bench.path("file"), "").unwrap();
    let out = bench.text("file/out");
    let output = mote(&["train", "--data", &bench.text("right.npz"), "--steps", "3", "--lr", "0.1", "--out", &out]);
    refused(&output, &["file/out", "expected an output folder that can be written", "found"]);
}

#[test]
fn learning_rates_that_cannot_be() {
    let bench = Bench::new();
    right().save(&bench.path("right.npz"));
    for (lr, shown) in [("0", "0"), ("-0.5", "-0.5"), ("nan", "NaN"), ("inf", "inf")] {
        let output = bench.train(&bench.text("right.npz"), &["--steps", "3", "--lr", lr]);
        refused(&output, &["--lr", "expected a finite number above 0", &format!("found {shown}")]);
        assert!(!bench.path("out").exists());
    }
}

#[test]
fn a_learning_rate_that_diverges_keeps_the_last_finite_weights() {
    let bench = Bench::new();
    for lr in ["1e30", "1e38"] {
        let more = ["--init", &golden("small.init"), "--steps", "50", "--lr", lr, "--train-output"];
        let output = bench.train(&golden("small.data"), &more);
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert_eq!(text.trim_end().lines().count(), 1, "{text}");
        assert!(
            text.contains("training diverged at step")
                && text.contains(&format!("try a learning rate below {}", lr.parse::<f32>().unwrap()))
                && text.contains("last finite weights are"),
            "{text}"
        );
        // Reading refuses whatever is not finite.
        Weights::read(&bench.path("out/weights.npz")).unwrap();
        assert!(read(&bench.path("out/summary.json")).contains("\"ended\": \"diverged\""));
        let steps = read(&bench.path("out/curve.csv")).lines().count() - 1;
        assert!(text.contains(&format!("diverged at step {}:", steps + 1)), "{text}");
    }
}

#[test]
fn claims_of_too_many_numbers_are_refused_before_they_are_allocated() {
    let bench = Bench::new();
    for shape in ["(1000000, 1000, 1000)", "(4294967296, 4294967296, 4)"] {
        let claim = Archive::new().with_bytes("X", header("<f4", shape)).with("y", &[2], &Y);
        bench.refuses_file(&claim, &["key X", "expected at most 268435456 numbers", "found shape"]);
    }
    // Within the limit, but not there.
    let short = Archive::new().with_bytes("X", header("<f4", "(100000, 100, 10)")).with("y", &[2], &Y);
    bench.refuses_file(&short, &["key X", "expected 100000000 numbers of <f4, 400000000 bytes", "found 0 bytes"]);
    // A header as long as the address space.
    let mut header = b"\x93NUMPY\x02\x00".to_vec();
    header.extend(u32::MAX.to_le_bytes());
    bench.refuses_file(&right_with_x(header), &["key X", "a header of 4294967295 bytes"]);
}

#[test]
fn a_zip_bomb_is_not_unpacked() {
    let bench = Bench::new();
    // 60 MB of zeros behind an array of 12 numbers.
    let mut npy = header("<f4", "(2, 2, 3)");
    npy.resize(60 << 20, 0);
    let bomb = right_with_x(npy).deflated();
    assert!(bomb.bytes().len() < 200_000);
    bench.refuses_file(&bomb, &["key X", "expected 12 numbers of <f4, 48 bytes", "found 62914432 bytes"]);
    // 80 MB of zeros that the header owns up to, in 80 kB.
    let mut npy = header("<f4", "(20000, 100, 10)");
    npy.resize(128 + 80_000_000, 0);
    let bomb = right_with_x(npy).deflated();
    bench.refuses_file(&bomb, &["key X", "expected data packed at most 100-fold", "a zip bomb?"]);
}

fn right_with_x(npy: Vec<u8>) -> Archive {
    Archive::new().with_bytes("X", npy).with("y", &[2], &Y)
}

/// Whatever a file says of itself, the answer is one line of printable text.
#[test]
fn foreign_text_stays_on_one_short_line() {
    let bench = Bench::new();
    for descr in ["<f4', 'shape", "\n\n\x1b[2J", &"[".repeat(9000)] {
        bench.refuses_file(
            &right_with_x(header(descr, "(2, 2, 3)")),
            &["key X", "expected a NumPy array", "found a broken header"],
        );
    }
    let mut many = Archive::new().with("y", &[2], &Y);
    for n in 0..100 {
        many = many.with(&format!("bad\n{n}"), &[1], &[0u8]);
    }
    many.save(&bench.path("bad.npz"));
    let output = bench.train(&bench.text("bad.npz"), &["--steps", "1", "--lr", "1"]);
    refused(&output, &["key X", "found only: y, bad\\n0", "..."]);
    assert!(stderr(&output).len() < 400, "{}", stderr(&output));
}

/// Test data whose loss is not finite stops the run, with the training results saved.
#[test]
fn a_test_loss_that_is_not_finite_stops_the_run() {
    let bench = Bench::new();
    right().save(&bench.path("right.npz"));
    let huge = Archive::new().with("X", &[2, 2, 3], &X.map(|x| 1e37 * x)).with("y", &[2], &Y);
    huge.save(&bench.path("huge.npz"));
    let more = ["--steps", "9", "--lr", "0.1", "--test", &bench.text("huge.npz")];
    let output = bench.train(&bench.text("right.npz"), &more);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(stderr(&output).contains("at step 1: on the test data, the loss is not finite"), "{}", stderr(&output));
    Weights::read(&bench.path("out/weights.npz")).unwrap();
    assert!(!read(&bench.path("out/curve.csv")).contains("NaN"));
}

/// What was in the output folder stays as it was when the input is bad, and is replaced whole when it is not.
#[test]
fn older_results_survive_bad_input() {
    let bench = Bench::new();
    right().save(&bench.path("right.npz"));
    let good = bench.train(&bench.text("right.npz"), &["--steps", "3", "--lr", "0.1"]);
    assert!(good.status.success());
    let before = std::fs::read(bench.path("out/weights.npz")).unwrap();
    let bad = bench.train(&bench.text("nowhere.npz"), &["--steps", "9", "--lr", "0.1"]);
    assert_eq!(bad.status.code(), Some(2));
    assert_eq!(before, std::fs::read(bench.path("out/weights.npz")).unwrap());
    let again = bench.train(&bench.text("right.npz"), &["--steps", "4", "--lr", "0.1"]);
    assert!(again.status.success());
    assert_ne!(before, std::fs::read(bench.path("out/weights.npz")).unwrap());
    assert_eq!(std::fs::read_dir(bench.path("out")).unwrap().count(), 5, "nothing was left aside");
}

/// Until the process catches SIGINT (bit 1 of its signal mask) and had time for a step.
#[cfg(target_os = "linux")]
fn wait_until_ctrl_c_is_taken_over(process: u32) {
    for _ in 0..1000 {
        let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
        let mask = caught.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
        if mask & 2 != 0 {
            std::thread::sleep(std::time::Duration::from_millis(200));
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("Ctrl-C is not taken over");
}

#[cfg(target_os = "linux")]
#[test]
fn ctrl_c_ends_with_what_is_done_saved() {
    let bench = Bench::new();
    let mut child = Command::new(env!("CARGO_BIN_EXE_mote"))
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
    wait_until_ctrl_c_is_taken_over(child.id());
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

#[test]
fn names_that_are_not_known_are_answered_with_those_that_are() {
    let output = mote(&["run", "--preset", "demp"]);
    refused(&output, &["--preset: expected one of demo, tiny, parity, parity-tiny, found \"demp\""]);
    let output = mote(&["device", "--machine", "arduino"]);
    refused(&output, &["--machine: expected one of mps2-an386", "found \"arduino\""]);
}

#[test]
fn help_teaches_and_completions_complete() {
    for command in ["train", "predict", "device"] {
        let help = String::from_utf8(mote(&[command, "--help"]).stdout).unwrap();
        assert!(help.contains("Example") && help.contains(&format!("mote {command} ")), "{help}");
    }
    let bash = String::from_utf8(mote(&["completions", "bash"]).stdout).unwrap();
    assert!(bash.contains("_mote") && bash.contains("--stop-loss"));
    let narrow = mote(&["device", "--machine", "microbit", "--preset", "demo"]);
    refused(&narrow, &["--preset: expected a model of at most 12288 bytes for microbit, found 12528"]);
    assert_eq!(mote(&["train", "--data", "x.npz", "--out", "o"]).status.code(), Some(2), "no steps, no preset");
}

/// `mote run` prints what the chip prints.
#[test]
fn run_prints_a_report() {
    let output = mote(&["run", "--preset", "tiny"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<String> = text.lines().map(String::from).collect();
    assert!(lines[1].starts_with("mote hello protocol=1 "), "{}", lines[1]);
    assert!(lines.last().unwrap().starts_with("mote bye runs=2 failed=0 "));
    assert_eq!(mote_host::report::portable(&lines).unwrap().len(), lines.len() - 3, "all but board and two work lines");
}

/// A closed pipe is an error, not a panic.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_behind_standard_output_is_one_line() {
    for args in [&["presets"][..], &["completions", "bash"], &["run", "--preset", "tiny"]] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_mote")).args(args).stdout(full).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{args:?}: {}", stderr(&output));
        assert!(stderr(&output).starts_with("mote: standard output: "), "{args:?}: {}", stderr(&output));
    }
}
