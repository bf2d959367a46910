//! Any question from one list of axes: on the command line, in a run file, fed back from a finished folder; and a folder
//! that grows. Compiled with package `mote-host`, which has the binary.

use clap::Command as Clap;
use mote_host::lab::apply;
use mote_host::lab::grid::Config;
use mote_host::lab::options::Options;
use mote_host::lab::presets::preset;
use mote_host::lab::run_file::{RunFile, resolve, text};
use mote_host::lab::store::Store;
use mote_lab::axes::{self, AXES, Axis, Kind, Part};
use mote_lab::outcome::{Cell, Figures, Outcome};
use mote_lab::place::{GridPoint, NEUTRAL, Representation};
use mote_tests::{read, refused, stderr};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

fn mote(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mote-under-test"));
    command.args(args).stdin(Stdio::null()).output().unwrap()
}

/// `mote phase` into a folder: what it says.
fn phase(out: &Path, args: &[&str]) -> String {
    let output = mote(&[&["phase", "--out", out.to_str().unwrap()], args].concat());
    assert!(output.status.success(), "{args:?}: {}", stderr(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// The rows of a folder's cells without their seconds, in the order of the file.
fn cells(out: &Path) -> Vec<Vec<String>> {
    let text = read(out.join("cells.csv"));
    let mut lines = text.lines().map(|line| line.split(',').map(String::from).collect::<Vec<_>>());
    let seconds = lines.next().unwrap().iter().position(|column| column == "seconds").unwrap();
    lines
        .map(|mut row| {
            row.remove(seconds);
            row
        })
        .collect()
}

/// A small law: two cells of each place in no time.
const LAW: [&str; 14] = [
    "--preset",
    "law",
    "--dim",
    "64",
    "--head",
    "8",
    "--n",
    "4,8",
    "--signal",
    "2,4",
    "--replicates",
    "2",
    "--test-samples",
    "20",
];

/// [`LAW`] with other values of some options.
fn law<'a>(changed: &[&'a str]) -> Vec<&'a str> {
    LAW.iter().copied().chain(changed.iter().copied()).collect()
}

/// The issue's own question, at a size for a test: as options, as TOML, from the finished folder, and with more
/// replicates.
#[test]
fn one_question_in_every_form() {
    let folder = TempDir::new().unwrap();
    let [a, b, file] = ["a", "b", "run.toml"].map(|name| folder.path().join(name));
    let options = "--snr 0.2..1.6..0.2 --n 4..12 --flip 0.1 --c-p 10 --tokens 8 --dim 256 --head 4 --test-samples 10 \
                   --lr 0.5 --replicates 5";
    let said = phase(&a, &options.split_whitespace().collect::<Vec<_>>());
    assert!(said.starts_with("360 cells, "), "{said}");
    let toml = "n = [4, 5, 6, 7, 8, 9, 10, 11, 12]\nsnr = [0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 1.6]\nflip = 0.1\n\
                c-p = 10\ntokens = 8\ndim = 256\nhead = [4]\ntest-samples = 10\nlr = 0.5\nreplicates = 5\n";
    std::fs::write(&file, toml).unwrap();
    phase(&b, &["--config", file.to_str().unwrap()]);
    assert_eq!(cells(&a), cells(&b));
    let header = read(a.join("cells.csv")).lines().next().unwrap().to_owned();
    assert!(header.ends_with(",seconds,flip,config"), "{header}");
    assert!(cells(&a).iter().all(|cell| cell[cell.len() - 2] == "0.1"));

    let run = a.join("run.json");
    let before = read(a.join("cells.csv"));
    let said = phase(&a, &["--config", run.to_str().unwrap()]);
    assert!(said.starts_with("360 of 360 cells are done already\n"), "{said}");
    assert_eq!(read(a.join("cells.csv")), before);
    let more = phase(&a, &["--config", a.join("config.json").to_str().unwrap(), "--replicates", "8"]);
    assert!(more.starts_with("360 of 576 cells are done already\n"), "{more}");
    let after: BTreeSet<String> = read(a.join("cells.csv")).lines().map(String::from).collect();
    assert!(before.lines().all(|line| after.contains(line)) && after.len() == 577, "the same cells, and more");
    let run: serde_json::Value = serde_json::from_str(&read(&run)).unwrap();
    assert_eq!((&run["cut"], &run["seed"], &run["config"]["replicates"]), (&0.2.into(), &1.into(), &8.into()));
    let command = run["command"].as_str().unwrap();
    assert!(command.starts_with("mote phase --out ") && command.ends_with(" --replicates 8"), "{command}");
    for key in ["version", "commit", "simd"] {
        assert!(run[key].as_str().is_some_and(|text| !text.is_empty()), "{key}: {run}");
    }
    // No word of the constant 1000, which is of C_p = 20.
    assert!(!read(a.join("boundary.json")).contains("agreement_1000"));
}

/// Two of the forms of signal strength, `D` without `H`, and numbers that an axis has not.
#[test]
fn what_cannot_be_meant_is_refused() {
    let folder = TempDir::new().unwrap();
    let [out, file] = ["out", "run.toml"].map(|name| folder.path().join(name));
    std::fs::write(&file, "preset = \"law\"\ndim = 64\n").unwrap();
    let file = file.to_str().unwrap();
    for (args, expected) in [
        (&["--snr", "1", "--signal", "3"][..], "--snr: expected only one of signal, snr, n-snr2, found signal too"),
        (&["--n-snr2", "1", "--snr", "3"], "--n-snr2: expected only one of signal, snr, n-snr2, found snr too"),
        (&["--small", "1", "--c-p", "3"], "--c-p: expected only one of small, c-p, found small too"),
        (
            &["--preset", "law", "--dim", "64"],
            "--dim: expected head too, one value or as many as dim: its own models have 4 or 8; found dim alone",
        ),
        (&["--config", file], "run.toml: line 2: key dim: expected head too, one value or as many as dim"),
        (&["--flip", "0.1,0.6"], "--flip: expected numbers from 0 to 0.5, found 0.6"),
        (&["--snr", "1e39"], "--snr: expected a number from 1.2e-38 to 3.4e38 (single precision), found 1e39"),
        (&["--snr", "-1"], "--snr: expected a number from 1.2e-38"),
        (&["--c-p", "0"], "--c-p: expected a number from 1.2e-38"),
        (&["--preset", "law", "--c-p", "2"], "--c-p: expected a preset of the paper form for this option"),
        (&["--query-key-std", "2"], "--query-key-std: expected a preset of the uniform form for this option"),
    ] {
        let all = [&["phase", "--out", out.to_str().unwrap()], args].concat();
        refused(&mote(&all), &[expected]);
        assert!(!out.exists(), "{args:?}");
    }
}

/// More replicates, a wider grid, more models, another axis: what is there stays and is not done again, what is off the
/// grid is left out and said; only what changes a cell's own numbers is refused.
#[test]
fn a_finished_folder_grows() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("out");
    phase(&out, &LAW);
    let first = cells(&out);
    let digest = first[0].last().unwrap();
    for (changed, done, all, off) in [
        (&["--replicates", "3"][..], 8, 12, 0),
        (&["--n", "4,6", "--replicates", "3"], 6, 12, 6),
        (&["--n", "4", "--flip", "0,0.2"], 4, 8, 14),
        (&["--dim", "64,128"], 8, 16, 14),
    ] {
        let said = phase(&out, &law(changed));
        assert!(said.starts_with(&format!("{done} of {all} cells are done already\n")), "{said}");
        let left_out = format!("; {off} off this grid stay in the table and are left out here\n");
        assert_eq!(said.contains(&left_out), off > 0, "{said}");
        assert!(read(out.join("summary.csv")).lines().count() == 1 + all / if changed.contains(&"3") { 3 } else { 2 });
    }
    let grown = read(out.join("cells.csv"));
    assert!(grown.starts_with("n,signal_norm,") && grown.lines().next().unwrap().ends_with(",flip,config"));
    let rows = cells(&out);
    assert_eq!(rows.len(), 30);
    for row in &first {
        // The same row, with the column of the axis that came later.
        let mut row = row.clone();
        row.insert(row.len() - 1, "0".into());
        assert!(rows.contains(&row), "{row:?}");
    }
    // Sorted as the grid is: D, H, flip, N, signal, replicate.
    let number = |row: &Vec<String>, at: usize| row[at].parse::<f64>().unwrap();
    let key = |row: &Vec<String>| [5, 6, row.len() - 2, 0, 1, 4].map(|at| number(row, at));
    assert!(rows.is_sorted_by(|a, b| key(a) < key(b)), "{rows:?}");
    assert!(rows.iter().all(|row| row.last() == Some(digest)));
    // The configuration is that of the last command, and cells off its grid are still cells.
    let config: serde_json::Value = serde_json::from_str(&read(out.join("config.json"))).unwrap();
    let config: Config = serde_json::from_value(config).unwrap();
    assert_eq!((config.models.len(), config.n.len(), config.extra.len()), (2, 2, 0));
    let run: serde_json::Value = serde_json::from_str(&read(out.join("run.json"))).unwrap();
    assert_eq!((&run["cells"], &run["cells_off_grid"]), (&16.into(), &14.into()));

    let before = [read(out.join("cells.csv")), read(out.join("config.json"))];
    for (changed, differs) in [
        (&["--lr", "0.25"][..], "recipe.learning_rate 0.5 there, 0.25 here"),
        (&["--seed", "2"], "seed 1 there, 2 here"),
        (&["--space", "free"], "space \\\"auto\\\" there, \\\"free\\\" here"),
    ] {
        let args = [&["phase", "--out", out.to_str().unwrap()], &law(changed)[..]].concat();
        refused(&mote(&args), &["found another: ", differs]);
    }
    assert_eq!([read(out.join("cells.csv")), read(out.join("config.json"))], before);
}

/// A folder as mote left it before there were extra axes: opened, continued, its rows as they were.
#[test]
fn a_folder_of_an_earlier_day_is_gone_on_with() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("out");
    phase(&out, &LAW);
    let text = read(out.join("cells.csv"));
    let earlier: Vec<&str> = text.lines().collect();
    assert!(earlier[0].ends_with(",seconds,config"));
    // In the order of computation, the last two missing; without the files of the end.
    let shuffled =
        [earlier[0], earlier[5], earlier[2], earlier[1], earlier[6], earlier[3], earlier[4]].join("\n") + "\n";
    std::fs::write(out.join("cells.csv"), shuffled).unwrap();
    for file in ["run.json", "boundary.json", "report.html"] {
        std::fs::remove_file(out.join(file)).unwrap();
    }
    let said = phase(&out, &LAW);
    assert!(said.starts_with("6 of 8 cells are done already\n"), "{said}");
    let again = read(out.join("cells.csv"));
    assert_eq!(again.lines().take(7).collect::<Vec<_>>(), earlier[..7], "sorted, each as it was");
    assert_eq!(again.lines().count(), 9);
}

/// Another cut in a finished folder is written beside: pictures, page and record of the first stay as they are.
#[test]
fn another_cut_is_written_beside() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("out");
    let first = ["boundary.json", "cut.svg", "cut.png", "report.html", "run.json", "summary.csv"];
    phase(&out, &law(&["--cut", "0.25"]));
    let files = || first.map(|file| std::fs::read(out.join(file)).unwrap());
    let before = files();
    let said = phase(&out, &law(&["--cut", "0.4"]));
    assert!(said.ends_with(": boundary-cut0.4.json cut-cut0.4.svg cut-cut0.4.png\n"), "{said}");
    assert!(files() == before, "the first cut's files are as they were");
    let boundary = |file: &str| serde_json::from_str::<serde_json::Value>(&read(out.join(file))).unwrap();
    assert_eq!(
        (&boundary("boundary-cut0.4.json")["cut"], &boundary("boundary.json")["cut"]),
        (&0.4.into(), &0.25.into())
    );
    // Not said again, it is the folder's own; and a folder that grew has a page of it all, at its own cut.
    phase(&out, &LAW);
    assert_eq!(boundary("boundary.json")["cut"], 0.25);
    let said = phase(&out, &law(&["--replicates", "3", "--cut", "0.4"]));
    assert!(said.contains("report.html\n") && said.contains("boundary-cut0.4.json"), "{said}");
    let crossings = |file: &str| boundary(file)["models"][0]["crossings"].clone();
    assert_eq!(boundary("boundary.json")["cut"], 0.25);
    assert_ne!(crossings("boundary.json"), crossings("boundary-cut0.4.json"));
    assert!(read(out.join("report.html")).contains("<dd>0 of 12</dd>"));
    // `cut` is a key of run files.
    let file = folder.path().join("run.toml");
    std::fs::write(&file, "cut = 0.3\n").unwrap();
    let said = phase(&out, &law(&["--replicates", "3", "--config", file.to_str().unwrap()]));
    assert!(said.ends_with(": boundary-cut0.3.json cut-cut0.3.svg cut-cut0.3.png\n"), "{said}");
}

/// Every list of the theory too: the same places whatever they are called.
#[test]
fn the_theory_takes_the_same_list() {
    let said = |args: &[&str]| {
        let output = mote(&[&["theory", "--preset", "law", "--dim", "64", "--head", "8", "--n", "4,9"], args].concat());
        assert!(output.status.success(), "{}", stderr(&output));
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().filter(|line| line.starts_with("N=")).map(String::from).collect::<Vec<_>>()
    };
    let expected = ["N=4 SNR=0.7500 D=64 H=8: N SNR^2 = 2.2500", "N=9 SNR=0.5000 D=64 H=8: N SNR^2 = 2.2500"];
    assert_eq!(said(&["--n-snr2", "2.25"]), expected);
    let [four, nine] = expected;
    assert_eq!(said(&["--snr", "0.75"])[0], four);
    assert_eq!(said(&["--signal", "2", "--flip", "0,0.1"])[1], nine);
    assert_eq!(said(&["--signal", "2", "--flip", "0,0.1"]).len(), 2, "of label noise it says nothing");
}

/// An axis is one entry: given one more, options, run files, grid, seeds, tables and pictures have it.
#[test]
fn one_more_axis_is_one_entry() {
    let tau = Axis {
        name: "tau",
        column: "tau",
        symbol: "\u{3c4}",
        unit: "",
        help: "Attack budget, a list or range",
        kind: Kind::Between(0.0, 2.0),
        neutral: Some(0.0),
        part: Part::Extra(1),
    };
    let axes: &'static [Axis] = AXES.iter().copied().chain([tau]).collect::<Vec<_>>().leak();
    let small = [("n", "4"), ("signal", "2,4"), ("dim", "64"), ("head", "8"), ("replicates", "1")];
    let law = Config { axes, ..preset("law").unwrap().with(&Options::of(small)).unwrap() };

    // The command line, and a run file.
    let command = apply::options_of(Clap::new("phase"), axes);
    assert!(command.clone().render_help().to_string().contains("--tau <LIST>"));
    let options = apply::said(&command.get_matches_from(["phase", "--tau", "0..1..0.5"]), axes);
    let config = law.clone().with(&options).unwrap();
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("run.toml");
    let with_file = |text: &str| {
        std::fs::write(&file, text).unwrap();
        resolve(None, Some(&RunFile::read_with(&file, axes)?), &Options::of(small), "law")
    };
    assert_eq!(with_file("tau = [0, 0.5, 1]\n").unwrap(), config);
    assert_eq!(with_file(&text(&config, Some(0.2))).unwrap(), config);
    assert_eq!(with_file(&serde_json::to_string(&config).unwrap()).unwrap(), config);
    let said = with_file("n = 4\ntau = 3\n").unwrap_err().to_string();
    assert!(said.ends_with("run.toml: line 2: key tau: expected numbers from 0 to 2, found 3"), "{said}");
    assert!(RunFile::read(&file).unwrap_err().to_string().contains("unknown key tau"), "without it");

    // The grid, and seeds: as ever where it is neutral, else its own.
    let (places, without) = (config.places(), law.places());
    assert_eq!((places.len(), without.len()), (6, 2));
    let seeds: BTreeSet<u64> = places.iter().map(|place| place.seed(1)).collect();
    assert!(seeds.len() == 6 && without.iter().all(|place| seeds.contains(&place.seed(1))));

    // The table: header and row, there and back.
    let out = folder.path().join("out");
    let place = GridPoint { extra: [0.0, 0.5, 0.0, 0.0], ..law.recipe.place(4, 2.0, 0) };
    let figures = Some(Figures { train_loss: 0.125, test_loss: 0.25, test_error: 0.5 });
    let outcome = Outcome { steps: 7, figures };
    let cell = Cell { place, seed: place.seed(1), space: Representation::Free, outcome, seconds: 0.5 };
    let (mut store, _out) = Store::open(&out, &config, true).unwrap();
    store.add(&cell).unwrap();
    drop(store);
    let lines = read(out.join("cells.csv"));
    let lines: Vec<&str> = lines.lines().collect();
    assert!(lines[0].ends_with(",seconds,tau,config") && lines[1].contains(",true,0.5000,0.5,c"), "{lines:?}");
    let found = Store::open(&out, &config, true).unwrap().0.done;
    assert_eq!(found.iter().map(|cell| cell.place).collect::<Vec<_>>(), [place]);

    // The picture.
    assert_eq!(axes::label(axes, &place.extra), " \u{3c4}=0.5");
    assert_eq!(axes::label(axes, &NEUTRAL), "");
}
