//! `cargo verify`: everything that must hold, with one verdict at the end.
//!
//! ```text
//! cargo verify                    everything that lands; installs missing targets and QEMU
//! cargo verify fast               what a person waits for between two edits
//! cargo verify nightly            everything with its volumes: chance, boards and presets, mutants, the whole Figure 1
//! cargo verify parity             only the checks with `parity` in their name; `nightly parity` with the night's volume
//! cargo verify mutants [NAME...]  breaks the code on purpose, one fault after the other: a test must fail each time
//! cargo verify figures [--write]  compares the figures in README and docs with what is measured, or writes them
//! cargo verify --no-install       names what is missing instead of installing it
//! ```

mod cargo;
mod checks;
mod count;
mod figures;
mod firmware;
mod mutants;
mod run;

use checks::{Check, Needs};
use mote_host::board::{machine, provision};
use mote_tests::volume::Volume;
use std::process::ExitCode;

const USAGE: &str = "usage: cargo verify [fast|nightly] [--no-install] [PART OF A CHECK'S NAME ...]
       cargo verify mutants [PART OF A MUTANT'S NAME ...]
       cargo verify figures [--write]";

/// What the command line asks for.
#[derive(Debug, PartialEq)]
struct Asked {
    volume: Volume,
    install: bool,
    write: bool,
    /// Only the mutants.
    mutants: bool,
    filters: Vec<String>,
}

/// Reads the command line. Anything but a tier, an option or `mutants` is a part of a name.
fn ask(arguments: impl Iterator<Item = String>) -> Result<Asked, String> {
    let mut asked = Asked { volume: Volume::Full, install: true, write: false, mutants: false, filters: Vec::new() };
    for (place, argument) in arguments.enumerate() {
        match argument.as_str() {
            "--no-install" => asked.install = false,
            "--write" => asked.write = true,
            "mutants" if place == 0 => asked.mutants = true,
            "fast" | "full" | "nightly" if place == 0 => {
                asked.volume = Volume::by_name(&argument).unwrap_or(Volume::Full);
            }
            option if option.starts_with('-') => {
                return Err(format!("expected --no-install, --write or a part of a name, found {option}"));
            }
            filter => asked.filters.push(filter.to_owned()),
        }
    }
    if asked.write && asked.filters != ["figures"] {
        return Err("--write: expected \"figures --write\", alone".into());
    }
    Ok(asked)
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| matches!(argument.as_str(), "--help" | "-h")) {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let asked = match ask(arguments.into_iter()) {
        Ok(asked) => asked,
        Err(error) => {
            eprintln!("verify: {error}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let chosen = if asked.mutants {
        vec![checks::mutants(asked.filters)]
    } else {
        let chosen = checks::chosen(asked.volume, &asked.filters, asked.install, asked.write);
        if chosen.is_empty() {
            eprintln!("verify: no check has {} in its name", asked.filters.join(" or "));
            return ExitCode::from(2);
        }
        chosen
    };
    if let Err(error) = provide(&chosen, asked.install) {
        println!("verify: {error:#}");
        println!("0 passed, 1 failed");
        return ExitCode::FAILURE;
    }
    if run::run_all(&chosen, asked.volume) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Installs what the checks need, or says what is missing.
fn provide(chosen: &[Check], install: bool) -> anyhow::Result<()> {
    let needs = chosen.iter().map(|check| check.needs).max().unwrap_or(Needs::Nothing);
    if needs == Needs::Nothing {
        return Ok(());
    }
    provision::ensure(machine::every().map(|machine| machine.target), needs == Needs::Emulator, install)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Result<Asked, String> {
        ask(line.split_whitespace().map(String::from))
    }

    #[test]
    fn the_command_line_is_read() {
        let plain = of("").unwrap();
        assert_eq!((plain.volume, plain.install, plain.mutants, plain.filters.len()), (Volume::Full, true, false, 0));
        let night = of("nightly parity --no-install").unwrap();
        assert_eq!((night.volume, night.install, night.filters), (Volume::Nightly, false, vec!["parity".into()]));
        let mutants = of("mutants rng wire").unwrap();
        assert!(mutants.mutants && mutants.filters == ["rng", "wire"]);
        assert!(of("figures --write").unwrap().write);
        for wrong in ["--fast", "--write", "parity --write", "mutants --all"] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
    }
}
