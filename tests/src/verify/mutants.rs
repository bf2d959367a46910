//! Mutants: faults put into a copy of the code, one at a time. A test must fail at each.

use crate::count::Count;
use anyhow::{Context, ensure};
use mote_host::board::build;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// The list, in the checkout.
const LIST: &str = "tests/mutants.toml";

/// No fewer than these.
const AT_LEAST: usize = 30;

/// Far longer than the tests of one mutant take; those of a mutant that never ends fail by it.
const PATIENCE: Duration = Duration::from_secs(600);

/// Folders of the checkout that are no part of the code.
const NOT_CODE: [&str; 3] = ["target", ".git", "out"];

/// One fault.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mutant {
    name: String,
    file: String,
    find: String,
    replace: String,
    /// What cargo is told after `test`.
    test: String,
    why: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    mutant: Vec<Mutant>,
}

/// What came of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// A test failed.
    Caught,
    /// All tests passed.
    Survived,
    /// It does not compile, or no test ran.
    Broken,
}

impl Mutant {
    /// The file with the fault in it.
    fn apply(&self, text: &str) -> anyhow::Result<String> {
        let found = text.matches(&self.find).count();
        ensure!(found == 1, "{}: {}: expected to find once, found {found} times: {}", self.name, self.file, self.find);
        let mutated = text.replace(&self.find, &self.replace);
        ensure!(mutated != text, "{}: it changes nothing", self.name);
        Ok(mutated)
    }
}

fn list(root: &Path) -> anyhow::Result<Vec<Mutant>> {
    let text = std::fs::read_to_string(root.join(LIST)).context(LIST)?;
    let mutants = toml::from_str::<List>(&text).context(LIST)?.mutant;
    let names: BTreeSet<_> = mutants.iter().map(|mutant| &mutant.name).collect();
    ensure!(names.len() == mutants.len(), "{LIST}: two mutants have one name");
    ensure!(mutants.len() >= AT_LEAST, "{LIST}: expected at least {AT_LEAST} mutants, found {}", mutants.len());
    Ok(mutants)
}

/// Whether the place of every mutant is found, once.
pub fn check_texts(said: &mut String) -> anyhow::Result<Count> {
    let (root, mut count) = (build::workspace()?, Count::default());
    for mutant in list(&root)? {
        let text = std::fs::read_to_string(root.join(&mutant.file)).unwrap_or_default();
        match mutant.apply(&text) {
            Ok(_) => count.checks += 1,
            Err(error) => {
                said.push_str(&format!("{LIST}: {error:#}\n"));
                count.failed += 1;
            }
        }
    }
    Ok(count)
}

/// Applies those with one of the filters in their name, or all, and says what came of each as it is known.
pub fn run(filters: &[String]) -> anyhow::Result<Count> {
    let root = build::workspace()?;
    let is_chosen = |mutant: &Mutant| filters.is_empty() || filters.iter().any(|part| mutant.name.contains(part));
    let chosen: Vec<Mutant> = list(&root)?.into_iter().filter(is_chosen).collect();
    ensure!(!chosen.is_empty(), "no mutant has {} in its name", filters.join(" or "));
    let scratch = Scratch::new(&root)?;
    let mut count = Count::default();
    let tests: BTreeSet<&str> = chosen.iter().map(|mutant| mutant.test.as_str()).collect();
    for test in tests {
        let (fate, said) = scratch.test(test)?;
        ensure!(fate == Fate::Survived, "without any mutant, `cargo test {test}` fails:\n{said}");
    }
    for mutant in &chosen {
        let (start, path) = (Instant::now(), scratch.tree.join(&mutant.file));
        let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        std::fs::write(&path, mutant.apply(&text)?)?;
        let outcome = scratch.test(&mutant.test);
        std::fs::write(&path, text)?;
        let (fate, said) = outcome?;
        let seconds = start.elapsed().as_secs_f64();
        match fate {
            Fate::Caught => {
                println!("   caught, {seconds:.0} s: {}", mutant.name);
                count.checks += 1;
            }
            Fate::Survived => {
                println!("   SURVIVED, {seconds:.0} s: {}: {} ({})", mutant.name, mutant.why, mutant.test);
                count.failed += 1;
            }
            Fate::Broken => {
                println!("   BROKEN: {}: it does not compile, or no test ran:\n{said}", mutant.name);
                count.failed += 1;
            }
        }
    }
    Ok(count)
}

/// A copy of the code, with a build folder of its own.
struct Scratch {
    tree: PathBuf,
    target: PathBuf,
}

impl Scratch {
    fn new(root: &Path) -> anyhow::Result<Self> {
        let folder = root.join("target/mutants");
        let (tree, target) = (folder.join("tree"), folder.join("target"));
        if tree.exists() {
            std::fs::remove_dir_all(&tree).with_context(|| tree.display().to_string())?;
        }
        copy(root, &tree).with_context(|| tree.display().to_string())?;
        Ok(Self { tree, target })
    }

    /// What cargo's tests come to in the copy, and what they said.
    fn test(&self, arguments: &str) -> anyhow::Result<(Fate, String)> {
        let mut command = Command::new("cargo");
        command.arg("test").args(arguments.split(' ')).current_dir(&self.tree);
        // The firmware that the checkout has built is not that of the copy.
        command.env("CARGO_TARGET_DIR", &self.target).env_remove(build::FIRMWARE);
        let (text, succeeded) = said(command)?;
        Ok((succeeded.map_or(Fate::Caught, |succeeded| fate(&text, succeeded)), text))
    }
}

/// What a command says, and whether it ended well; `None`: it did not end, and was stopped.
fn said(mut command: Command) -> anyhow::Result<(String, Option<bool>)> {
    let mut log = tempfile::tempfile()?;
    command.stdout(log.try_clone()?).stderr(log.try_clone()?);
    // What it starts is stopped with it.
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let (mut child, until) = (command.spawn().context("cargo")?, Instant::now() + PATIENCE);
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break Some(status);
        }
        if Instant::now() > until {
            Command::new("kill").args(["-KILL", "--", &format!("-{}", child.id())]).status()?;
            child.wait()?;
            break None;
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    let mut text = Vec::new();
    log.rewind()?;
    log.read_to_end(&mut text)?;
    Ok((String::from_utf8_lossy(&text).into_owned(), status.map(|status| status.success())))
}

/// What a call of cargo's tests shows.
fn fate(text: &str, succeeded: bool) -> Fate {
    let failed = text.lines().any(|line| line.starts_with("test result: FAILED"));
    let count = Count::of_tests(text, succeeded);
    match (succeeded, failed) {
        (true, _) if count.tests > 0 => Fate::Survived,
        (false, true) => Fate::Caught,
        _ => Fate::Broken,
    }
}

/// Copies a folder, file by file, times of change included: what has not changed is not compiled anew.
fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if NOT_CODE.iter().any(|name| entry.file_name() == *name) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            copy(&path, &target)?;
        } else {
            std::fs::copy(&path, &target)?;
            let changed = entry.metadata()?.modified()?;
            std::fs::File::options().write(true).open(&target)?.set_modified(changed)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mutant_is_caught_by_a_test_that_fails_and_by_nothing_else() {
        let passed = "test result: ok. 3 passed; 0 failed; 0 ignored;";
        assert_eq!(fate(passed, true), Fate::Survived);
        assert_eq!(fate("test result: FAILED. 2 passed; 1 failed; 0 ignored;", false), Fate::Caught);
        assert_eq!(fate("error[E0425]: cannot find value", false), Fate::Broken);
        assert_eq!(fate("test result: ok. 0 passed; 0 failed; 3 ignored;", true), Fate::Broken);
    }

    #[test]
    fn a_mutant_finds_its_place_once_and_changes_it() {
        let mutant = |find: &str, replace: &str| Mutant {
            name: "m".into(),
            file: "f".into(),
            find: find.into(),
            replace: replace.into(),
            test: String::new(),
            why: String::new(),
        };
        assert_eq!(mutant("b", "x").apply("abc").unwrap(), "axc");
        assert!(mutant("b", "x").apply("abcb").is_err());
        assert!(mutant("d", "x").apply("abc").is_err());
        assert!(mutant("b", "b").apply("abc").is_err());
    }
}
