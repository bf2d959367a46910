//! A call of cargo, and what came of its tests.

use crate::count::Count;
use anyhow::Context;
use mote_host::board::build;
use mote_tests::volume::{self, Volume};
use std::process::Command;

/// A cargo command.
#[derive(Clone, Debug)]
pub struct Cargo {
    /// What cargo is told.
    pub args: Vec<String>,
    /// Variables of its environment.
    pub env: Vec<(&'static str, &'static str)>,
    /// Whether it runs tests, which are counted.
    pub runs_tests: bool,
    /// Whether its output is worth reading when all is well.
    pub show: bool,
}

impl Cargo {
    /// Runs it, and counts what it tested. What is worth reading goes to `said`.
    pub fn run(&self, volume: Volume, said: &mut String) -> anyhow::Result<Count> {
        let mut command = Command::new("cargo");
        command.args(&self.args).envs(self.env.iter().copied()).env(volume::VARIABLE, volume.name());
        let output = command.current_dir(build::workspace()?).output().context("cargo")?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        let succeeded = output.status.success();
        let count = if self.runs_tests { Count::of_tests(&text, succeeded) } else { Count::of_check(succeeded) };
        if self.show || count.failed > 0 {
            said.push_str(&text);
        }
        Ok(count)
    }
}
