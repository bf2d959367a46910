//! `mote phase` as a user meets it: reproducible, interruptible, never a half-truth. Compiled with package
//! `mote-host`, which has the binary.

use mote_tests::{refused, stderr};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// A grid of 24 cells that takes a second.
const SMALL: [&str; 12] = [
    "--preset",
    "law",
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
    let mut command = Command::new(env!("CARGO_BIN_EXE_mote"));
    command.args(["phase", "--quiet", "--out"]).arg(out).args(SMALL).args(more).stdin(Stdio::null());
    command.output().unwrap()
}

fn read(path: PathBuf) -> String {
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The cells of a folder, sorted, without their seconds.
fn cells(out: &Path) -> Vec<String> {
    let text = read(out.join("cells.csv"));
    let mut lines: Vec<String> = text.lines().skip(1).map(|line| line.rsplit_once(',').unwrap().0.into()).collect();
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
    assert!(phase(&quiet, &[]).status.success());
    for round in 0..4 {
        let mut child = Command::new(env!("CARGO_BIN_EXE_mote"))
            .args(["phase", "--quiet", "--threads", "1", "--out"])
            .arg(&killed)
            .args(SMALL)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(std::time::Duration::from_millis(60 + 90 * round));
        child.kill().unwrap();
        child.wait().unwrap();
        if let Ok(mut text) = std::fs::read(killed.join("cells.csv")) {
            text.extend(b"8,3.5,0.87");
            std::fs::write(killed.join("cells.csv"), text).unwrap();
        }
    }
    let output = phase(&killed, &[]);
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

#[test]
fn a_folder_in_use_is_refused() {
    let folder = TempDir::new().unwrap();
    let lock = std::fs::File::create(folder.path().join(".lock")).unwrap();
    lock.lock().unwrap();
    refused(&phase(folder.path(), &[]), &["another run is writing into this folder"]);
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
    for file in ["summary.csv", "boundary.json", "heatmap.svg"] {
        assert!(!read(folder.path().join(file)).contains("NaN"), "{file}");
    }
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
        (&["--n", "9..3..1"], &["--n: expected a list like", "9..3..1"]),
        (&["--n", "0"], &["--n: expected at least 1, found 0"]),
        (&["--preset", "figure1", "--n", "5"], &["--n: expected even numbers", "found 5"]),
        (&["--tokens", "1"], &["--tokens: expected at least 2, found 1"]),
        (&["--lr", "0"], &["--lr: expected a finite number above 0, found 0"]),
        (&["--threads", "0"], &["--threads: expected at least 1"]),
        (&["--big", "3"], &["--big: expected a preset of the paper form"]),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mote"));
        command.args(["phase", "--quiet", "--out"]).arg(&out);
        if !more.contains(&"--preset") {
            command.args(["--preset", "law"]);
        }
        refused(&command.args(more).output().unwrap(), expected);
        assert!(!out.exists());
    }
    std::fs::write(folder.path().join("bad.toml"), "sead = 3\n").unwrap();
    let file = folder.path().join("bad.toml");
    let output = phase(&out, &["--config", file.to_str().unwrap()]);
    refused(&output, &["bad.toml", "unknown key sead, expected one of n, signal", "did you mean seed?"]);
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

#[test]
fn a_dry_run_writes_nothing() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("out");
    let output = phase(&out, &["--dry-run"]);
    assert!(String::from_utf8_lossy(&output.stdout).contains("24 cells"), "{}", stderr(&output));
    assert!(!out.exists());
}
