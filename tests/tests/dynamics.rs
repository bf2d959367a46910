//! `mote dynamics` as a user meets it: any experiment, kept run by run, and the published numbers. Compiled with package
//! `mote-host`, which has the binary.

use mote_tests::{columns, read, refused, stderr};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// Six runs of 40 steps that take a second in weight space.
const SMALL: [&str; 17] = [
    "--preset",
    "law",
    "--dim",
    "64",
    "--head",
    "8",
    "--n",
    "8",
    "--signal",
    "4",
    "--runs",
    "6",
    "--steps",
    "40",
    "--test-samples",
    "50",
    "--quiet",
];

fn command(out: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mote-under-test"));
    command.args(["dynamics", "--out"]).arg(out).args(args).stdin(Stdio::null());
    command
}

fn dynamics(out: &Path, args: &[&str]) -> String {
    let output = command(out, args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", stderr(&output));
    String::from_utf8(output.stdout).unwrap()
}

fn small(out: &Path, more: &[&str]) -> String {
    dynamics(out, &[&SMALL, more].concat())
}

fn fails(out: &Path, args: &[&str]) -> Output {
    command(out, args).output().unwrap()
}

/// Rows of `dynamics.csv` as published: three runs of 30 steps, on a processor with AVX2 and FMA.
const PUBLISHED: [(&str, &str); 2] = [
    (
        "benign",
        "\
1,train_loss,0.6934288417299589,0.00008972333126076782,3\n\
1,attention_noise,0.24991295238335928,0.00012862467276281362,3\n\
30,train_loss,0.27110792386035126,0.009999601227084758,3\n\
30,test_loss,0.33514147996902466,0.010539092148224006,3\n\
30,test_error,0,0,3\n\
30,attention_signal,0.34196101625760394,0.009206428215678901,3\n\
30,attention_noise,0.21843890845775604,0.0015993949084677486,3\n\
30,v_signal,2.9310431480407715,0.08871775306186475,3\n\
30,v_noise,1.0191239317258198,0.24609731434047377,3\n\
30,qk_signal_signal,1.192286696273257,0.1345962033266196,3\n\
30,qk_signal_noise,-0.02206164130842762,0.08023731383738494,3\n\
30,qk_xi3_signal,0.0029277422451525815,0.0017462174974191755,3\n\
30,qk_xi3_noise,-0.00019128274605081282,0.00047634014086087603,3\n\
",
    ),
    (
        "harmful",
        "\
1,train_loss,0.6930358747641246,0.0001883119502321704,3\n\
1,attention_noise,0.25004679958025616,0.00019889354213642213,3\n\
30,train_loss,0.14935162762800852,0.01832952299418636,3\n\
30,test_loss,0.5198095709085465,0.014421230101952242,3\n\
30,test_error,0,0,3\n\
30,attention_signal,0.17088037729263306,0.006559409023184593,3\n\
30,attention_noise,0.49082499742507935,0.01834129129881682,3\n\
30,v_signal,1.5946005980173747,0.07728456878331967,3\n\
30,v_noise,3.486996332804362,0.14623872576250627,3\n\
30,qk_signal_signal,0.03280744956221593,0.00963387398401072,3\n\
30,qk_signal_noise,1.0916935134699628,0.26373924579552566,3\n\
30,qk_xi3_signal,0.00015116702162411289,0.00007304858779566637,3\n\
30,qk_xi3_noise,0.011348444570208413,0.007923304390490755,3\n\
",
    ),
];

/// The text of a picture without its marks: letters of a formula stand in elements of their own.
fn words(svg: &str) -> String {
    svg.split('<').filter_map(|part| part.split_once('>')).map(|(_, text)| text).collect()
}

/// The two recipes of the paper keep their seeds and their numbers, whatever else can be followed: every digit on the
/// kind of processor that they were pinned on, and nearly elsewhere.
#[test]
fn the_published_recipes_keep_their_numbers() {
    for (preset, published) in PUBLISHED {
        let folder = TempDir::new().unwrap();
        dynamics(folder.path(), &["--preset", preset, "--runs", "3", "--steps", "30", "--quiet"]);
        let run: serde_json::Value = serde_json::from_str(&read(folder.path().join("run.json"))).unwrap();
        let csv = read(folder.path().join("dynamics.csv"));
        assert!(csv.starts_with("step,quantity,mean,sd,runs\n") && csv.lines().count() == 1 + 30 * 11);
        for line in published.lines() {
            if run["simd"] == "avx2+fma" && run["math"] == "libm" {
                assert!(csv.contains(&format!("\n{line}\n")), "{preset}: {line}");
                continue;
            }
            let expected: Vec<&str> = line.split(',').collect();
            let found: Vec<&str> = csv
                .lines()
                .map(|line| line.split(',').collect::<Vec<_>>())
                .find(|row| row[..2] == expected[..2])
                .unwrap();
            let number = |row: &[&str]| row[2].parse::<f64>().unwrap();
            let (a, b) = (number(&found), number(&expected));
            assert!((a - b).abs() < 1e-3 * (1.0 + b.abs()), "{preset}: {line}, found {a}");
        }
    }
}

/// Killed outright again and again: every run once, whole, and every file of numbers as of a quiet run.
#[test]
fn a_killed_command_goes_on_where_it_was() {
    let folder = TempDir::new().unwrap();
    let (quiet, killed) = (folder.path().join("quiet"), folder.path().join("killed"));
    let slow = ["--space", "weights", "--threads", "1", "--keep-runs"];
    small(&quiet, &slow);
    let whole = || {
        std::fs::read(killed.join("runs.csv"))
            .map_or(0, |text| text.iter().filter(|b| **b == b'\n').count().saturating_sub(1) / 40)
    };
    let mut between = 0;
    for round in 1..4 {
        let mut child = command(&killed, &[&SMALL[..], &slow].concat()).stdout(Stdio::null()).spawn().unwrap();
        let start = std::time::Instant::now();
        while whole() < round && start.elapsed().as_secs() < 60 {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        between += usize::from((1..6).contains(&whole()));
        // What a kill in the midst of writing leaves: seven lines of the next run, and a torn one.
        let (runs, next) = (whole(), read(quiet.join("runs.csv")));
        let kept = read(killed.join("runs.csv")).lines().count().min(1 + 40 * runs);
        let lines: Vec<&str> = next.lines().take(1 + 40 * runs + 7).collect();
        assert!(kept == 1 + 40 * runs && runs < 6, "{kept} lines, {runs} runs");
        std::fs::write(killed.join("runs.csv"), lines.join("\n") + "\n8,4,1,8").unwrap();
    }
    assert!(between > 0, "no kill fell between two runs");
    small(&killed, &slow);
    for file in ["runs.csv", "dynamics.csv", "stages.json", "loss.svg", "products.svg"] {
        assert_eq!(read(killed.join(file)), read(quiet.join(file)), "{file}");
    }
    assert_eq!(std::fs::read(killed.join("runs.parquet")).unwrap(), std::fs::read(quiet.join("runs.parquet")).unwrap());
}

/// More runs and a wider grid in a finished folder: what was there stays, and only what is new is computed. A narrower
/// grid leaves the rest in the table, and out of the means.
#[test]
fn a_finished_folder_grows() {
    let folder = TempDir::new().unwrap();
    let (grown, fresh) = (folder.path().join("grown"), folder.path().join("fresh"));
    small(&grown, &["--runs", "2"]);
    let before = read(grown.join("runs.csv"));
    let wide = ["--runs", "3", "--signal", "2,4", "--keep-runs"];
    let said = dynamics(&grown, &[&SMALL[..SMALL.len() - 1], &wide].concat());
    assert!(said.starts_with("2 of 6 runs are done already\n"), "{said}");
    let after = read(grown.join("runs.csv"));
    assert!(before.lines().all(|line| after.contains(line)) && after.lines().count() == 1 + 6 * 40);
    small(&fresh, &wide);
    for file in ["runs.csv", "dynamics.csv", "stages.json"] {
        assert_eq!(read(grown.join(file)), read(fresh.join(file)), "{file}");
    }
    let parquet = |out: &Path| std::fs::read(out.join("runs.parquet")).unwrap();
    assert_eq!(parquet(&grown), parquet(&fresh));
    let config = grown.join("run.json");
    let again = dynamics(&grown, &["--config", config.to_str().unwrap()]);
    assert!(again.starts_with("6 of 6 runs are done already\n"), "fed back from the folder itself: {again}");
    let narrow = small(&grown, &["--runs", "2"]);
    assert!(narrow.contains("4 runs off this grid stay in runs.csv and are left out here"), "{narrow}");
    assert_eq!((read(grown.join("runs.csv")), parquet(&grown)), (after, parquet(&fresh)));
    assert!(columns(&grown.join("dynamics.csv"), &["runs"]).iter().all(|row| row[0] == "2"));
    // Another number of steps is another run.
    let output = fails(&grown, &[&SMALL[..], &wide, &["--steps", "41"]].concat());
    refused(&output, &["found another: recipe.max_steps 40 there, 41 here", "delete runs.csv and config.json"]);
}

/// One's own question, with every axis and setting there is: killed in the midst and gone on with, in the cheapest space.
#[test]
fn any_experiment_is_followed_and_resumed() {
    let folder = TempDir::new().unwrap();
    let (quiet, killed) = (folder.path().join("quiet"), folder.path().join("killed"));
    let own = ["--n", "12", "--snr", "3", "--lr", "0.05", "--flip", "0.1", "--runs", "10", "--keep-runs"];
    let own = [&own[..], &["--steps", "60", "--threads", "1"]].concat();
    dynamics(&quiet, &own);
    let mut child = command(&killed, &own).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let lines =
        || std::fs::read(killed.join("runs.csv")).map_or(0, |text| text.iter().filter(|b| **b == b'\n').count());
    let start = std::time::Instant::now();
    while lines() < 1 + 2 * 60 && start.elapsed().as_secs() < 60 {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!((1 + 2 * 60..1 + 10 * 60).contains(&lines()), "{} lines", lines());
    dynamics(&killed, &own);
    for file in ["runs.csv", "dynamics.csv", "stages.json", "values.svg"] {
        assert_eq!(read(killed.join(file)), read(quiet.join(file)), "{file}");
    }
    let rows = columns(&quiet.join("runs.csv"), &["n", "snr", "flip", "space", "config"]);
    assert!(rows.len() == 600 && rows.iter().all(|row| row[..4] == ["12", "3", "0.1", "free"]), "{:?}", rows[0]);
    assert!(words(&read(quiet.join("values.svg"))).contains("N=12 SNR=3 \u{3b1}=0.1"));
    // Two strengths of label noise: a column, and curves of each.
    let two = folder.path().join("two");
    small(&two, &["--flip", "0,0.2", "--runs", "2", "--steps", "5"]);
    assert!(read(two.join("dynamics.csv")).starts_with("flip,step,quantity,mean,sd,runs\n0,1,train_loss,"));
    assert!(two.join("loss-flip0.2.png").exists());
}

/// Threads change no number; several places have a column for what varies, and pictures each.
#[test]
fn places_have_columns_and_curves_of_their_own() {
    let folder = TempDir::new().unwrap();
    let outs = ["1", "2"].map(|threads| folder.path().join(threads));
    for (out, threads) in outs.iter().zip(["1", "2"]) {
        let said = small(out, &["--n", "4,8", "--signal", "3", "--runs", "2", "--threads", threads]);
        assert!(said.contains("N=4:\nstep    1: train_loss") && said.contains("\n2 runs; stages: {"), "{said}");
    }
    let [one, two] = &outs;
    for file in ["dynamics.csv", "stages.json", "attention-n4.svg", "attention-n8.svg"] {
        assert_eq!(read(one.join(file)), read(two.join(file)), "{file}");
    }
    assert!(read(one.join("dynamics.csv")).starts_with("n,step,quantity,mean,sd,runs\n4,1,train_loss,"));
    assert_eq!(columns(&one.join("dynamics.csv"), &["n"]).iter().filter(|row| row[0] == "8").count(), 40 * 11);
    let stages: serde_json::Value = serde_json::from_str(&read(one.join("stages.json"))).unwrap();
    assert_eq!((stages.as_array().unwrap().len(), &stages[1]["n"]), (2, &8.into()));
    let page = read(one.join("report.html"));
    assert!(page.matches("<svg ").count() == 8 && page.contains("Means and standard deviations, N=8"));
    // A place that is followed alone has the same numbers.
    let alone = folder.path().join("alone");
    small(&alone, &["--signal", "3", "--runs", "2"]);
    let rows = |out: &Path| columns(&out.join("dynamics.csv"), &["step", "quantity", "mean", "sd", "runs"]);
    assert_eq!(rows(&alone), rows(one)[40 * 11..]);
}

/// What is followed is the first sample of class +1; what there is not is blank, in every file.
#[test]
fn what_a_run_does_not_have_is_blank() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("two");
    small(&out, &["--tokens", "2", "--n", "1", "--signal", "3", "--runs", "8", "--steps", "3", "--threads", "1"]);
    let names = ["step", "test_loss", "attention_signal", "qk_signal_noise", "qk_xi3_signal", "qk_xi3_noise"];
    let rows = columns(&out.join("runs.csv"), &names);
    assert_eq!(rows.len(), 24);
    assert!(rows.iter().all(|row| !row[1].is_empty() && row[4].is_empty() && row[5].is_empty()), "{rows:?}");
    // One sample of a random label: in some runs it is -1, and nothing is followed.
    let with = rows.iter().filter(|row| !row[2].is_empty() && !row[3].is_empty()).count();
    assert!((3..24).contains(&with) && with % 3 == 0, "{with} of 24 rows");
    let means = columns(&out.join("dynamics.csv"), &["quantity", "mean", "sd", "runs"]);
    for row in &means {
        let expected = match row[0].as_str() {
            "train_loss" | "test_loss" | "test_error" => 8,
            third if third.starts_with("qk_xi3") => 0,
            _ => with / 3,
        };
        assert_eq!((row[3].parse(), row[1].is_empty()), (Ok(expected), expected == 0), "{row:?}");
    }
    assert!(!read(out.join("products.svg")).contains("q_\u{3be}3") && !read(out.join("report.html")).contains("NaN"));
}

/// With a stop loss a run ends there, as the cell of the phase diagram does, and later means are over the others.
#[test]
fn a_run_is_the_cell_of_the_phase_diagram() {
    let folder = TempDir::new().unwrap();
    let (out, cells) = (folder.path().join("runs"), folder.path().join("cells"));
    let stop = ["--stop-loss", "0.2", "--steps", "5000"];
    small(&out, &stop);
    let mut phase = Command::new(env!("CARGO_BIN_EXE_mote-under-test"));
    phase.args(["phase", "--out"]).arg(&cells).args(SMALL).args(stop);
    assert!(phase.output().unwrap().status.success());
    let names = ["replicate", "seed", "space", "train_loss", "test_loss", "test_error"];
    let last = |row: &Vec<String>, step: &str| [&row[..], &[step.to_owned()]].concat();
    let mut ends: std::collections::BTreeMap<String, Vec<String>> = Default::default();
    let steps = columns(&out.join("runs.csv"), &["step"]);
    for (row, step) in columns(&out.join("runs.csv"), &names).iter().zip(steps) {
        ends.insert(row[0].clone(), last(row, &step[0]));
    }
    let steps = columns(&cells.join("cells.csv"), &["steps"]);
    let mut expected: Vec<_> =
        columns(&cells.join("cells.csv"), &names).iter().zip(steps).map(|(row, step)| last(row, &step[0])).collect();
    expected.sort();
    assert_eq!(ends.into_values().collect::<Vec<_>>(), expected);
    let runs = columns(&out.join("dynamics.csv"), &["runs"]);
    assert!(runs[0][0] == "6" && runs[runs.len() - 1][0] != "6", "{runs:?}");
}

/// The same run file, options and checks as of the phase diagram.
#[test]
fn configurations_are_those_of_the_phase_diagram() {
    let folder = TempDir::new().unwrap();
    let (out, file) = (folder.path().join("out"), folder.path().join("run.toml"));
    let options = ["--preset", "harmful", "--lr", "0.05", "--runs", "2", "--steps", "4"];
    let printed = dynamics(&out, &[&options[..], &["--print-config"]].concat());
    assert!(
        printed.contains("preset = \"harmful\"") && printed.contains("replicates = 2") && !out.exists(),
        "{printed}"
    );
    std::fs::write(&file, &printed).unwrap();
    dynamics(&out, &[&options[..], &["--quiet"]].concat());
    let config = ["--config", file.to_str().unwrap()];
    let said = dynamics(&out, &config);
    assert!(said.starts_with("2 of 2 runs are done already\n"), "{said}");
    let run: serde_json::Value = serde_json::from_str(&read(out.join("run.json"))).unwrap();
    assert_eq!((&run["runs"], &run["config"]["recipe"]["learning_rate"]), (&2.into(), &0.05.into()));
    assert_eq!(run["config"], serde_json::from_str::<serde_json::Value>(&read(out.join("config.json"))).unwrap());
    refused(&fails(&out, &[&config[..], &["--seed", "9"]].concat()), &["seed 1 there, 9 here"]);
    let said = dynamics(&out, &["--dry-run", "--preset", "benign"]);
    assert!(said.starts_with("20 runs: 0 weights, 0 tokens, 0 sampled, 20 free\nabout "), "{said}");
    assert!(said.contains("of the runs; at most ") && said.contains(" MB of memory for runs"), "{said}");

    let new = folder.path().join("new");
    for (args, expected) in [
        (&["--runs", "0"][..], "--replicates: expected at least 1, found 0"),
        (&["--steps", "0"], "--max-steps: expected at least 1, found 0"),
        (&["--threads", "0"], "--threads: expected at least 1, found 0"),
        (&["--test-samples", "5"], "--test-samples: expected an even number"),
        (&["--cut", "0.3"], "--cut: dynamics have no cut"),
        (&["--flip", "0.6"], "--flip: expected numbers from 0 to 0.5, found 0.6"),
        (&["--noise-norm", "3"], "--noise-norm: expected a preset of the uniform form"),
        (&["--space", "weights", "--dim", "1e12"], "GB of memory in weights space"),
    ] {
        refused(&fails(&new, args), &[expected]);
        assert!(!new.exists(), "{args:?}");
    }
    std::fs::create_dir(&new).unwrap();
    std::fs::write(new.join("cells.csv"), "").unwrap();
    refused(&fails(&new, &["--steps", "2"]), &["found cells.csv of mote phase; give another --out"]);
    let lock = std::fs::File::create(out.join(".lock")).unwrap();
    lock.lock().unwrap();
    refused(&fails(&out, &options), &["another run is writing into this folder"]);
    dynamics(&out, &[&options[..], &["--no-lock", "--quiet"]].concat());
}

/// A run that leaves the finite numbers is an error with its place; runs before it stay.
#[test]
fn a_run_that_diverges_is_named() {
    let folder = TempDir::new().unwrap();
    let output = fails(folder.path(), &["--preset", "harmful", "--lr", "1e30", "--runs", "1", "--steps", "9"]);
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert!(said.contains("run n=10 signal=15 replicate=0") && said.contains("the loss is not finite"), "{said}");
}
