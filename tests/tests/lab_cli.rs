//! The laboratory's smaller commands and axes as a user meets them. Compiled with package `mote-host`, which has the
//! binary.

use mote_tests::{columns, refused, stderr};
use std::path::Path;
use std::process::{Command, Output};
use tempfile::TempDir;

fn mote(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mote-under-test")).args(args).output().unwrap()
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{}", stderr(output));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn theory_names_what_is_met_and_what_rests_on_memory() {
    let said = text(&mote(&["theory", "--n", "10", "--snr", "1", "--dim", "4e12", "--head", "1e8"]));
    for part in [
        "N=10 SNR=1.0000 D=4000000000000 H=100000000: N SNR^2 = 10.0000",
        "met      H at least max(SNR^4, SNR^-4) N^2 / eps^2: 1.000e8, asked 4.000e4",
        "met      D at least N^2 H / eps^2: 4.000e12, asked 4.000e12",
        "NOT met  N at least a power of log D",
        "even at N SNR^2 = 2 C_p^2 = 2.0000; the signal leads here",
        "not read from the paper",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let said = text(&mote(&["theory", "--preset", "figure1", "--n", "20", "--signal", "10,50", "--json"]));
    let verdicts: Vec<serde_json::Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(verdicts.len(), 2);
    assert_eq!(verdicts[0]["race"].as_f64().map(f64::round), Some(800.0));
    assert!(verdicts.iter().all(|verdict| verdict["items"][0]["is_met"] == false));
    assert!(verdicts.iter().all(|verdict| verdict["missed"][0] == "width"));
    assert!(verdicts.iter().all(|verdict| verdict["constants"] == "remembered; taken as 1"));
    refused(&mote(&["theory", "--preset", "digits"]), &["--preset: expected a preset of signals and noise"]);
    refused(&mote(&["theory", "--n", "x"]), &["--n: expected a list like", "\"x\""]);
    refused(&mote(&["theory", "--snr=-1"]), &["--snr: expected a number from 1.2e-38 to 3.4e38", "found -1"]);
}

/// Four models at one N SNR^2, each with its own cells, boundary and pictures.
#[test]
fn wide_sweeps_the_dimension() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("out");
    let args = ["phase", "--quiet", "--preset", "wide", "--signal", "1,4", "--replicates", "2", "--out", path(&out)];
    text(&mote(&args));
    let cells = columns(&out.join("cells.csv"), &["dim", "head", "n_snr2", "space", "converged"]);
    assert_eq!(cells.len(), 16);
    for dim in ["1000", "100000", "10000000", "1000000000"] {
        let of_dim: Vec<_> = cells.iter().filter(|cell| cell[0] == dim).collect();
        assert_eq!(of_dim.len(), 4, "{dim}");
        assert!(of_dim.iter().all(|cell| cell[1] == "64" && ["0.5", "8"].contains(&cell[2].as_str())));
        assert!(of_dim.iter().all(|cell| cell[3] == "free" && cell[4] == "true"));
        assert!(out.join(format!("heatmap-D{dim}-H64.svg")).exists());
    }
    let boundary: serde_json::Value =
        serde_json::from_slice(&std::fs::read(out.join("boundary.json")).unwrap()).unwrap();
    assert_eq!(boundary["models"].as_array().unwrap().len(), 4);
    assert!(std::fs::read(out.join("curves.png")).unwrap().starts_with(b"\x89PNG"));
}

/// A cell far beyond any memory runs, and everything that comes of it says which assumption it does not meet.
#[test]
fn the_theorem_s_regime_is_reachable() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("out");
    let args = ["phase", "--quiet", "--preset", "theorem", "--dim", "4e12", "--head", "1e8", "--n", "6"];
    let more = ["--signal", "1.25", "--replicates", "1", "--stop-loss", "0.5", "--out", path(&out)];
    let said = text(&mote(&[&args[..], &more].concat()));
    let cells = columns(&out.join("cells.csv"), &["dim", "head", "space", "converged", "test_loss"]);
    assert_eq!(cells[0][..4], ["4000000000000", "100000000", "free", "true"]);
    let loss: f64 = cells[0][4].parse().unwrap();
    assert!((0.3..0.7).contains(&loss), "{loss}");
    let theory = columns(&out.join("theory.csv"), &["n_snr2", "missed", "constants"]);
    assert_eq!(theory, [["9.375", "samples", "remembered; taken as 1"]]);
    let run: serde_json::Value = serde_json::from_slice(&std::fs::read(out.join("run.json")).unwrap()).unwrap();
    let condition = serde_json::json!({
        "constants": "remembered; taken as 1", "places": 1, "all_met": 0, "missed": { "samples": 1 },
    });
    assert_eq!(run["condition"], condition);
    let sentence = "Condition 4.1 (its constants remembered; taken as 1): every item is met at 0 of 1 places; not met: samples at 1";
    assert!(said.contains(sentence), "{said}");
    assert!(std::fs::read_to_string(out.join("report.html")).unwrap().contains(sentence));
}

#[test]
fn digits_are_files_that_train_and_a_phase_diagram() {
    let folder = TempDir::new().unwrap();
    let (data, run, out) = (folder.path().join("data"), folder.path().join("run"), folder.path().join("phase"));
    text(&mote(&["digits", "--classes", "0,1", "--out", path(&data)]));
    let (train, test) = (data.join("train.npz"), data.join("test.npz"));
    let args = ["train", "--quiet", "--data", path(&train), "--test", path(&test), "--out", path(&run)];
    let said = text(&mote(&[&args[..], &["--steps", "100", "--lr", "0.1"]].concat()));
    let error: f64 = said.split("error ").last().unwrap().split('%').next().unwrap().parse().unwrap();
    assert!(error <= 2.0, "{said}");

    let args = ["phase", "--quiet", "--preset", "digits", "--n", "32", "--signal", "0.5,5.6", "--replicates", "3"];
    text(&mote(&[&args[..], &["--stop-loss", "0.05", "--out", path(&out)]].concat()));
    let groups = columns(&out.join("summary.csv"), &["signal_norm", "mean_test_error"]);
    let errors: Vec<f64> = groups.iter().map(|group| group[1].parse().unwrap()).collect();
    assert!(errors[0] > 0.3 && errors[1] < 0.15, "{groups:?}");
    assert!(columns(&out.join("cells.csv"), &["space"]).iter().all(|cell| cell[0] == "weights"));
}

#[test]
fn impossible_requests_name_what_is_possible() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("out");
    for (args, expected) in [
        (&["digits", "--classes", "3,3"][..], &["--classes: expected two different digits", "3,3"][..]),
        (&["digits", "--train", "300"], &["at most 348 in all of the digits 3 and 8", "found 300 and 200 test"]),
        (&["digits", "--tokens", "3"], &["--tokens: expected at least 4, found 3"]),
        (&["phase", "--preset", "digits", "--n", "200"], &["--n: expected at most 348", "found 200 and 200"]),
        (&["phase", "--preset", "digits", "--space", "tokens"], &["--space: expected auto or weights"]),
        (&["phase", "--preset", "digits", "--dim", "32"], &["--dim: expected 64 for images, found 32"]),
        (&["phase", "--preset", "law", "--classes", "3,8"], &["--classes: expected preset digits"]),
        (&["phase", "--preset", "theorme"], &["found \"theorme\"; did you mean theorem?"]),
        (&["dynamics", "--preset", "beningn"], &["found \"beningn\"; did you mean benign?"]),
        (&["phase", "--preset", "law", "--dim", "1,2,3", "--head", "1,2"], &["--head: expected 1 or 3 values"]),
        (
            &["phase", "--preset", "wide", "--space", "weights"],
            &["--space: ", "D=1000000000 H=64 at once take", "GB of memory in weights space", "GB free"],
        ),
        (
            &["phase", "--preset", "law", "--space", "weights", "--dim", "1e14", "--head", "8", "--dry-run"],
            &["GB of memory", "GB free"],
        ),
        (&["phase", "--preset", "law", "--cut", "0"], &["--cut: expected a number from 1.2e-38", "found 0"]),
        (&["phase", "--preset", "law", "--lr=-1"], &["--lr: expected a number from 1.2e-38", "found -1"]),
    ] {
        refused(&mote(&[args, &["--out", path(&out)]].concat()), expected);
        assert!(!out.exists(), "{args:?}");
    }
}

/// One run has no spread: blank in the table, no band in the picture, no words about either. And it is one run.
#[test]
fn a_single_run_has_no_spread() {
    let folder = TempDir::new().unwrap();
    for (runs, bands) in [("1", 0), ("2", 2)] {
        let out = folder.path().join(runs);
        let said = text(&mote(&["dynamics", "--steps", "3", "--runs", runs, "--threads", "1", "--out", path(&out)]));
        assert!(said.contains(if bands == 0 { "\n1 run; stages" } else { "\n2 runs; stages" }), "{said}");
        let spreads = columns(&out.join("dynamics.csv"), &["sd", "runs"]);
        assert!(spreads.iter().all(|row| row[0].is_empty() == (bands == 0) && row[1] == runs), "{spreads:?}");
        let svg = std::fs::read_to_string(out.join("attention.svg")).unwrap();
        assert_eq!(svg.matches("opacity=\"0.2\"").count(), bands);
        let page = std::fs::read_to_string(out.join("report.html")).unwrap();
        let facts = ["One run (attention), so no spread.", ", on 1 thread, "].map(|part| page.contains(part));
        assert_eq!((facts, page.contains('\u{b1}')), ([bands == 0, true], bands > 0));
    }
    // Models compared by one replicate each have lines without bands.
    let out = folder.path().join("phase");
    let args = ["phase", "--quiet", "--preset", "wide", "--dim", "1e3,1e5", "--signal", "1,4", "--replicates", "1"];
    text(&mote(&[&args[..], &["--out", path(&out)]].concat()));
    assert!(!std::fs::read_to_string(out.join("curves.svg")).unwrap().contains("opacity=\"0.2\""));
}

/// Every name that some command takes as a preset, with the command where it is not those of the chip.
#[test]
fn presets_are_listed_with_what_they_are_for() {
    let said = text(&mote(&["presets"]));
    assert!(said.starts_with("demo         benign against harmful overfitting"), "{said}");
    let phase = ["figure1", "law", "wide", "theorem", "digits"].map(|name| (name, "(mote phase)"));
    let dynamics = ["benign", "harmful"].map(|name| (name, "(mote dynamics)"));
    for (name, command) in phase.into_iter().chain(dynamics) {
        let is_its_line = |line: &&str| line.starts_with(&format!("{name:12} ")) && line.ends_with(command);
        assert_eq!(said.lines().filter(is_its_line).count(), 1, "{name}: {said}");
    }
}

/// Whatever number stands behind an option, a space before it or not: the option's own answer, on one line.
#[test]
fn numbers_out_of_range_are_refused_by_the_option_they_stand_behind() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("out");
    let single = "expected a number from 1.2e-38 to 3.4e38 (single precision), found ";
    let whole = |found: &str, most: &str| format!("expected a whole number from 0 to {most}, found \"{found}\"");
    let range = "expected first..last..step with first at most last and step above 0, like 5..100..5, found ";
    let (u32s, u64s) = ("4294967295", "18446744073709551615");
    for (args, expected) in [
        ("phase --preset law --lr -1", format!("--lr: {single}-1")),
        ("phase --preset law --lr 1e39", format!("--lr: {single}1e39")),
        ("phase --preset law --lr 1e-50", format!("--lr: {single}1e-50")),
        ("phase --preset law --lr fast", "--lr: expected a number, found \"fast\"".into()),
        ("phase --preset law --signal 1,1e39", format!("--signal: {single}1e39")),
        ("phase --preset law --signal -5..100..5", format!("--signal: {single}-5")),
        ("phase --preset law --signal 5..100..0", format!("--signal: {range}\"5..100..0\"")),
        ("phase --preset law --signal 5..", format!("--signal: {range}\"5..\"")),
        ("phase --preset law --n -4", "--n: expected whole numbers below 1e15, found -4".into()),
        ("phase --preset figure1 --big 1e40", format!("--big: {single}1e40")),
        ("phase --preset figure1 --small -0.5", format!("--small: {single}-0.5")),
        ("phase --preset figure1 --divisor 1e39", format!("--divisor: {single}1e39")),
        ("phase --preset law --noise-norm 1e39", format!("--noise-norm: {single}1e39")),
        ("phase --preset law --stop-loss -1", format!("--stop-loss: {single}-1")),
        ("phase --preset law --cut -1", format!("--cut: {single}-1")),
        ("phase --preset law --replicates -3", format!("--replicates: {}", whole("-3", u32s))),
        ("phase --preset law --seed -1", format!("--seed: {}", whole("-1", u64s))),
        ("phase --preset law --max-steps 5000000000", format!("--max-steps: {}", whole("5000000000", u32s))),
        ("phase --preset law --threads -2", format!("--threads: {}", whole("-2", u64s))),
        (
            "phase --preset digits --classes -3,8",
            "--classes: expected two different digits, like 3,8, found -3,8".into(),
        ),
        ("dynamics --runs -1", format!("--replicates: {}", whole("-1", u32s))),
        ("digits --signal -4", "--signal: expected a number above 0 and below 1e15, found -4".into()),
        ("digits --train -2", format!("--train: {}", whole("-2", u64s))),
    ] {
        let args: Vec<&str> = args.split(' ').chain(["--out", path(&out)]).collect();
        refused(&mote(&args), &[&format!("mote: {expected}\n")]);
        assert!(!out.exists(), "{args:?}");
    }
    refused(&mote(&["theory", "--snr", "-1"]), &[&format!("--snr: {single}-1")]);
    refused(&mote(&["theory", "--snr", "2..1"]), &[&format!("--snr: {range}\"2..1\"")]);
    refused(&mote(&["bench", "--cells", "-1"]), &[&format!("--cells: {}", whole("-1", u64s))]);
    // Options of other commands answer on one line too, with what was found.
    refused(&mote(&["fit", "--ram", "20K", "--samples-held", "x"]), &["mote: --samples-held: ", "found \"x\""]);
    refused(
        &mote(&["device", "--deadline", "0"]),
        &["mote: --deadline: expected a whole number from 1 to 86400, found 0"],
    );
}

/// The dry run times a few cells and says how long all would take, and how much memory.
#[test]
fn a_dry_run_estimates_time_and_memory() {
    let said = text(&mote(&["phase", "--preset", "figure1", "--dry-run", "--out", "/nonexistent/x", "--n", "2,4"]));
    assert!(said.contains("2000 cells: 0 weights, 0 tokens, 0 sampled, 2000 free"), "{said}");
    assert!(said.contains(" s on ") && said.contains("going by 8 of the cells") && said.contains(" MB of memory"));
    let many = [" core-hours; about 280 kB as CSV, 84 kB as Parquet; --task /", " for parts of at most about 30 s"];
    assert!(many.iter().all(|part| said.contains(part)), "{said}");
    let seconds: f64 = said.split("about ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    assert!(seconds > 0.0, "{said}");
}

/// Cells that take minutes, or whose first step does: the dry run ends all the same, and says what it does not know.
#[test]
fn a_dry_run_of_an_expensive_grid_ends_soon() {
    let steps = ["--preset", "theorem", "--stop-loss", "1e-5", "--max-steps", "2000000"];
    let first = ["--preset", "law", "--space", "weights", "--n", "100000000", "--dim", "16", "--head", "4"];
    for (grid, expected) in [
        (&steps[..], &["between ", " of them cut short", "to --max-steps 2000000; at most "][..]),
        (
            &first,
            &[
                "duration unknown: a cell of N=100000000 D=16 H=4 did no step in 5 s; at most ",
                "\ncore-hours unknown; ",
            ],
        ),
    ] {
        let start = std::time::Instant::now();
        let said = text(&mote(&[&["phase", "--dry-run"], grid].concat()));
        // 5 s on an idle machine.
        assert!(start.elapsed().as_secs() < 30, "{said}");
        assert!(expected.iter().all(|part| said.contains(part)), "{said}");
    }
}
