//! All firmware that the tests of the emulator read, built once, before they run.

use crate::count::Count;
use anyhow::Context;
use mote_core::shape::Shape;
use mote_host::board::build::{self, FirmwareRecipe};
use mote_host::board::machine::{self, Machine};
use mote_host::board::model::FirmwareModel;
use mote_runtime::runs::presets::Preset;
use mote_tests::volume::Volume;
use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

/// What a firmware is built from, in the checkout.
const SOURCES: [&str; 5] = ["core", "firmware", "Cargo.toml", "Cargo.lock", "rust-toolchain.toml"];

/// Builds the firmware that these checks read, and nothing that lies there already from the same sources.
pub fn build(checks: &[String], volume: Volume, said: &mut String) -> anyhow::Result<Count> {
    let (mut known, mut count, start) = (BTreeSet::new(), Count::default(), Instant::now());
    let (sources, mut built) = (sources()?, 0);
    for (_, recipe) in catalogue(volume)?.into_iter().filter(|(check, _)| checks.iter().any(|name| name == check)) {
        let elf = recipe.elf()?;
        if !known.insert(elf.clone()) {
            continue;
        }
        let receipt = elf.with_extension("made");
        let made = |elf: &Path| -> anyhow::Result<String> {
            Ok(format!("{:016x} {:016x}", digest(&(sources, recipe.lines()?)), digest(&std::fs::read(elf)?)))
        };
        if elf.is_file() && std::fs::read_to_string(&receipt).is_ok_and(|text| made(&elf).is_ok_and(|new| new == text))
        {
            count += Count::checks(1);
            continue;
        }
        match recipe.compile() {
            Ok(firmware) => {
                std::fs::write(&receipt, made(&firmware.elf)?).with_context(|| receipt.display().to_string())?;
                (count.checks, built) = (count.checks + 1, built + 1);
            }
            Err(error) => {
                said.push_str(&format!("{error:#}\n"));
                count += Count::FAILURE;
            }
        }
    }
    let each = start.elapsed().as_secs_f64() / f64::from(built.max(1));
    said.push_str(&format!("{} programs, {built} of them built anew, {each:.1} s each\n", known.len()));
    Ok(count)
}

/// Every program, with the check that reads it.
pub fn catalogue(volume: Volume) -> anyhow::Result<Vec<(&'static str, FirmwareRecipe<'static>)>> {
    let mut all = Vec::new();
    let mut plain = |check, machine: &'static Machine, preset: &str, features: &[&'static str]| {
        all.push((check, FirmwareRecipe::of_preset(machine, preset, features)));
    };
    let an386 = machine::by_name("mps2-an386")?;
    let microbit = machine::by_name("microbit")?;
    for machine in machine::every() {
        plain("boards", machine, machine.preset, &[]);
        plain("figures", machine, machine.preset, &[]);
    }
    for machine in machine::emulated() {
        plain("boards", machine, "tiny", &[]);
        for feature in ["test-panic", "test-fault", "test-overflow"] {
            plain("boards", machine, "tiny", &[feature]);
        }
        plain("serial", machine, "tiny", &["test-echo"]);
    }
    plain("boards", microbit, "tiny", &["defmt"]);
    for feature in ["test-hang", "test-flood"] {
        plain("boards", an386, "tiny", &[feature]);
    }
    for machine in [an386, microbit] {
        plain("defmt log", machine, "parity-tiny", &["defmt"]);
    }
    plain("parity", an386, "demo", &[]);
    plain("figures", an386, "demo", &[]);
    plain("figures", an386, "demo", &["fast-math"]);
    plain("parity", an386, "tiny", &["test-flood"]);
    let in_parity = |machine: &Machine| volume > Volume::Fast || ["mps2-an386", "microbit"].contains(&machine.name);
    for machine in machine::emulated().filter(|machine| in_parity(machine)) {
        for preset in ["parity-tiny", "parity"] {
            let preset = Preset::by_name(preset).context("a preset of the tests")?;
            if machine.check_preset(&preset).is_ok() {
                plain("parity", machine, preset.name, &[]);
                plain("parity", machine, preset.name, &["fast-math"]);
            }
        }
    }
    let mut session = |check, machine: &'static Machine, preset: Option<&str>, shape: Option<Shape>| {
        let model = FirmwareModel::choose(machine, preset, shape)?;
        all.push((check, FirmwareRecipe::of_session(machine, &model, &[])));
        anyhow::Ok(())
    };
    for machine in [microbit, an386] {
        session("boards", machine, Some("tiny"), None)?;
    }
    session("flash and resets", microbit, Some("tiny"), None)?;
    session("monitor", an386, Some("tiny"), None)?;
    for machine in [an386, microbit] {
        session("session", machine, None, None)?;
    }
    for machine in machine::emulated() {
        session("device learns", machine, Some("tiny"), None)?;
    }
    for machine in ["mps2-an386", "microbit", "netduinoplus2"] {
        session("device learns", machine::by_name(machine)?, None, None)?;
    }
    session("device learns", an386, None, Some(Shape::new(3, 7, 2, 5)))?;
    session("device learns", microbit, None, Some(Shape::new(4, 39, 4, 4)))?;
    // Commands and a log through the probe, as `mote flash BOARD --session --defmt` builds it.
    for machine in machine::real().filter(|machine| machine.name == "pico2") {
        all.push((
            "boards",
            FirmwareRecipe::of_session(machine, &FirmwareModel::choose(machine, None, None)?, &["defmt"]),
        ));
    }
    Ok(all)
}

/// A digest of all sources and of the compiler.
fn sources() -> anyhow::Result<u64> {
    let root = build::workspace()?;
    let version = Command::new("rustc").arg("-vV").current_dir(&root).output().context("rustc")?.stdout;
    let mut hasher = DefaultHasher::new();
    version.hash(&mut hasher);
    SOURCES.iter().try_for_each(|source| add(&root.join(source), &mut hasher))?;
    Ok(hasher.finish())
}

/// Adds a file, or a folder with all that is in it.
fn add(path: &Path, hasher: &mut DefaultHasher) -> anyhow::Result<()> {
    path.hash(hasher);
    if path.is_dir() {
        let mut inside: Vec<_> =
            std::fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<anyhow::Result<_>>()?;
        inside.sort();
        return inside.iter().try_for_each(|path| add(path, hasher));
    }
    std::fs::read(path).with_context(|| path.display().to_string())?.hash(hasher);
    Ok(())
}

fn digest(what: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_grows_with_the_volume_and_names_every_program() {
        let names = |volume| -> BTreeSet<String> {
            catalogue(volume).unwrap().iter().map(|(_, recipe)| recipe.elf().unwrap().display().to_string()).collect()
        };
        let (fast, full) = (names(Volume::Fast), names(Volume::Full));
        assert!(fast.is_subset(&full) && fast.len() < full.len());
        for name in [
            "mps2-an386-demo",
            "microbit-tiny-test-echo",
            "mps2-an505-parity-fast-math",
            "microbit-tiny-session",
            "pico2-demo-session-defmt",
        ] {
            assert!(full.iter().any(|path| path.ends_with(&format!("/{name}.elf"))), "{name}: {full:?}");
        }
    }
}
