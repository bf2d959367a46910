//! `cargo verify`: everything that must hold, one check after the other, with one verdict at the end.
//!
//! ```text
//! cargo verify                  all checks; installs missing targets and QEMU
//! cargo verify parity           only the checks with `parity` in their name
//! cargo verify --no-install     names what is missing instead of installing it
//! ```

use anyhow::Context;
use mote_host::device::{build, machine, provision};
use std::process::{Command, ExitCode};
use std::time::Instant;

/// A check: a name, and what does it.
struct Check {
    name: String,
    work: Work,
}

enum Work {
    /// A cargo command: arguments, environment, whether its output is worth reading when all is well.
    Cargo { args: Vec<String>, env: Vec<(&'static str, &'static str)>, show: bool },
    /// Installs what is missing.
    Provision { install: bool },
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
    let mut add = |name: &str, work| checks.push(Check { name: name.into(), work });
    add("format", cargo("fmt --all --check"));
    add("provision", Work::Provision { install });
    add("clippy host", cargo("clippy --quiet --workspace --exclude mote-firmware --all-targets -- -D warnings"));
    add(
        "clippy emulator tests",
        cargo("clippy --quiet --package mote-tests --all-targets --features emulator -- -D warnings"),
    );
    add(
        "clippy core features",
        cargo("clippy --quiet --package mote-core --all-targets --features fast-math,defmt -- -D warnings"),
    );
    for machine in &machine::ALL {
        let target = format!("--target {} --target-dir target/chip", machine.target);
        let clippy =
            format!("clippy --quiet --package mote-firmware {target} --features {} -- -D warnings", machine.name);
        add(&format!("clippy firmware {}", machine.name), cargo(&clippy));
    }
    add(
        "core without std or heap",
        cargo("build --quiet --package mote-core --target thumbv6m-none-eabi --target-dir target/chip"),
    );
    add(
        "firmware with defmt",
        cargo(
            "build --quiet --package mote-firmware --profile chip --target thumbv7em-none-eabihf --target-dir target/chip --features mps2-an386,defmt",
        ),
    );
    let deny = vec![("RUSTDOCFLAGS", "-D warnings")];
    add(
        "docs",
        cargo_with(
            "doc --quiet --no-deps --workspace --exclude mote-firmware --document-private-items",
            deny.clone(),
            false,
        ),
    );
    add(
        "docs firmware",
        cargo_with(
            "doc --quiet --no-deps --package mote-firmware --target thumbv7em-none-eabihf --target-dir target/chip --features mps2-an386 --document-private-items",
            deny,
            false,
        ),
    );
    add("tests", cargo_with("test --no-fail-fast", vec![], false));
    add("tests with fast-math", cargo_with("test --package mote-core --features fast-math", vec![], false));
    let nocapture = "-- --nocapture --test-threads=1";
    add(
        "boards",
        cargo_with(
            &format!("test --quiet --package mote-tests --features emulator --test boards {nocapture}"),
            vec![],
            true,
        ),
    );
    add(
        "parity",
        cargo_with(
            &format!("test --quiet --package mote-tests --features emulator --test parity {nocapture}"),
            vec![],
            true,
        ),
    );
    add(
        "parity with fast-math",
        cargo_with(
            &format!("test --quiet --package mote-tests --features emulator,fast-math --test parity {nocapture}"),
            vec![],
            true,
        ),
    );
    add("demo", cargo_with("run --quiet --release --package mote-host --bin mote -- demo --quiet", vec![], true));
    checks
}

fn cargo(args: &str) -> Work {
    cargo_with(args, vec![], false)
}

fn cargo_with(args: &str, env: Vec<(&'static str, &'static str)>, show: bool) -> Work {
    Work::Cargo { args: args.split(' ').map(String::from).collect(), env, show }
}

impl Work {
    fn run(&self) -> anyhow::Result<Count> {
        match self {
            Self::Provision { install } => {
                for machine in &machine::ALL {
                    provision::ensure_target(machine.target, *install)?;
                }
                provision::ensure_qemu(*install)?;
                Ok(Count { passed: 1, failed: 0 })
            }
            Self::Cargo { args, env, show } => {
                let mut command = Command::new("cargo");
                command.args(args).envs(env.iter().copied()).current_dir(build::workspace()?);
                let output = command.output().context("cargo")?;
                let text =
                    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
                let mut count = count(&text);
                if count.passed + count.failed == 0 {
                    count.passed = usize::from(output.status.success());
                }
                if !output.status.success() && count.failed == 0 {
                    count.failed = 1;
                }
                if *show || count.failed > 0 {
                    text.lines().filter(|line| !line.is_empty()).for_each(|line| println!("   {line}"));
                }
                Ok(count)
            }
        }
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
