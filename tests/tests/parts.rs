//! A run in parts, on as many machines as there are: every cell once, whatever is killed, and bad parts refused.
#![cfg(unix)]

use mote_tests::{read, refused, stderr};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use tempfile::TempDir;

const MOTE: &str = env!("CARGO_BIN_EXE_mote-under-test");

/// A grid of 24 cells that takes a second.
const SMALL: &str =
    "--preset law --dim 64 --head 8 --n 4,8 --signal 1.5..4.5..1 --replicates 3 --stop-loss 0.05 --test-samples 50";

/// Where engines say which part a process is.
const VARIABLES: [&str; 3] = ["HQ_TASK_ID", "SLURM_ARRAY_TASK_ID", "PBS_ARRAY_INDEX"];

fn phase(out: &Path, more: &str) -> Command {
    let mut command = Command::new(MOTE);
    command.args(["phase", "--out"]).arg(out).args(SMALL.split(' ')).args(more.split_whitespace());
    VARIABLES.iter().for_each(|name| _ = command.env_remove(name));
    command.stdin(Stdio::null());
    command
}

fn run(out: &Path, more: &str) -> Output {
    phase(out, more).output().unwrap()
}

/// What a run that succeeded printed.
fn text(output: &Output) -> String {
    assert!(output.status.success(), "{}", stderr(output));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The rows of a table of cells, sorted, without their seconds.
fn rows(path: impl AsRef<Path>) -> Vec<String> {
    let text = read(path);
    let row = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        [&cells[..14], &cells[15..]].concat().join(",")
    };
    let mut rows: Vec<String> = text.lines().skip(1).map(row).collect();
    rows.sort();
    rows
}

/// Every file in a folder and in those in it, with its contents.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.ends_with(".lock") {
            continue;
        }
        if entry.is_dir() {
            files.extend(self::files(&entry));
        } else {
            files.insert(entry.clone(), std::fs::read(&entry).unwrap());
        }
    }
    files
}

fn shard(out: &Path, name: &str) -> PathBuf {
    out.join("shards").join(name)
}

/// Makes sure that the cells and the summary of two folders are the same bytes apart from seconds and order.
fn same(a: &Path, b: &Path) {
    assert_eq!(rows(a.join("cells.csv")), rows(b.join("cells.csv")));
    assert_eq!(read(a.join("summary.csv")), read(b.join("summary.csv")));
}

/// Three processes as parts; one is killed in the midst and run again. The merge is one machine's run.
#[cfg(target_os = "linux")]
#[test]
fn three_processes_of_which_one_is_killed_are_one_machine() {
    let folder = TempDir::new().unwrap();
    let (one, parts) = (folder.path().join("one"), folder.path().join("parts"));
    let more = "--replicates 500";
    text(&run(&one, more));

    let spawn = |part: usize| -> Child {
        let mut command = phase(&parts, &format!("{more} --task /3"));
        command.env("SLURM_ARRAY_TASK_ID", part.to_string()).stdout(Stdio::null()).spawn().unwrap()
    };
    let mut children = [0, 1, 2].map(spawn);
    mote_tests::wait_until_it_computes(children[1].id());
    children[1].kill().unwrap();
    let statuses = children.each_mut().map(|child| child.wait().unwrap());
    assert_eq!([0, 2].map(|part| statuses[part].success()), [true; 2]);
    assert!(!statuses[1].success(), "killed before it was done");
    assert!(!shard(&parts, "1-of-3.csv").exists(), "a killed part is not there");
    assert_eq!(text(&run(&parts, &format!("{more} --missing 3"))), "1\n");
    // As a task leaves it that is killed while it writes.
    let dead = shard(&parts, ".tmpdead");
    std::fs::write(&dead, "n,signal_norm").unwrap();

    assert!(spawn(1).wait().unwrap().success());
    assert_eq!(text(&run(&parts, &format!("{more} --missing 3"))), "");
    let before = files(&parts.join("shards"));
    assert_eq!(text(&run(&parts, &format!("{more} --task 1/3"))), "part 1/3 is done already\n");
    assert_eq!(files(&parts.join("shards")), before, "a finished part is skipped");

    let said = text(&run(&parts, more));
    assert!(said.starts_with("4000 new cells found in 3 parts\n4000 of 4000 cells are done already\n"), "{said}");
    same(&one, &parts);
    assert!(!parts.join("shards").exists(), "the parts are in cells.csv now, and what the dead task left is gone");
    assert_eq!(text(&run(&parts, &format!("{more} --missing 3"))), "");
    assert_eq!(text(&run(&parts, &format!("{more} --task 2/3"))), "part 2/3 is done already\n");
}

/// The ordinary command does what no part did; parts of any number may be mixed, and a grid may be cut anew.
#[test]
fn parts_of_any_number_are_mixed_and_the_rest_is_computed() {
    let folder = TempDir::new().unwrap();
    let (one, parts) = (folder.path().join("one"), folder.path().join("parts"));
    text(&run(&one, ""));
    assert_eq!(text(&run(&parts, "--missing 8")), "0-7\n", "nothing is there, not even the folder");
    assert!(!parts.exists());
    for task in ["1/3", "0/2", "5/8"] {
        let said = text(&run(&parts, &format!("--task {task}")));
        assert!(said.starts_with(&format!("part {task}: ")) && said.contains(" cells in "), "{said}");
    }
    assert_eq!(
        read(shard(&parts, "5-of-8.csv")).lines().next().unwrap(),
        read(one.join("cells.csv")).lines().next().unwrap()
    );
    assert_eq!(
        text(&run(&parts, "--missing 8")),
        "1,3,7\n",
        "the even ones lie in 0/2; of 1 and 7, only a cell is there"
    );
    let said = text(&run(&parts, ""));
    // 8 of 1/3, 12 of 0/2 of which 4 are the same, 3 of 5/8 of which one is the same.
    assert!(said.starts_with("18 new cells found in 3 parts\n"), "{said}");
    same(&one, &parts);
    assert_eq!(text(&run(&parts, "--missing 24")), "");
}

/// Each engine's variable, and no part without one.
#[test]
fn the_engine_says_which_part_it_is() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("out");
    for (part, name) in VARIABLES.iter().enumerate() {
        let output = phase(&out, "--quiet --task /24").env(name, part.to_string()).output().unwrap();
        assert_eq!(text(&output), "");
        assert!(shard(&out, &format!("{part}-of-24.csv")).exists(), "{name}");
    }
    let nobody = folder.path().join("nobody");
    for (task, expected) in [
        ("/24", &["--task: expected the number of the part, as 0/24 or in one of HQ_TASK_ID, ", "found none"][..]),
        (
            "24",
            &["--task: expected I/K, like 3/40, or /40 with I from HQ_TASK_ID, SLURM_ARRAY_TASK_ID, ", "found \"24\""],
        ),
        ("0/0", &["--task: expected at least 1 part, found \"0/0\""]),
        ("24/24", &["--task: expected a part from 0 to 23, found \"24/24\""]),
        ("0/25", &["--task: expected from 1 to 24 parts, as many as cells at most, found 25"]),
    ] {
        refused(&run(&nobody, &format!("--task {task}")), expected);
    }
    refused(&run(&nobody, "--missing 0"), &["--missing: expected from 1 to 24 parts", "found 0"]);
    assert!(!nobody.exists(), "nothing is written");
}

/// What is wrong with a part is one line that names file and line; nothing is changed, and once the part is gone the
/// run goes on.
#[test]
fn bad_parts_are_refused_and_nothing_is_lost() {
    let folder = TempDir::new().unwrap();
    let (one, out) = (folder.path().join("one"), folder.path().join("out"));
    text(&run(&one, ""));
    for task in ["0/3", "1/3"] {
        text(&run(&out, &format!("--quiet --task {task}")));
    }
    // Something is in the table as well.
    let good = read(shard(&out, "1-of-3.csv"));
    let table = good.lines().take(3).map(|line| format!("{line}\n")).collect::<String>();
    std::fs::write(out.join("cells.csv"), table).unwrap();

    let lines: Vec<&str> = good.lines().collect();
    let with = |n: usize, change: &dyn Fn(&mut Vec<String>)| {
        let mut cells: Vec<String> = lines[n - 1].split(',').map(String::from).collect();
        change(&mut cells);
        let mut lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        lines[n - 1] = cells.join(",");
        lines.join("\n") + "\n"
    };
    let other = |cells: &mut Vec<String>| cells[15] = "c0123456789abcdef".into();
    let seed = |cells: &mut Vec<String>| cells[7] = "1".into();
    let steps = |cells: &mut Vec<String>| cells[9] += "0";
    let seconds = |cells: &mut Vec<String>| cells[14] = "99.0000".into();
    let header = format!("{}\n", lines[0]);
    let cut = "the end of a part that was cut short; delete it, and its task computes it anew";
    let differ = "cells are the same bits on one kind of processor only; delete the part of the other kind";
    let of_table =
        format!("line 2: expected steps {}, which the table has, row 1, found ", lines[1].split(',').nth(9).unwrap());
    let of_part = format!("1-of-3.csv, line 5, has, found {}0; ", lines[4].split(',').nth(9).unwrap());
    let cases: Vec<(&str, String, Vec<&str>)> = vec![
        ("2-of-3.csv", good[..good.len() - 10].into(), vec!["2-of-3.csv: line 9: expected a whole row, found ", cut]),
        ("2-of-3.csv", header.clone(), vec!["2-of-3.csv: line 2: expected a whole row, found ", cut]),
        ("2-of-3.csv", header[..20].into(), vec!["2-of-3.csv: line 1: expected a whole row, found ", cut]),
        ("2-of-3.csv", String::new(), vec!["2-of-3.csv: line 1: expected a whole row, found ", cut]),
        ("2-of-3.csv", good[1..].into(), vec!["2-of-3.csv: line 1: expected n,signal_norm,"]),
        (
            "2-of-3.csv",
            good.replacen("\n4,", "\nx,", 1).replacen("\n8,", "\nx,", 1),
            vec!["2-of-3.csv: line ", "expected a cell, found x,"],
        ),
        (
            "2-of-3.csv",
            with(4, &other),
            vec![
                "2-of-3.csv: line 4: expected cells of this configuration, c",
                "found one of c0123456789abcdef; give another --out, or delete this part",
            ],
        ),
        ("2-of-3.csv", with(4, &seed), vec!["2-of-3.csv: line 4: expected a cell of this configuration, found "]),
        ("5-of-8.csv", with(2, &steps), vec!["5-of-8.csv: ", &of_table, differ]),
        ("5-of-8.csv", with(5, &steps), vec!["5-of-8.csv: line 5: expected steps ", &of_part, differ]),
        ("5-of-3.csv", good.clone(), vec!["5-of-3.csv: expected only parts here, with names like 3-of-40.csv"]),
    ];
    for (name, contents, expected) in cases {
        std::fs::write(shard(&out, name), contents).unwrap();
        let before = files(&out);
        for command in ["", "--missing 3"] {
            refused(&run(&out, command), &expected);
        }
        assert_eq!(files(&out), before, "{expected:?}");
        if name == "2-of-3.csv" {
            refused(&run(&out, "--task 2/3"), &expected);
        }
        std::fs::remove_file(shard(&out, name)).unwrap();
    }
    // Another configuration is refused by its first task.
    let before = files(&out);
    let another = ["differ", "seed 1 there, 2 here"];
    refused(
        &run(&out, "--seed 2 --task 2/3"),
        &["expected a folder of this configuration, found another: ", another[1]],
    );
    assert_eq!(files(&out), before);
    // The same rows with other seconds are the same.
    std::fs::write(shard(&out, "5-of-8.csv"), with(5, &seconds)).unwrap();
    text(&run(&out, ""));
    same(&one, &out);
}

/// Ctrl-C in a part saves nothing, says so, and the part is done another time.
#[cfg(target_os = "linux")]
#[test]
fn an_interrupted_part_starts_over() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("out");
    let mut command = phase(&out, "--replicates 3000 --task 0/2");
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    mote_tests::wait_until_it_computes(child.id());
    assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert!(said.contains(" of 12000 cells of part 0/2; nothing is saved; the same command starts over"), "{said}");
    assert!(!out.join("shards").exists());
}

/// Without CSV, Parquet is the table: found done, compared with parts, and turned back.
#[test]
fn a_folder_without_csv_is_as_good() {
    let folder = TempDir::new().unwrap();
    let (one, out) = (folder.path().join("one"), folder.path().join("out"));
    text(&run(&one, ""));
    let said = text(&run(&out, "--no-csv"));
    assert!(said.contains(": cells.parquet summary.csv ") && !said.contains("cells.csv"), "{said}");
    assert!(!out.join("cells.csv").exists() && out.join("cells.parquet").exists());
    assert!(!read(out.join("report.html")).contains("cells.csv"));
    assert_eq!(text(&run(&out, "--missing 24")), "");
    assert_eq!(text(&run(&out, "--task 0/3")), "part 0/3 is done already\n");
    let said = text(&run(&out, "--no-csv"));
    assert!(said.starts_with("24 of 24 cells are done already\n") && !out.join("cells.csv").exists(), "{said}");
    // A part that contradicts the table is refused as ever.
    std::fs::create_dir(out.join("shards")).unwrap();
    let table = read(one.join("cells.csv"));
    let bad: Vec<String> = table.lines().take(2).map(|line| line.replace(",true,", "1,true,")).collect();
    std::fs::write(shard(&out, "0-of-24.csv"), bad.join("\n") + "\n").unwrap();
    refused(&run(&out, "--missing 3"), &["0-of-24.csv: line 2: expected test_error ", ", which the table has, row "]);
    std::fs::remove_dir_all(out.join("shards")).unwrap();
    // The CSV comes back, as it was.
    text(&run(&out, ""));
    same(&one, &out);
    // A folder without its configuration was to start over.
    std::fs::remove_file(out.join("cells.csv")).unwrap();
    std::fs::remove_file(out.join("config.json")).unwrap();
    let said = text(&run(&out, ""));
    assert!(said.starts_with("24 cells, "), "{said}");
    same(&one, &out);
}

/// Runs a script or command of `--print-job` with programs of ours for the engine's.
fn submit(folder: &Path, script: &str, variable: (&str, &str)) -> Output {
    let bin = folder.join("bin");
    if !bin.exists() {
        std::fs::create_dir(&bin).unwrap();
        std::os::unix::fs::symlink(MOTE, bin.join("mote")).unwrap();
    }
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let mut command = Command::new("sh");
    VARIABLES.iter().for_each(|name| _ = command.env_remove(name));
    command.args(["-c", script]).env("PATH", path).env(variable.0, variable.1).output().unwrap()
}

/// What is printed to submit does the part that the engine says, quoting and all; nothing is submitted or written.
#[test]
fn what_is_printed_can_be_submitted() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("an out");
    let hq = text(&run(&out, "--quiet --task /12 --print-job hq"));
    let slurm = text(&run(&out, "--quiet --task /12 --threads 2 --print-job=slurm"));
    assert!(!out.exists());
    let expected =
        "hq submit --name=mote --array=0-11 --cpus=1 --stdout=none --stderr=:rm-if-finished -- mote phase --out '";
    assert!(hq.starts_with(expected), "{hq}");
    assert_eq!(hq.lines().count(), 1);
    for line in
        ["#!/bin/sh", "#SBATCH --array=0-11", "#SBATCH --cpus-per-task=2", "#SBATCH --mem=512M", "#SBATCH --requeue"]
    {
        assert!(slurm.lines().any(|it| it == line), "{slurm}");
    }
    assert!(!slurm.contains("print-job") && slurm.trim_end().ends_with("--quiet --task /12 --threads 2"), "{slurm}");

    let command = hq.split_once(" -- ").unwrap().1;
    text(&submit(folder.path(), command, ("HQ_TASK_ID", "11")));
    text(&submit(folder.path(), &slurm, ("SLURM_ARRAY_TASK_ID", "0")));
    assert_eq!(text(&run(&out, "--missing 12")), "1-10\n");
    refused(&run(&out, "--task 3/12 --print-job hq"), &["--task: expected /12, all parts, to submit, found 3/12"]);
    assert!(stderr(&run(&out, "--print-job hq")).contains("--task <I/K>"));
}
