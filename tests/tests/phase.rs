//! `mote phase` as a user meets it: reproducible, interruptible, never a half-truth. Compiled with package
//! `mote-host`, which has the binary.

use mote_host::lab::options::Options;
use mote_host::lab::presets::preset;
use mote_host::lab::rows;
use mote_host::lab::store::Store;
use mote_tests::{read, refused, stderr};
use std::fmt::Write;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// A grid of 24 cells that takes a second.
const SMALL: [&str; 16] = [
    "--preset",
    "law",
    "--dim",
    "64",
    "--head",
    "8",
    "--n",
    "4,8",
    "--signal",
    "1.5..4.5..1",
    "--replicates",
    "3",
    "--stop-loss",
    "0.05",
    "--test-samples",
    "50",
];

fn phase(out: &Path, more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mote-under-test"));
    command.args(["phase", "--quiet", "--out"]).arg(out).args(SMALL).args(more).stdin(Stdio::null());
    command.output().unwrap()
}

/// The cells of a folder, sorted, without their seconds and configuration.
fn cells(out: &Path) -> Vec<String> {
    let text = read(out.join("cells.csv"));
    let mut lines: Vec<String> = text.lines().skip(1).map(|line| line.rsplitn(3, ',').nth(2).unwrap().into()).collect();
    lines.sort();
    lines
}

#[test]
fn threads_change_no_number() {
    let folder = TempDir::new().unwrap();
    let (one, two) = (folder.path().join("one"), folder.path().join("two"));
    for (out, threads) in [(&one, "1"), (&two, "2")] {
        let output = phase(out, &["--threads", threads]);
        assert!(output.status.success(), "{}", stderr(&output));
    }
    assert_eq!(cells(&one).len(), 24);
    assert_eq!(cells(&one), cells(&two));
    for file in ["summary.csv", "boundary.json", "heatmap.svg", "cut.svg"] {
        assert_eq!(read(one.join(file)), read(two.join(file)), "{file}");
    }
    assert!(read(one.join("cells.csv")).starts_with("n,signal_norm,snr,n_snr2,replicate,dim,head,seed,space,steps,"));
    assert!(std::fs::read(one.join("heatmap.png")).unwrap().starts_with(b"\x89PNG"));
}

/// Another seed is another run; the same seed with more of the grid has the same cells.
#[test]
fn cells_depend_on_seed_and_place_alone() {
    let folder = TempDir::new().unwrap();
    let outs = ["a", "b", "c"].map(|name| folder.path().join(name));
    for (out, more) in outs.iter().zip([&[][..], &["--seed", "2"], &["--n", "2,4,6,8,10"]]) {
        let output = phase(out, more);
        assert!(output.status.success(), "{}", stderr(&output));
    }
    let [a, b, c] = outs.map(|out| cells(&out));
    assert!(a.iter().all(|cell| !b.contains(cell)));
    assert!(a.iter().all(|cell| c.contains(cell)) && c.len() == 60);
}

/// Killed outright again and again, with a torn last line: every cell once, with the numbers of a quiet run.
#[test]
fn a_killed_run_goes_on_where_it_was() {
    let folder = TempDir::new().unwrap();
    let (quiet, killed) = (folder.path().join("quiet"), folder.path().join("killed"));
    // Cells that take a while, so that the kills fall between them.
    let slow = ["--space", "weights", "--stop-loss", "0.001"];
    assert!(phase(&quiet, &slow).status.success());
    let mut between = 0;
    for round in 0..4 {
        let mut child = Command::new(env!("CARGO_BIN_EXE_mote-under-test"))
            .args(["phase", "--quiet", "--threads", "1", "--out"])
            .arg(&killed)
            .args(SMALL)
            .args(slow)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        // Until a few cells more are saved, and a little longer.
        let saved = || std::fs::read(killed.join("cells.csv")).map_or(0, |text| text.split(|b| *b == b'\n').count());
        let start = std::time::Instant::now();
        while saved() < 4 + 4 * round && start.elapsed().as_secs() < 60 {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        std::thread::sleep(std::time::Duration::from_micros(700 * round as u64));
        child.kill().unwrap();
        child.wait().unwrap();
        if let Ok(mut text) = std::fs::read(killed.join("cells.csv")) {
            let saved = text.iter().filter(|byte| **byte == b'\n').count().saturating_sub(1);
            between += usize::from((1..24).contains(&saved));
            text.extend(b"8,3.5,0.87");
            std::fs::write(killed.join("cells.csv"), text).unwrap();
        }
    }
    assert!(between > 0, "no kill fell between two cells");
    let output = phase(&killed, &slow);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(cells(&killed), cells(&quiet));
    assert_eq!(read(killed.join("summary.csv")), read(quiet.join("summary.csv")));
}

#[test]
fn a_folder_of_another_configuration_is_refused_with_the_differences() {
    let folder = TempDir::new().unwrap();
    assert!(phase(folder.path(), &[]).status.success());
    let before = read(folder.path().join("cells.csv"));
    let output = phase(folder.path(), &["--lr", "0.25", "--seed", "9"]);
    refused(&output, &["found another", "recipe.learning_rate 0.5 there, 0.25 here", "seed 1 there, 9 here"]);
    assert_eq!(read(folder.path().join("cells.csv")), before);
}

/// A refused run makes nothing in the folder, and no folder.
#[test]
fn a_refused_run_leaves_nothing_behind() {
    let folder = TempDir::new().unwrap();
    let names = |folder: &Path| -> Vec<String> {
        let mut names: Vec<String> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    let one = ["--n", "4", "--signal", "4", "--replicates", "1"];
    let out = folder.path().join("other");
    assert!(phase(&out, &one).status.success());
    std::fs::remove_file(out.join(".lock")).unwrap();
    let before = names(&out);
    refused(&phase(&out, &[&one[..], &["--lr", "0.25"]].concat()), &["other: expected a folder of this configuration"]);
    assert_eq!(names(&out), before);

    for (name, text, expected) in [
        ("cells.csv", "a,b\n", "cells.csv: line 1: expected n,signal_norm"),
        ("config.json", "{", "config.json: expected the configuration of a run, found: EOF"),
    ] {
        let out = folder.path().join(name.replace('.', "-"));
        std::fs::create_dir(&out).unwrap();
        std::fs::write(out.join(name), text).unwrap();
        refused(&phase(&out, &one), &[expected]);
        assert_eq!(names(&out), [name]);
    }
    refused(&phase(&folder.path().join("new"), &["--lr", "0"]), &["--lr"]);
    assert_eq!(names(folder.path()), ["cells-csv", "config-json", "other"]);
}

#[test]
fn damaged_cells_are_refused_by_line() {
    let folder = TempDir::new().unwrap();
    assert!(phase(folder.path(), &[]).status.success());
    let path = folder.path().join("cells.csv");
    let good = read(path.clone());
    let lines: Vec<&str> = good.lines().collect();
    let damage = |edit: &dyn Fn(&mut Vec<String>)| {
        let mut lines: Vec<String> = lines.iter().map(|line| line.to_string()).collect();
        edit(&mut lines);
        std::fs::write(&path, lines.join("\n") + "\n").unwrap();
        phase(folder.path(), &[])
    };
    refused(&damage(&|lines| lines[3] = "garbage".into()), &["cells.csv", "line 4: expected a cell, found garbage"]);
    refused(&damage(&|lines| lines[5] = lines[4].clone()), &["line 6: expected another cell than in line 5"]);
    refused(
        &damage(&|lines| lines[2] = lines[2].replacen("8,", "12,", 1)),
        &["line 3: expected a cell of this configuration"],
    );
    refused(&damage(&|lines| lines[0] = "a,b".into()), &["line 1: expected n,signal_norm"]);
    // A missing line is a missing cell, no damage.
    let output = damage(&|lines| drop(lines.remove(7)));
    assert!(output.status.success(), "{}", stderr(&output));
}

/// Numbers with many digits are the same numbers when the folder is opened again.
#[test]
fn a_folder_knows_its_own_configuration() {
    let folder = TempDir::new().unwrap();
    let odd = ["--n", "4", "--signal", "1.8535311819837414,4", "--lr", "0.30000000000000004"];
    for _ in 0..2 {
        let output = phase(folder.path(), &odd);
        assert!(output.status.success(), "{}", stderr(&output));
    }
}

/// Without `config.json` the cells themselves say of which configuration they are: another's are refused, and so are
/// those that do not say, and the file stays as it was. The digest is no number to any program, and the same whatever the
/// grid.
#[test]
fn cells_know_their_configuration_without_config_json() {
    let folder = TempDir::new().unwrap();
    let few = ["--n", "4", "--signal", "2,4", "--replicates", "2"];
    assert!(phase(folder.path(), &few).status.success());
    let (path, settings) = (folder.path().join("cells.csv"), folder.path().join("config.json"));
    let before = read(path.clone());
    let digests: Vec<&str> = before.lines().skip(1).map(|line| line.rsplit_once(',').unwrap().1).collect();
    assert!(digests.len() == 4 && digests.iter().all(|digest| *digest == digests[0]), "{digests:?}");
    assert!(digests[0].starts_with('c') && digests[0].len() == 17, "{}", digests[0]);
    std::fs::remove_file(&settings).unwrap();
    let way_out = "give another --out, or delete cells.csv and config.json there to start over";
    for change in [&["--lr", "0.25"][..], &["--stop-loss", "0.06"], &["--seed", "9"], &["--space", "tokens"]] {
        let output = phase(folder.path(), &[&few, change].concat());
        let found = format!("found one of {}", digests[0]);
        refused(&output, &["cells.csv: line 2: expected cells of this configuration, c", &found, way_out]);
        assert!(read(path.clone()) == before && !settings.exists(), "{change:?}");
    }
    let grown = phase(folder.path(), &["--n", "4,8", "--signal", "2,4", "--replicates", "3"]);
    assert!(grown.status.success(), "{}", stderr(&grown));
    let after = read(path.clone());
    let has = |line: &str| after.lines().any(|other| other == line);
    assert!(before.lines().all(has) && after.lines().count() == 13, "the same cells, and more: {after}");

    // As mote wrote them before cells said so.
    let old: Vec<&str> = before.lines().map(|line| line.rsplit_once(',').unwrap().0).collect();
    std::fs::write(&path, old.join("\n") + "\n").unwrap();
    std::fs::remove_file(&settings).unwrap();
    refused(&phase(folder.path(), &few), &["line 1: expected the column config, found cells without it", way_out]);
    assert_eq!(read(path), old.join("\n") + "\n");
}

#[test]
fn a_folder_in_use_is_refused_unless_its_lock_is_left_out() {
    let folder = TempDir::new().unwrap();
    let one = ["--n", "4", "--signal", "4", "--replicates", "1"];
    let lock = std::fs::File::create(folder.path().join(".lock")).unwrap();
    lock.lock().unwrap();
    refused(&phase(folder.path(), &one), &["another run is writing into this folder"]);
    let output = phase(folder.path(), &[&one[..], &["--no-lock"]].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(cells(folder.path()).len(), 1);
}

/// The file names the vector instructions that products were made with, and the way they are named is known.
#[test]
fn run_json_names_the_kind_of_processor() {
    let folder = TempDir::new().unwrap();
    assert!(phase(folder.path(), &["--n", "4", "--signal", "4", "--replicates", "1"]).status.success());
    let run: serde_json::Value = serde_json::from_str(&read(folder.path().join("run.json"))).unwrap();
    let known = ["avx512f", "avx2+fma", "avx2", "fma", "neon", "simd128", "none"];
    assert!(known.contains(&run["simd"].as_str().unwrap()), "{run}");
}

/// Not converged is a value of its own: blanks, counted, never a number.
#[test]
fn cells_that_do_not_converge_are_blank() {
    let folder = TempDir::new().unwrap();
    let output = phase(folder.path(), &["--max-steps", "30"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let cells = cells(folder.path());
    let (blank, full): (Vec<_>, Vec<_>) = cells.iter().partition(|cell| cell.ends_with(",,,,false"));
    assert!(!blank.is_empty() && blank.iter().all(|cell| cell.contains(",30,,,,false")), "{cells:?}");
    assert!(full.iter().all(|cell| cell.ends_with(",true")));
    for file in ["summary.csv", "boundary.json", "heatmap.svg", "report.html"] {
        assert!(!read(folder.path().join(file)).contains("NaN"), "{file}");
    }
    assert!(read(folder.path().join("report.html")).contains(&format!("<dd>{} of 24</dd>", blank.len())));
    assert!(String::from_utf8_lossy(&output.stdout).contains(&format!("{} of them not converged", blank.len())));
}

#[test]
fn impossible_grids_are_refused() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("out");
    for (more, expected) in [
        (
            &["--preset", "figure2"][..],
            &["--preset: expected one of figure1, law", "found \"figure2\"; did you mean figure1?"][..],
        ),
        (&["--n", "9..3..1"], &["--n: expected first..last..step with first at most last", "9..3..1"]),
        (&["--n", "0"], &["--n: expected at least 1, found 0"]),
        (&["--preset", "digits", "--n", "5"], &["--n: expected even numbers", "found 5"]),
        (&["--tokens", "1"], &["--tokens: expected at least 2, found 1"]),
        (&["--lr", "0"], &["--lr: expected a number from 1.2e-38 to 3.4e38", "found 0"]),
        (&["--stop-loss", "0"], &["--stop-loss: expected a number from 1.2e-38 to 3.4e38", "found 0"]),
        (&["--threads", "0"], &["--threads: expected at least 1"]),
        (&["--big", "3"], &["--big: expected a preset of the paper form"]),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mote-under-test"));
        command.args(["phase", "--quiet", "--out"]).arg(&out);
        if !more.contains(&"--preset") {
            command.args(["--preset", "law"]);
        }
        refused(&command.args(more).output().unwrap(), expected);
        assert!(!out.exists());
    }
}

/// What is wrong with a run file is told by line and key, whether TOML, the key or the grid refuses it.
#[test]
fn a_faulty_run_file_is_refused_by_line_and_key() {
    let folder = TempDir::new().unwrap();
    let (file, out) = (folder.path().join("bad.toml"), folder.path().join("out"));
    for (text, expected) in [
        ("sead = 3", &["unknown key sead, expected one of preset, n, signal", "did you mean seed?"][..]),
        ("n = true", &["key n: expected a number, a list of them, or text in quotes, found true"]),
        ("n = \"4,x\"", &["key n: expected a list like 4,10,20", "found \"x\""]),
        ("lr = \"fast\"", &["key lr: expected a number, found \"fast\""]),
        ("lr = -1.5", &["key lr: expected a", "found -1.5"]),
        ("replicates = -3", &["key replicates: expected a whole number from 0 to 4294967295, found \"-3\""]),
        ("replicates = 5_000_000_000", &["key replicates: expected a whole number", "found \"5000000000\""]),
        ("seed = 99999999999999999999", &["key seed: expected a whole number", "found \"99999999999999999999\""]),
        ("replicates = 0", &["key replicates: expected at least 1, found 0"]),
        ("space = \"fre\"", &["key space: expected one of auto, weights", "found \"fre\"; did you mean free?"]),
        ("space = 3", &["key space: expected one of", "found \"3\""]),
        ("preset = \"figure2\"", &["key preset: expected one of figure1, law", "did you mean figure1?"]),
        ("preset = 1", &["key preset: expected the name of a preset in quotes, found 1"]),
        ("classes = \"1,2\"", &["key classes: expected preset digits for this option"]),
        ("big = 1.0", &["key big: expected a preset of the paper form"]),
        ("n = \"4", &["invalid basic string, expected"]),
        ("n 4", &["expected `=`"]),
        ("lr = 0.5\nlr = 0.25", &["duplicate key"]),
    ] {
        let is_second = text.starts_with("lr = 0.5\n");
        // The broken line is the third; what follows must not be taken for the place.
        std::fs::write(&file, format!("# mine\ntokens = 4\n{text}\ntest-samples = 10\n")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_mote-under-test"));
        command.args(["phase", "--quiet", "--out"]).arg(&out).arg("--config").arg(&file);
        if !text.starts_with("preset") {
            command.args(["--preset", "law"]);
        }
        let line = if is_second { "bad.toml: line 4: " } else { "bad.toml: line 3: " };
        refused(&command.output().unwrap(), &[&[line], expected].concat());
        assert!(!out.exists());
    }
    // What the command line says is not the file's fault; nor is what the file leaves to the preset in any line of it.
    std::fs::write(&file, "lr = 0.25\n").unwrap();
    let with = |more: &[&str]| phase(&out, &[&["--config", file.to_str().unwrap()], more].concat());
    refused(&with(&["--lr", "0"]), &["mote: --lr: expected"]);
    std::fs::write(&file, "test-samples = 201\n").unwrap();
    let output = mote_phase_of(&file, "digits");
    refused(&output, &["bad.toml: line 1: key test-samples: expected an even number, found 201"]);
    std::fs::write(&file, "test-samples = 348\n").unwrap();
    let output = mote_phase_of(&file, "digits");
    refused(&output, &["bad.toml: key n (from the preset): expected at most 348 training and test images"]);
    std::fs::write(&file, "\nspace = \"weights\"\n").unwrap();
    let output = mote_phase_of(&file, "wide");
    refused(&output, &["bad.toml: line 2: key space: ", "GB of memory in weights space"]);
}

fn mote_phase_of(file: &Path, preset: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mote-under-test"));
    command.args(["phase", "--dry-run", "--preset", preset, "--config"]).arg(file).output().unwrap()
}

#[test]
fn a_run_file_says_what_options_say() {
    let folder = TempDir::new().unwrap();
    let (by_file, by_options) = (folder.path().join("file"), folder.path().join("options"));
    let file = folder.path().join("run.toml");
    std::fs::write(&file, "seed = 5\nspace = \"tokens\"\n").unwrap();
    assert!(phase(&by_file, &["--config", file.to_str().unwrap()]).status.success());
    assert!(phase(&by_options, &["--seed", "5", "--space", "tokens"]).status.success());
    assert_eq!(cells(&by_file), cells(&by_options));
    assert!(cells(&by_file).iter().all(|cell| cell.contains(",tokens,")));
}

/// Beside every interval stands what it rests on, and where there is none, why; an N that does not cross is named with
/// the option that may help.
#[test]
fn statistics_say_what_they_rest_on() {
    let folder = TempDir::new().unwrap();
    let law = |out: &str, more: &[&str]| {
        let out = folder.path().join(out);
        let model = ["--preset", "law", "--dim", "64", "--head", "8", "--quiet", "--progress", "none"];
        let mut command = Command::new(env!("CARGO_BIN_EXE_mote-under-test"));
        let output = command.arg("phase").args(model).args(more).arg("--out").arg(&out).stdin(Stdio::null());
        let output = output.output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        let boundary: serde_json::Value = serde_json::from_str(&read(out.join("boundary.json"))).unwrap();
        (String::from_utf8(output.stdout).unwrap(), boundary, read(out.join("report.html")))
    };
    let (said, boundary, page) = law("three", &["--n", "4,8,16", "--signal", "1..3.4..0.4", "--replicates", "3"]);
    let left_out = "over 2 of 3 N: N=4 does not cross, widen --signal";
    for part in [
        "N=  4: test loss does not cross 0.2 on this grid, every mean is above the cut; widen --signal\n",
        &format!("exponent {left_out}\n"),
        "95% intervals by 2,000 redraws, 3 replicates (few)\n",
        "crossings: the mean test losses of each N are first made never rising with the signal",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(page.contains(left_out) && page.contains("95% intervals by 2,000 redraws, 3 replicates (few)"));
    assert!(page.contains("first made never rising"));
    assert_eq!(boundary["intervals"]["redraws"], 2000);
    let crossing = |at: usize, key: &str| boundary["models"][0]["crossings"][at][key].clone();
    assert_eq!((crossing(0, "missing"), crossing(0, "snr")), ("all_above".into(), serde_json::Value::Null));
    assert_eq!((crossing(1, "missing"), crossing(1, "replicates")), (serde_json::Value::Null, [3, 3].into()));

    let (said, boundary, page) = law("one", &["--n", "8,16", "--signal", "1..5..0.5", "--replicates", "1"]);
    assert!(said.contains("(no interval: one replicate), N SNR^2 = ") && said.contains("1 replicate (few)"), "{said}");
    assert!(
        page.contains("(no interval: one replicate)") && said.contains("(no interval: N=8: one replicate)"),
        "{said}"
    );
    assert_eq!(boundary["models"][0]["crossings"][0]["missing"], "one_replicate");
}

#[test]
fn a_dry_run_writes_nothing() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("out");
    let output = phase(&out, &["--dry-run"]);
    assert!(String::from_utf8_lossy(&output.stdout).contains("24 cells"), "{}", stderr(&output));
    assert!(!out.exists());
}

/// Grey under hatching where no replicate converged, hatching over the colour where only some did, else neither.
#[test]
fn what_did_not_converge_is_hatched() {
    let folder = TempDir::new().unwrap();
    for (steps, none, some) in [("30", true, true), ("5000", false, false)] {
        let out = folder.path().join(steps);
        assert!(phase(&out, &["--max-steps", steps]).status.success());
        let svg = read(out.join("heatmap.svg")).to_lowercase();
        let blank = read(out.join("summary.csv")).lines().filter(|line| line.ends_with(",,,,,,,")).count();
        assert_eq!(blank > 0, none);
        assert_eq!(svg.matches("fill=\"#d0d0d0\"").count(), 2 * blank, "a grey cell a panel and blank");
        let strokes = |color: &str| svg.matches(&format!("stroke=\"{color}\"")).count();
        assert_eq!((strokes("#606060") > 20 * blank, strokes("#ffffff") > 20), (none, some));
        assert_eq!(svg.contains("hatched"), none || some);
    }
}

/// The same rows as cells.csv, in the order of the grid, with nulls for blanks.
#[test]
fn cells_parquet_is_cells_csv_in_order() {
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::Field;
    let folder = TempDir::new().unwrap();
    assert!(phase(folder.path(), &["--max-steps", "30", "--threads", "2"]).status.success());
    let text = |field: &Field| match field {
        Field::Null => String::new(),
        Field::Str(text) => text.clone(),
        Field::Long(n) => n.to_string(),
        Field::ULong(n) => n.to_string(),
        Field::Bool(yes) => yes.to_string(),
        Field::Double(x) => x.to_string(),
        other => panic!("{other:?}"),
    };
    let file = std::fs::File::open(folder.path().join("cells.parquet")).unwrap();
    let reader = SerializedFileReader::new(file).unwrap();
    let rows = reader.get_row_iter(None).unwrap().map(|row| {
        let row = row.unwrap();
        row.get_column_iter().map(|(_, field)| text(field)).collect::<Vec<_>>()
    });
    let rows: Vec<Vec<String>> = rows.collect();
    let csv = read(folder.path().join("cells.csv"));
    let mut lines: Vec<Vec<&str>> = csv.lines().skip(1).map(|line| line.split(',').collect()).collect();
    let place = |line: &Vec<&str>| [0, 1, 4].map(|column: usize| line[column].parse::<f64>().unwrap());
    lines.sort_by(|a, b| place(a).partial_cmp(&place(b)).unwrap());
    for (row, line) in rows.iter().zip(&lines) {
        assert_eq!(row[..14], line[..14]);
        assert_eq!(row[14].parse::<f64>().unwrap(), line[14].parse::<f64>().unwrap());
        assert_eq!(row[15..], line[15..]);
    }
    assert_eq!((rows.len(), lines.len()), (24, 24));
}

/// The disk is full in the middle: one line that says so, nothing lost, and the same command ends the run. A limit on
/// the size of files stands for the disk; both tear the line that is being written.
#[cfg(unix)]
#[test]
fn a_full_disk_says_what_to_do_and_loses_no_cell() {
    let folder = TempDir::new().unwrap();
    let (clean, full) = (folder.path().join("clean"), folder.path().join("full"));
    assert!(phase(&clean, &[]).status.success());
    let mut command = Command::new("sh");
    // Two blocks of 512 bytes; the signal that comes with the limit is not a disk's.
    command.args(["-c", "trap '' XFSZ; ulimit -f 2; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_mote-under-test")]);
    command.args(["phase", "--quiet", "--threads", "1", "--out"]).arg(&full).args(SMALL);
    let output = command.output().unwrap();
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_eq!(said.trim_end().lines().count(), 1, "one line: {said}");
    let torn = read(full.join("cells.csv"));
    assert!(torn.len() == 1024 && !torn.ends_with('\n'), "a line is torn: {torn}");
    let saved = torn.lines().count() - 2;
    let path = full.join("cells.csv");
    let path = path.to_str().unwrap();
    let expected = [path, "cannot be written", &format!("{saved} cells are saved"), "the same command continues"];
    assert!(saved > 3 && expected.iter().all(|part| said.contains(part)), "{said}");

    let output = phase(&full, &[]);
    assert!(output.status.success(), "{}", stderr(&output));
    let after = read(full.join("cells.csv"));
    let kept = torn[..torn.rfind('\n').unwrap()].lines().all(|line| after.lines().any(|other| other == line));
    assert!(kept && after.lines().count() == 25, "no cell was done twice");
    assert_eq!(cells(&full), cells(&clean));
    assert_eq!(read(full.join("summary.csv")), read(clean.join("summary.csv")));
}

/// One JSON object a line, not too many, the last one with everything done; nothing at all when not asked.
#[test]
fn progress_can_be_read_by_programs() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("out");
    let run = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mote-under-test"));
        stderr(
            &command.args(["phase", "--max-steps", "30", "--out"]).arg(&out).args(SMALL).args(more).output().unwrap(),
        )
    };
    let lines = |said: &str| -> Vec<serde_json::Value> {
        said.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{line}: {e}"))).collect()
    };
    let start = std::time::Instant::now();
    let first = lines(&run(&["--progress", "json"]));
    let most = 2.0 + start.elapsed().as_secs_f64() * 5.0;
    assert!(first.len() >= 2 && first.len() as f64 <= most, "{first:?}");
    let blank = cells(&out).iter().filter(|cell| cell.ends_with("false")).count();
    let last = &first[first.len() - 1];
    assert_eq!((&first[0]["done"], &first[0]["seconds_left"]), (&0.into(), &serde_json::Value::Null));
    assert_eq!((&last["done"], &last["total"], &last["unit"]), (&24.into(), &24.into(), &"cells".into()));
    assert_eq!((&last["not_converged"], &last["seconds_left"]), (&blank.into(), &0.0.into()));
    assert!(last["per_second"].as_f64().unwrap() > 0.0 && blank > 0);
    let again = lines(&run(&["--progress", "json"]));
    assert_eq!((&again[0]["done"], &again[0]["not_converged"]), (&24.into(), &blank.into()), "found done");
    for silent in [&["--progress", "none"][..], &["--progress", "bar"], &["--progress", "json", "--quiet"], &[]] {
        assert_eq!(run(silent), "", "{silent:?}: no terminal, no bar");
    }
}

/// The page needs nothing but itself, says how to make it again, and takes no foreign text for its own.
#[test]
fn the_page_stands_alone() {
    let folder = TempDir::new().unwrap();
    let (out, file) = (folder.path().join("<u>&'out"), folder.path().join("run.toml"));
    std::fs::write(&file, "# <u>mine</u> & \"yours\"\nseed = 77\n").unwrap();
    assert!(phase(&out, &["--config", file.to_str().unwrap()]).status.success());
    let page = read(out.join("report.html"));
    assert!(page.starts_with("<!DOCTYPE html>") && page.trim_end().ends_with("</html>"));
    for outside in ["<script", "<link", "<img", "<iframe", "src=", "href=", "@import", "<u>"] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert_eq!(page.matches("http").count(), page.matches("xmlns=\"http://www.w3.org/2000/svg\"").count());
    assert_eq!(page.matches("url(").count(), page.matches("url(#").count());
    assert_eq!(page.matches("<svg ").count(), 3);
    let ids: Vec<&str> = page.split(" id=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    let once: std::collections::HashSet<&&str> = ids.iter().collect();
    assert_eq!(once.len(), ids.len(), "an id is of one element: {ids:?}");
    for part in [
        "<pre>mote phase --quiet --out &#x27;",
        "&lt;u&gt;&amp;&#x27;\\&#x27;&#x27;out&#x27; --preset law --dim 64 --head 8 --n 4,8",
        "# &lt;u&gt;mine&lt;&#x2f;u&gt; &amp; &quot;yours&quot;\nseed = 77",
        "<th scope=\"row\">seed</th><td>77</td>",
        "<th scope=\"row\">recipe.dim</th><td>64</td>",
        "<dd>0 of 24</dd>",
    ] {
        assert!(page.contains(part), "{part}");
    }
}

/// `--open` hands the page to the desktop; a machine without one is told so, and the run is as good as any.
#[cfg(target_os = "linux")]
#[test]
fn the_page_is_opened_or_that_it_cannot_be_is_said() {
    use std::os::unix::fs::PermissionsExt;
    let folder = TempDir::new().unwrap();
    let run = |path: &Path, out: &Path| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mote-under-test"));
        command.env("PATH", path).args(["phase", "--quiet", "--open", "--out"]).arg(out).args(SMALL);
        command.output().unwrap()
    };
    let (bin, out) = (folder.path().join("bin"), folder.path().join("out"));
    std::fs::create_dir(&bin).unwrap();
    let output = run(&bin, &out);
    let said = stderr(&output);
    assert!(output.status.success() && said.contains("report.html cannot be opened here: "), "{said}");
    assert_eq!(said.trim_end().lines().count(), 1, "one line: {said}");

    let opened = folder.path().join("opened");
    let script = bin.join("xdg-open");
    std::fs::write(&script, format!("#!/bin/sh\nprintf '%s' \"$1\" > '{}'\n", opened.display())).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    let output = run(&bin, &out);
    assert!(output.status.success() && output.stderr.is_empty(), "{}", stderr(&output));
    // It opens in its own time.
    for _ in 0..1200 {
        if std::fs::read(&opened).is_ok_and(|text| !text.is_empty()) {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    assert_eq!(read(opened), out.join("report.html").to_str().unwrap());
}

/// A folder of finished cells that nobody computed, of preset law at D = 64 and H = 8: the loss falls with `N SNR^2` and has
/// some noise, and the cells of the weakest signal did not converge. What to run it again with.
fn synthetic(folder: &Path, n: &str, signal: &str) -> Vec<String> {
    let options = Options::of([("n", n), ("signal", signal), ("dim", "64"), ("head", "8"), ("replicates", "1")]);
    let config = preset("law").unwrap().with(&options).unwrap();
    drop(Store::open(folder, &config, true).unwrap());
    let mut text = read(folder.join("cells.csv"));
    let digest = rows::digest(&config);
    for place in config.places() {
        let (seed, snr) = (place.seed(config.seed), config.recipe.snr(&place));
        let n_snr2 = place.samples as f64 * snr * snr;
        let noise = (seed >> 11) as f64 / (1u64 << 53) as f64;
        let loss = 0.75 / (1.0 + (n_snr2 / 2.0).powf(1.5)) + 0.05 * noise;
        let figures = if place.signal_norm == config.signal.values()[0] {
            ",,,false".into()
        } else {
            format!("0.01,{loss},0.125,true")
        };
        let (n, signal) = (place.samples, place.signal_norm);
        writeln!(text, "{n},{signal},{snr},{n_snr2},0,64,8,{seed},free,100,{figures},0.0010,{digest}").unwrap();
    }
    std::fs::write(folder.join("cells.csv"), text).unwrap();
    let words = ["--preset", "law", "--dim", "64", "--head", "8", "--replicates", "1", "--n", n, "--signal", signal];
    words.map(String::from).into()
}

fn summarize(folder: &Path, options: &[String]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mote-under-test"));
    command.args(["phase", "--progress", "json", "--out"]).arg(folder).args(options).stdin(Stdio::null());
    command
}

/// 100,000 places end, and in files that a browser opens; told to stop before, they leave the folder as it was.
#[cfg(unix)]
#[test]
fn a_hundred_thousand_places_are_concluded_or_left_alone() {
    let folder = TempDir::new().unwrap();
    let options = synthetic(folder.path(), "4..403..1", "0.02..5..0.02");
    let names = || std::fs::read_dir(folder.path()).unwrap().count();
    let before = names();

    // It tells that nothing is left to compute, and concludes; one that is told to stop by then does not finish.
    let mut child = summarize(folder.path(), &options).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let (mut said, mut first) = (BufReader::new(child.stderr.take().unwrap()), String::new());
    said.read_line(&mut first).unwrap();
    assert!(first.contains("\"done\":100000,\"total\":100000"), "{first}");
    assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let last = said.lines().last().unwrap().unwrap();
    assert!(last.contains("interrupted after 100000 of 100000 cells; the results so far are saved in "), "{last}");
    assert_eq!(names(), before, "no file is new");

    let output = summarize(folder.path(), &options).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    for (file, images) in [("heatmap.svg", 2), ("cut.svg", 1), ("report.html", 3)] {
        let text = read(folder.path().join(file));
        assert_eq!(text.matches("href=\"data:image/png;base64,").count(), images, "{file}");
        assert!(text.len() < images << 20 && text.matches("<rect ").count() < 1000 * images, "{file}: {}", text.len());
        assert!(text.contains(">signal norm (hatched: no replicate converged)<"), "{file}");
    }
    let page = read(folder.path().join("report.html"));
    assert!(page.contains("100000 rows are too many for a page: they are in summary.csv."));
    assert_eq!(read(folder.path().join("summary.csv")).lines().count(), 100_001);
    let found: serde_json::Value = serde_json::from_str(&read(folder.path().join("boundary.json"))).unwrap();
    let found = &found["models"][0];
    let exponent = &found["exponent"];
    assert!((exponent["value"].as_f64().unwrap() + 0.5).abs() < 0.01 && exponent["low"].is_null(), "{exponent}");
    assert!((found["best_constant"].as_f64().unwrap() - 4.6).abs() < 0.5, "{}", found["best_constant"]);
    assert_eq!((&found["not_converged"], found["crossings"].as_array().unwrap().len()), (&400.into(), 400));
}

/// Up to 2,000 places every one is a rectangle, beyond that they are an image: of the same colours.
#[test]
fn a_heat_map_is_an_image_where_it_has_too_many_places() {
    let folder = TempDir::new().unwrap();
    let (few, many) = (folder.path().join("few"), folder.path().join("many"));
    for (out, signal, is_image) in [(&few, "0.1..5..0.1", false), (&many, "0.1..5.1..0.1", true)] {
        let options = synthetic(out, "4..43..1", signal);
        assert!(summarize(out, &options).output().unwrap().status.success());
        let svg = read(out.join("cut.svg"));
        assert_eq!(svg.contains("<image "), is_image);
        assert_eq!(svg.matches("<rect ").count() > 2000, !is_image);
    }
    // What the PNG has in the middle of both: nearly the same grid, and nearly the same picture.
    let pixels = |out: &Path| {
        let mut reader = png::Decoder::new(std::io::Cursor::new(std::fs::read(out.join("heatmap.png")).unwrap()));
        reader.set_transformations(png::Transformations::EXPAND);
        let mut reader = reader.read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut pixels).unwrap();
        pixels
    };
    let (few, many) = (pixels(&few), pixels(&many));
    assert_eq!(few.len(), many.len());
    let differences = few.iter().zip(&many).map(|(a, b)| f64::from(a.abs_diff(*b)));
    let mean = differences.sum::<f64>() / few.len() as f64;
    assert!(mean < 3.0, "{mean} of 255 apart");
}
