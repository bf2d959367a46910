//! Whatever is wrong with the input of `mote train`: one clear line that names file, key, what was expected and what
//! was found, exit status 2, nothing half-written. Compiled with package `mote-host`, which has the binary.

use mote_host::formats::samples::Samples;
use mote_host::formats::weights::Weights;
use mote_tests::archive::{Archive, header};
use mote_tests::bench::{Bench, X, Y, golden, mote, read, right};
use mote_tests::{refused, stderr};

const MOTE: &str = env!("CARGO_BIN_EXE_mote-under-test");

#[test]
fn missing_file() {
    let bench = Bench::new(MOTE);
    bench.refuses(&bench.text("nowhere.npz"), &[], &["nowhere.npz", "cannot be opened", "No such file"]);
}

#[test]
fn not_a_zip() {
    let bench = Bench::new(MOTE);
    std::fs::write(bench.path("bad.npz"), "step,train_loss\n1,0.69\n").unwrap();
    bench.refuses(&bench.text("bad.npz"), &[], &["bad.npz", "expected an .npz file (a zip archive), found"]);
}

#[test]
fn a_single_array_and_a_folder() {
    let bench = Bench::new(MOTE);
    std::fs::write(bench.path("bad.npy"), header("<f4", "(2, 2, 3)")).unwrap();
    bench.refuses(&bench.text("bad.npy"), &[], &["bad.npy", "found a single .npy array; numpy.savez"]);
    std::fs::create_dir(bench.path("folder")).unwrap();
    bench.refuses(&bench.text("folder"), &[], &["folder: expected an .npz file, found a folder"]);
}

#[test]
fn truncated_zip() {
    let bench = Bench::new(MOTE);
    let bytes = right().bytes();
    for part in [bytes.len() / 4, bytes.len() / 2, bytes.len() - 1] {
        std::fs::write(bench.path("bad.npz"), &bytes[..part]).unwrap();
        bench.refuses(&bench.text("bad.npz"), &[], &["bad.npz", "expected", "found"]);
    }
}

#[test]
fn damaged_numbers_inside_the_zip() {
    let bench = Bench::new(MOTE);
    let mut bytes = right().bytes();
    let at = bytes.windows(6).position(|part| part == b"\x93NUMPY").unwrap() + 130;
    bytes[at] ^= 0x40;
    std::fs::write(bench.path("bad.npz"), &bytes).unwrap();
    bench.refuses(&bench.text("bad.npz"), &[], &["bad.npz", "key X", "found"]);
}

#[test]
fn missing_key() {
    let bench = Bench::new(MOTE);
    let only_x = Archive::new().with("X", &[2, 2, 3], &X).with("z", &[1], &[0u8]);
    bench.refuses_file(&only_x, &["key y", "expected in the file, found only: X, z"]);
}

#[test]
fn wrong_dtype() {
    let bench = Bench::new(MOTE);
    let expected = "expected float16 to float64, integers or booleans, found dtype ";
    let x = |descr| Archive::new().with_bytes("X", header(descr, "(2, 2, 3)")).with("y", &[2], &Y);
    bench.refuses_file(&x("<f16"), &["key X", expected, "<f16; X.astype(np.float32) makes numbers of it"]);
    bench.refuses_file(&x("|O"), &["key X", expected, "|O; X.astype(np.float32) makes numbers of it"]);
    bench.refuses_file(&x("<c8"), &["key X", expected, "<c8; X.real.astype(np.float32) takes the real part"]);
    bench.refuses_file(&x("<M8[s]"), &["key X", expected, "<M8[s]"]);
    let strings = Archive::new().with("X", &[2, 2, 3], &X).with_bytes("y", header("<U4", "(2,)"));
    bench.refuses_file(&strings, &["key y", expected, "<U4; np.where(y == y[0], 1, -1) makes +1 of the first class"]);
}

#[test]
fn wrong_rank() {
    let bench = Bench::new(MOTE);
    let flat = Archive::new().with("X", &[4, 3], &X).with("y", &[4], &[1., 1., -1., -1.]);
    bench.refuses_file(&flat, &["key X", "expected 3 dimensions (N, M, D)", "found shape [4, 3]"]);
    let square = Archive::new().with("X", &[2, 2, 3], &X).with("y", &[2, 1], &Y);
    bench.refuses_file(&square, &["key y", "expected 1 dimension (N)", "found shape [2, 1]"]);
}

#[test]
fn dimensions_that_differ_between_data_and_init_or_test() {
    let bench = Bench::new(MOTE);
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
    let bench = Bench::new(MOTE);
    let three = Archive::new().with("X", &[2, 2, 3], &X).with("y", &[3], &[1., -1., 1.]);
    bench.refuses_file(&three, &["key y", "expected 2 labels", "found 3"]);
}

#[test]
fn nan_and_infinity_in_the_data() {
    let bench = Bench::new(MOTE);
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
    let bench = Bench::new(MOTE);
    let refuses = |archive: Archive, says: &str| {
        bench.refuses_file(&archive, &["key y", &format!("expected labels of +1 and -1, {says}")]);
    };
    let two = |label: f64| Archive::new().with("X", &[2, 2, 3], &X).with("y", &[2], &[1.0, label]);
    refuses(two(0.0), "found 0 and 1; y = np.where(y == 1, 1, -1) mends it");
    refuses(two(2.0), "found 1 and 2; y = np.where(y == 2, 1, -1) mends it");
    refuses(two(1.000_000_01), "found 1 and 1.00000001; y = np.where(y == 1.00000001, 1, -1) mends it");
    refuses(two(f64::NAN), "found NaN at index 1");
    let booleans = Archive::new().with("X", &[2, 2, 3], &X).with("y", &[2], &[true, false]);
    refuses(booleans, "found 0 and 1; y = np.where(y == 1, 1, -1) mends it");
    let zeros = Archive::new().with("X", &[2, 2, 3], &X).with("y", &[2], &[0u8, 0]);
    refuses(zeros, "found only 0");
    let classes = |labels: &[i32]| {
        let count = labels.len() as u64;
        Archive::new().with("X", &[count, 1, 1], &vec![1.0f32; labels.len()]).with("y", &[count], labels)
    };
    let keeps = "k = np.isin(y, [0, 1]); X, y = X[k], np.where(y[k] == 1, 1, -1) keeps two";
    refuses(classes(&[2, 0, 1, 2]), &format!("two classes, found 3: 0 1 2; {keeps}"));
    refuses(classes(&[9, 8, 7, 6, 5, 4, 3, 2, 1, 0]), &format!("two classes, found 10: 0 1 2 3 4 5 ...; {keeps}"));
    refuses(classes(&[0, 1, -1]), "two classes, found 3: -1 0 1");
}

#[test]
fn integers_that_single_precision_does_not_hold() {
    let bench = Bench::new(MOTE);
    let mut x = [1i32; 12];
    x[7] = -(1 << 24) - 1;
    let bad = Archive::new().with("X", &[2, 2, 3], &x).with("y", &[2], &Y);
    let found = "found -16777217 at index [1, 0, 1]; X.astype(np.float32) rounds them";
    bench.refuses_file(&bad, &["key X", "expected integers up to 2^24", found]);
    let long = Archive::new().with("X", &[2, 2, 3], &[u64::MAX; 12]).with("y", &[2], &Y);
    bench.refuses_file(&long, &["key X", "expected integers up to 2^24", "at index [0, 0, 0]"]);
}

#[test]
fn zero_samples() {
    let bench = Bench::new(MOTE);
    let none = Archive::new().with::<f32>("X", &[0, 2, 3], &[]).with::<f32>("y", &[0], &[]);
    bench.refuses_file(&none, &["key X", "expected at least one sample", "found shape [0, 2, 3]"]);
}

#[test]
fn an_output_folder_that_cannot_be_written() {
    let bench = Bench::new(MOTE);
    right().save(&bench.path("right.npz"));
    std::fs::write(bench.path("file"), "").unwrap();
    let out = bench.text("file/out");
    let output =
        mote(MOTE, &["train", "--data", &bench.text("right.npz"), "--steps", "3", "--lr", "0.1", "--out", &out]);
    refused(&output, &["file/out", "expected an output folder that can be written", "found"]);
}

#[test]
fn learning_rates_that_cannot_be() {
    let bench = Bench::new(MOTE);
    right().save(&bench.path("right.npz"));
    for (lr, shown) in [("0", "0"), ("-0.5", "-0.5"), ("nan", "NaN"), ("inf", "inf")] {
        let output = bench.train(&bench.text("right.npz"), &["--steps", "3", "--lr", lr]);
        refused(&output, &["--lr", "expected a finite number above 0", &format!("found {shown}")]);
        assert!(!bench.path("out").exists());
    }
}

#[test]
fn a_learning_rate_that_diverges_keeps_the_last_finite_weights() {
    let bench = Bench::new(MOTE);
    for lr in ["1e30", "1e38"] {
        let more = ["--init", &golden("small.init"), "--steps", "50", "--lr", lr, "--train-output"];
        let output = bench.train(&golden("small.data"), &more);
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{text}");
        // The remark on the learning rate, then the error.
        let (remark, text) = text.split_once('\n').unwrap();
        assert!(remark.starts_with(&format!("mote: remark: --lr {lr}: ")), "{remark}");
        assert_eq!(text.trim_end().lines().count(), 1, "{text}");
        assert!(
            text.contains("training diverged at step")
                && text.contains(&format!("try a learning rate below {lr};"))
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
    let bench = Bench::new(MOTE);
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

/// The header's grammar takes exponential time, so its brackets are counted before it is parsed: more than any array
/// needs are refused, also where quotes and escapes would hide them from the count.
#[test]
fn a_header_of_many_brackets_is_refused_before_it_is_parsed() {
    let bench = Bench::new(MOTE);
    let many = ["{", "[", "(", "{'}':", "{\"'}\":", "({1,[", r"{'\'}':", r"{'\N{'}'}':", "[1,(),", "{b'}':'"];
    for bracket in many {
        for text in [bracket.repeat(2000 / bracket.len()), format!("{{'shape': {}", bracket.repeat(300))] {
            let mut npy = b"\x93NUMPY\x01\x00".to_vec();
            npy.extend((text.len() as u16).to_le_bytes());
            npy.extend(text.into_bytes());
            bench.refuses_file(&right_with_x(npy), &["key X: expected a NumPy array, found", "header"]);
        }
    }
    // NumPy's own limit.
    let mut long = header("<f4", &format!("({}2, 2, 3)", " ".repeat(9_950)));
    bench.refuses_file(&right_with_x(long), &["key X", "found: a header of 10038 bytes, more than 10000"]);
    long = header("<f4", &format!("({}2, 2, 3)", " ".repeat(9_000)));
    long.extend(X.iter().flat_map(|x| x.to_le_bytes()));
    right_with_x(long).save(&bench.path("long.npz"));
    assert_eq!(Samples::read(&bench.path("long.npz")).unwrap().x, X);
}

/// Zeros pack a thousandfold, and are data all the same: a bound on bytes needs none on how well they pack.
#[test]
fn zeros_are_data() {
    let bench = Bench::new(MOTE);
    let zeros = vec![0f64; 8_400_000];
    Archive::new().with("X", &[2, 42, 100_000], &zeros).with("y", &[2], &Y).deflated().save(&bench.path("zeros.npz"));
    assert!(std::fs::metadata(bench.path("zeros.npz")).unwrap().len() < 100_000);
    let samples = Samples::read(&bench.path("zeros.npz")).unwrap();
    assert_eq!((samples.samples, samples.tokens, samples.dim), (2, 42, 100_000));
    assert!(samples.x.len() == zeros.len() && samples.x.iter().all(|x| *x == 0.0));
}

#[test]
fn a_zip_bomb_is_not_unpacked() {
    let bench = Bench::new(MOTE);
    // 60 MB of zeros behind an array of 12 numbers.
    let mut npy = header("<f4", "(2, 2, 3)");
    npy.resize(60 << 20, 0);
    let bomb = right_with_x(npy).deflated();
    assert!(bomb.bytes().len() < 200_000);
    bench.refuses_file(&bomb, &["key X", "expected 12 numbers of <f4, 48 bytes", "found 62914432 bytes"]);
    // The same, and a table of contents that claims the 12 numbers alone.
    let mut bytes = bomb.bytes();
    let size = (60_u32 << 20).to_le_bytes();
    let at: Vec<usize> = (0..bytes.len() - 4).filter(|at| bytes[*at..*at + 4] == size).collect();
    assert!(!at.is_empty());
    at.iter().for_each(|at| bytes[*at..*at + 4].copy_from_slice(&(128 + 48_u32).to_le_bytes()));
    std::fs::write(bench.path("bad.npz"), bytes).unwrap();
    bench.refuses(
        &bench.text("bad.npz"),
        &[],
        &["key X", "expected", "12 undamaged numbers of <f4, found: File is larger"],
    );
}

fn right_with_x(npy: Vec<u8>) -> Archive {
    Archive::new().with_bytes("X", npy).with("y", &[2], &Y)
}

/// Whatever a file says of itself, the answer is one line of printable text.
#[test]
fn foreign_text_stays_on_one_short_line() {
    let bench = Bench::new(MOTE);
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
    let bench = Bench::new(MOTE);
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
    let bench = Bench::new(MOTE);
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
