//! `cargo verify`: everything that must hold, one check after the other, with one verdict at the end.
//!
//! ```text
//! cargo verify                  all checks; installs missing targets and QEMU
//! cargo verify parity           only the checks with `parity` in their name
//! cargo verify --no-install     names what is missing instead of installing it
//! ```

use anyhow::Context;
use mote_host::board::{build, machine, provision};
use std::process::{Command, ExitCode};
use std::time::Instant;

/// A check: a name, and what does it.
struct Check {
    name: String,
    work: Work,
    /// Whether it needs chip targets, or the emulator too.
    needs: Needs,
}

/// What must be on the machine beyond Rust.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Needs {
    Nothing,
    Targets,
    Emulator,
}

/// A cargo command.
struct Work {
    args: Vec<String>,
    env: Vec<(&'static str, &'static str)>,
    /// Whether its output is worth reading when all is well.
    show: bool,
}

/// How many checks, or tests of a check, passed and failed.
#[derive(Clone, Copy, Default)]
struct Count {
    passed: usize,
    failed: usize,
}

fn main() -> ExitCode {
    let mut install = true;
    let mut filters = Vec::new();
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--no-install" => install = false,
            "--help" | "-h" => {
                println!("usage: cargo verify [--no-install] [PART OF A CHECK'S NAME ...]");
                return ExitCode::SUCCESS;
            }
            option if option.starts_with('-') => {
                eprintln!("verify: expected --no-install or a part of a check's name, found {option}");
                return ExitCode::from(2);
            }
            filter => filters.push(filter.to_owned()),
        }
    }
    let is_chosen = |check: &Check| filters.is_empty() || filters.iter().any(|part| check.name.contains(part.as_str()));
    let chosen: Vec<Check> = checks(install).into_iter().filter(is_chosen).collect();
    if chosen.is_empty() {
        eprintln!("verify: no check has {} in its name", filters.join(" or "));
        return ExitCode::from(2);
    }

    let needs = chosen.iter().map(|check| check.needs).max().unwrap_or(Needs::Nothing);
    if needs > Needs::Nothing {
        let targets = machine::every().map(|machine| machine.target);
        if let Err(error) = provision::ensure(targets, needs == Needs::Emulator, install) {
            println!("verify: {error:#}");
            println!("0 passed, 1 failed");
            return ExitCode::FAILURE;
        }
    }

    let (start, mut total, mut failures) = (Instant::now(), Count::default(), Vec::new());
    for check in &chosen {
        println!("== {}", check.name);
        let began = Instant::now();
        let count = match check.work.run() {
            Ok(count) => count,
            Err(error) => {
                println!("{error:#}");
                Count { passed: 0, failed: 1 }
            }
        };
        let verdict = if count.failed == 0 { "ok" } else { "FAILED" };
        println!(
            "   {verdict}: {} passed, {} failed, {:.0} s",
            count.passed,
            count.failed,
            began.elapsed().as_secs_f64()
        );
        total.passed += count.passed;
        total.failed += count.failed;
        if count.failed > 0 {
            failures.push(check.name.as_str());
        }
    }
    if !failures.is_empty() {
        println!("failed: {}", failures.join(", "));
    }
    println!("verified in {:.0} s", start.elapsed().as_secs_f64());
    println!("{} passed, {} failed", total.passed, total.failed);
    if total.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// All checks, cheap ones first.
fn checks(install: bool) -> Vec<Check> {
    let mut checks = Vec::new();
    let mut add = |needs, name: &str, args: &str, show| {
        let words = args.split(' ').map(String::from).collect();
        // Warnings count as errors wherever documentation is built.
        let env = match args {
            doc if doc.starts_with("doc") => vec![("RUSTDOCFLAGS", "-D warnings")],
            // Tuned as `mote` tunes it.
            proof if proof.contains("panic-never") => vec![
                ("CARGO_TARGET_THUMBV7EM_NONE_EABIHF_RUSTFLAGS", "-C target-cpu=cortex-m4"),
                ("CARGO_TARGET_THUMBV6M_NONE_EABI_RUSTFLAGS", "-C target-cpu=cortex-m0"),
            ],
            _ => vec![],
        };
        checks.push(Check { name: name.into(), work: Work { args: words, env, show }, needs });
    };
    use Needs::{Emulator, Nothing, Targets};
    let chip = |target: &str| format!("--target {target} --target-dir target/chip");
    let m4f = chip("thumbv7em-none-eabihf");

    add(Nothing, "format", "fmt --all --check", false);
    let host = "--workspace --exclude mote-firmware";
    add(Nothing, "clippy host", &format!("clippy --quiet {host} --all-targets -- -D warnings"), false);
    let emulator = "--package mote-tests --features emulator";
    add(Nothing, "clippy emulator tests", &format!("clippy --quiet {emulator} --all-targets -- -D warnings"), false);
    let features = "--package mote-core --features fast-math,defmt";
    add(Nothing, "clippy core features", &format!("clippy --quiet {features} --all-targets -- -D warnings"), false);
    for machine in machine::every() {
        let board = format!("--package mote-firmware {} --features {}", chip(machine.target), machine.name);
        let name = format!("clippy firmware {}", machine.name);
        // With the profile of the boards, whose tools are built anyway.
        add(Targets, &name, &format!("clippy --quiet --profile chip {board} -- -D warnings"), false);
    }
    let bare = format!("build --quiet --package mote-core {}", chip("thumbv6m-none-eabi"));
    add(Targets, "core without std or heap", &bare, false);
    let defmt = "--package mote-firmware --profile chip --features nucleo-f446re,defmt";
    add(Targets, "firmware with defmt", &format!("build --quiet {defmt} {m4f}"), false);
    for (board, target) in [("mps2-an386", "thumbv7em-none-eabihf"), ("microbit", "thumbv6m-none-eabi")] {
        let features = format!("--features {board},session,panic-never");
        let build = format!("build --quiet --package mote-firmware --profile chip {features} {}", chip(target));
        add(Targets, &format!("firmware without panics, {board}"), &build, false);
    }
    let doc = "doc --quiet --no-deps --document-private-items";
    add(Nothing, "docs", &format!("{doc} {host}"), false);
    add(Targets, "docs firmware", &format!("{doc} --package mote-firmware --features mps2-an386 {m4f}"), false);
    add(Nothing, "tests", "test --no-fail-fast", false);
    add(Nothing, "tests with fast-math", "test --package mote-core --features fast-math", false);
    let shown = "-- --nocapture --test-threads=1";
    add(Emulator, "boards", &format!("test --quiet {emulator} --test boards {shown}"), true);
    add(Emulator, "serial", &format!("test --quiet {emulator} --test serial {shown}"), true);
    add(Emulator, "defmt log", &format!("test --quiet {emulator} --test defmt {shown}"), true);
    add(Emulator, "session on boards", &format!("test --quiet {emulator} --test session_board {shown}"), true);
    add(Emulator, "flash and resets", &format!("test --quiet {emulator} --test flash_reset {shown}"), true);
    add(Emulator, "monitor", &format!("test --quiet {emulator} --test monitor_board {shown}"), true);
    add(Emulator, "device learns", &format!("test --quiet {emulator} --test device_learn {shown}"), true);
    add(Emulator, "parity", &format!("test --quiet {emulator} --test parity {shown}"), true);
    let parity = format!("test --quiet {emulator},fast-math --test parity {shown}");
    add(Emulator, "parity with fast-math", &parity, true);
    let figure1 = "test --quiet --package mote-tests --features emulator --test figure1 -- --nocapture";
    add(Nothing, "figure 1, a part of it", figure1, true);
    let no_install = if install { "" } else { " --no-install" };
    let demo = format!("run --quiet --release --package mote-host --bin mote -- demo --quiet{no_install}");
    add(Emulator, "demo", &demo, true);
    checks
}

impl Work {
    fn run(&self) -> anyhow::Result<Count> {
        let mut command = Command::new("cargo");
        command.args(&self.args).envs(self.env.iter().copied()).current_dir(build::workspace()?);
        let output = command.output().context("cargo")?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        let mut count = count(&text);
        if count.passed + count.failed == 0 {
            count.passed = usize::from(output.status.success());
        }
        if !output.status.success() && count.failed == 0 {
            count.failed = 1;
        }
        if self.show || count.failed > 0 {
            text.lines().filter(|line| !line.is_empty()).for_each(|line| println!("   {line}"));
        }
        Ok(count)
    }
}

/// Adds up the closing lines of cargo's test runner.
fn count(text: &str) -> Count {
    let mut count = Count::default();
    for line in text.lines().filter(|line| line.starts_with("test result:")) {
        let words: Vec<&str> = line.split([' ', ';']).collect();
        for pair in words.windows(2) {
            let number = pair[0].parse().unwrap_or(0);
            match pair[1] {
                "passed" => count.passed += number,
                "failed" => count.failed += number,
                _ => {}
            }
        }
    }
    count
}
