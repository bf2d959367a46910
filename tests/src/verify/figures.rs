//! The figures in README and docs that are measured: written by one command, and compared where they are exact.
//!
//! They stand between `<!-- figures:NAME -->` and `<!-- end -->`.

use crate::count::Count;
use anyhow::{Context, bail, ensure};
use mote_host::board::build::{self, Firmware};
use mote_host::board::elf_sizes;
use mote_host::board::machine::{self, Machine};
use mote_host::commands::sizes::{self, Row};
use mote_host::emulator::footprint;
use mote_host::emulator::preset_run::{RunSpec, Work, run_built};
use mote_runtime::runs::presets::Preset;
use mote_tests::tolerance::{self, Tolerance};
use mote_tests::volume::Volume;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// A kind of figures.
struct Figures {
    /// As the documents name it.
    name: &'static str,
    /// The smallest volume that compares it; `None`: a time, which is written and never compared. Writing writes all.
    volume: Option<Volume>,
    /// Measures and writes the text between the marks.
    render: fn() -> anyhow::Result<String>,
}

const ALL: [Figures; 8] = [
    Figures { name: "gradients", volume: Some(Volume::Full), render: gradients },
    Figures { name: "golden", volume: Some(Volume::Full), render: golden },
    Figures { name: "fast-math", volume: Some(Volume::Full), render: fast_math },
    Figures { name: "bench", volume: None, render: bench },
    Figures { name: "sizes", volume: Some(Volume::Full), render: sizes_table },
    Figures { name: "demo", volume: Some(Volume::Full), render: demo },
    Figures { name: "step", volume: Some(Volume::Full), render: step },
    // Builds every board with every preset three times.
    Figures { name: "memory", volume: Some(Volume::Nightly), render: memory },
];

const START: &str = "<!-- figures:";
const END: &str = "<!-- end -->";

/// Compares all figures of the volume, or writes those that differ, of whatever volume.
pub fn figures(write: bool, volume: Volume, said: &mut String) -> anyhow::Result<Count> {
    let (mut count, root) = (Count::default(), build::workspace()?);
    let documents = documents(&root)?;
    for Figures { name, volume: from, render } in ALL {
        let holders: Vec<_> = documents.iter().filter(|path| holds(path, name)).collect();
        if holders.is_empty() || (!write && from.is_none_or(|from| from > volume)) {
            continue;
        }
        let text = render().with_context(|| format!("figures:{name}"))?;
        for path in holders {
            let old = std::fs::read_to_string(path)?;
            let new = replaced(&old, name, &text).with_context(|| path.display().to_string())?;
            if old == new {
                count += Count::checks(1);
            } else if write {
                std::fs::write(path, new).with_context(|| path.display().to_string())?;
                said.push_str(&format!("{}: figures:{name} written\n", path.display()));
                count += Count::checks(1);
            } else {
                let (old, new) = first_difference(&old, &new);
                said.push_str(&format!(
                    "{}: figures:{name}: found \"{old}\", measured \"{new}\"; `cargo verify figures --write` writes it\n",
                    path.display()
                ));
                count += Count::FAILURE;
            }
        }
    }
    ensure!(count != Count::default(), "no document has figures");
    Ok(count)
}

/// Every document that may have figures. One with figures of an unknown name is an error.
fn documents(root: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut paths = vec![root.join("README.md")];
    for entry in std::fs::read_dir(root.join("docs"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "md") {
            paths.push(path);
        }
    }
    paths.sort();
    for path in &paths {
        let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
        for (_, rest) in text.match_indices(START).map(|(at, _)| text.split_at(at + START.len())) {
            let name = rest.split(' ').next().unwrap_or_default();
            let is_known = ALL.iter().any(|figures| figures.name == name);
            ensure!(is_known, "{}: figures:{name} is not known to `cargo verify figures`", path.display());
        }
    }
    Ok(paths)
}

fn mark(name: &str) -> String {
    format!("{START}{name} -->")
}

fn holds(path: &Path, name: &str) -> bool {
    std::fs::read_to_string(path).is_ok_and(|text| text.contains(&mark(name)))
}

/// The document with this text between the marks of a name.
fn replaced(document: &str, name: &str, text: &str) -> anyhow::Result<String> {
    let mark = mark(name);
    let mut parts = document.split(&mark);
    let mut new = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let Some((_, rest)) = part.split_once(END) else { bail!("figures:{name} has no {END}") };
        new += &format!("{mark}\n{}\n{END}{rest}", text.trim_end());
    }
    Ok(new)
}

/// The first lines that differ.
fn first_difference<'t>(old: &'t str, new: &'t str) -> (&'t str, &'t str) {
    let (mut old, mut new) = (old.lines(), new.lines());
    loop {
        let pair = (old.next(), new.next());
        match pair {
            (Some(a), Some(b)) if a == b => {}
            (a, b) => return (a.unwrap_or("the end"), b.unwrap_or("the end")),
        }
    }
}

/// As the block of a listing.
fn listing(text: &str) -> String {
    format!("```text\n{}\n```", text.trim_end())
}

/// The firmware of a board with a preset, as the check `firmware` has built it.
fn built(machine: &Machine, preset: &str, features: &[&str]) -> anyhow::Result<Firmware> {
    let elf = build::elf_path(machine, preset, features)?;
    ensure!(elf.is_file(), "{}: it is missing; `cargo verify elf` builds it", elf.display());
    Ok(Firmware { elf })
}

/// What `mote sizes` prints.
fn sizes_table() -> anyhow::Result<String> {
    let row = |machine: &'static Machine| {
        let sizes = elf_sizes::of_elf(&built(machine, machine.preset, &[])?.elf)?;
        anyhow::Ok(Row { machine, sizes })
    };
    Ok(listing(&sizes::table(&machine::every().map(row).collect::<anyhow::Result<Vec<_>>>()?)))
}

/// What `mote sizes --full` prints.
fn memory() -> anyhow::Result<String> {
    Ok(footprint::table(&footprint::measure_all(false, true)?))
}

/// The work of preset `demo` on the Cortex-M4F, and the flash of its firmware.
fn work_of_demo(fast_math: bool) -> anyhow::Result<(Work, u64)> {
    let (machine, preset) = (machine::by_name("mps2-an386")?, Preset::by_name("demo").context("preset demo")?);
    let firmware = built(machine, "demo", if fast_math { &["fast-math"] } else { &[] })?;
    let plan = RunSpec { machine, preset, fast_math, deadline: Duration::from_secs(300), install: false };
    let session = run_built(&plan, &firmware, true, &mut Vec::new(), |_| Ok(()))?;
    Ok((session.work.context("the board counts")?, elf_sizes::of_elf(&firmware.elf)?.flash))
}

/// What `fast-math` costs and gains.
fn fast_math() -> anyhow::Result<String> {
    let ((libm, flash), (micromath, its_flash)) = (work_of_demo(false)?, work_of_demo(true)?);
    Ok(format!(
        "On the Cortex-M4F, the `demo` preset takes {:.2} instructions per multiply-accumulate with it and {:.2} without, and\n\
         {} bytes of flash instead of {}.",
        micromath.instructions_per_mac,
        libm.instructions_per_mac,
        footprint::thousands(its_flash),
        footprint::thousands(flash)
    ))
}

/// Worst errors and limits as rows of a table.
fn table(rows: &[(&str, &[Tolerance])]) -> String {
    let list = |of: &[Tolerance], part: fn(&Tolerance) -> f64| {
        of.iter().map(|tolerance| format!("{:e}", part(tolerance))).collect::<Vec<_>>().join(", ")
    };
    let row = |(what, of): &(&str, &[Tolerance])| {
        format!("| {what} | {} | {} |", list(of, |tolerance| tolerance.worst), list(of, |tolerance| tolerance.limit))
    };
    let head = ["| compared | worst seen | limit |", "|---|---|---|"].map(String::from);
    head.into_iter().chain(rows.iter().map(row)).collect::<Vec<_>>().join("\n")
}

/// Gradients against the oracle.
fn gradients() -> anyhow::Result<String> {
    Ok(table(&[
        ("gradients of `W_Q`, `W_K`, `W_V`, `w_O`", &tolerance::GRADIENT),
        ("the same where their terms cancel over 60-fold, relative to the terms", &[tolerance::GRADIENT_OF_TERMS]),
        ("loss of the model", &[tolerance::LOSS]),
        ("score of attention alone", &[tolerance::ATTENTION]),
        ("gradients of attention alone", &[tolerance::ATTENTION_GRADIENT]),
        ("gradients of softmax alone", &[tolerance::SOFTMAX_GRADIENT]),
        ("logistic loss and its derivative", &[tolerance::LOGISTIC]),
    ]))
}

/// Training against automatic differentiation.
fn golden() -> anyhow::Result<String> {
    Ok(table(&[
        ("scores before and after", &[tolerance::GOLDEN_SCORE]),
        ("loss curve", &[tolerance::GOLDEN_CURVE]),
        ("weights after", &[tolerance::GOLDEN_WEIGHT]),
        ("gradients", &[tolerance::GOLDEN_GRADIENT]),
    ]))
}

/// What `mote bench --preset figure1` prints on this machine.
fn bench() -> anyhow::Result<String> {
    let words = "run --quiet --release --package mote-host --bin mote -- bench --preset figure1";
    Ok(listing(&cargo(&words.split(' ').map(String::from).collect::<Vec<_>>())?))
}

/// What a training step of preset `demo` costs.
fn step() -> anyhow::Result<String> {
    let (work, _) = work_of_demo(false)?;
    Ok(format!(
        "A training step of the `demo` preset (D=64, M=4, H=8, V=8, N=16) takes {} guest instructions on the Cortex-M4F,\n\
         {:.2} per multiply-accumulate, data regenerated from its seed included.",
        footprint::thousands(work.instructions_per_step.round() as u64),
        work.instructions_per_mac
    ))
}

/// What `cargo demo` prints, without the picture, most of the steps, and what depends on this machine's speed.
fn demo() -> anyhow::Result<String> {
    let folder = tempfile::tempdir()?;
    let out = folder.path().join("demo");
    let text = cargo(&["demo".into(), "--no-install".into(), "--out".into(), out.display().to_string()])?;
    Ok(listing(&abridged(&text)?))
}

/// What a cargo command prints.
fn cargo(words: &[String]) -> anyhow::Result<String> {
    let output = Command::new("cargo").args(words).current_dir(build::workspace()?).output().context("cargo")?;
    let what = || format!("cargo {}", words.join(" "));
    ensure!(output.status.success(), "{}: {}", what(), String::from_utf8_lossy(&output.stderr).trim_end());
    String::from_utf8(output.stdout).with_context(what)
}

/// The beginning and the end of what the demo prints.
fn abridged(text: &str) -> anyhow::Result<String> {
    let lines: Vec<&str> = text.lines().collect();
    let end = lines.iter().position(|line| line.contains(" converged after ")).context("the demo has no verdict")?;
    let is_steady = |line: &&&str| !line.contains("steps per second") && !line.starts_with("saved in ");
    let first = lines.iter().take(4);
    let last = lines.iter().skip(end).filter(is_steady);
    Ok(first.chain([&"  ..."]).chain(last).copied().collect::<Vec<_>>().join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_replaced_between_their_marks_alone() {
        let document =
            "a\n<!-- figures:sizes -->\nold\nolder\n<!-- end -->\nb\n<!-- figures:demo -->\nx\n<!-- end -->\n";
        let new = replaced(document, "sizes", "new\n").unwrap();
        assert_eq!(new, document.replace("old\nolder", "new"));
        assert_eq!(replaced(&new, "sizes", "new").unwrap(), new);
        assert_eq!(first_difference(document, &new), ("old", "new"));
        assert!(replaced("<!-- figures:sizes -->\nold\n", "sizes", "new").is_err());
    }

    #[test]
    fn the_documents_have_figures_of_known_names() {
        let documents = documents(&build::workspace().unwrap()).unwrap();
        for name in ["sizes", "memory"] {
            assert!(documents.iter().any(|path| holds(path, name)), "{name}");
        }
    }

    #[test]
    fn the_demo_is_abridged_to_what_does_not_change() {
        let text = "Training\n  benign\n  step 0\n  step 25\n  step 50\n\npicture\nbenign   converged after 97 steps: x\n\
                    board: 1 byte\n169 steps per second in\nsaved in /tmp/x: demo.png\nverdict: y\n";
        let short = "Training\n  benign\n  step 0\n  step 25\n  ...\nbenign   converged after 97 steps: x\nboard: 1 byte\nverdict: y";
        assert_eq!(abridged(text).unwrap(), short);
    }
}
