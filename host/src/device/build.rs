//! Firmware from source to ELF.

use super::machine::Machine;
use crate::files::write_atomically;
use anyhow::{Context, bail, ensure};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Built firmware.
#[derive(Clone, Debug)]
pub struct Firmware {
    /// Where it is.
    pub elf: PathBuf,
}

/// The checkout that this program was built from: the firmware is built from source.
///
/// # Errors
///
/// If it is no longer there.
pub fn workspace() -> anyhow::Result<PathBuf> {
    let host = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = host.parent().context("the package has no parent folder")?;
    ensure!(root.join("firmware/Cargo.toml").is_file(), "{}: the firmware's sources are gone", root.display());
    Ok(root.into())
}

/// Where the firmware of a board lies once it is built.
///
/// # Errors
///
/// As [`workspace`].
pub fn elf_path(machine: &Machine, preset: &str, features: &[&str]) -> anyhow::Result<PathBuf> {
    let name = [&[machine.name, preset], features].concat().join("-");
    Ok(workspace()?.join("target/chip").join(format!("{name}.elf")))
}

/// Builds the firmware of a board with a preset.
///
/// # Errors
///
/// What the compiler says.
pub fn build(machine: &Machine, preset: &str, fast_math: bool) -> anyhow::Result<Firmware> {
    build_with(machine, preset, if fast_math { &["fast-math"] } else { &[] })
}

/// Builds the firmware of a board with more of its cargo features.
///
/// # Errors
///
/// What the compiler says.
pub fn build_with(machine: &Machine, preset: &str, features: &[&str]) -> anyhow::Result<Firmware> {
    build_binary(machine, preset, features, "mote-firmware")
}

/// Builds the firmware of a board that obeys commands: a model of the shape of a preset.
///
/// # Errors
///
/// What the compiler says.
pub fn build_session(machine: &Machine, preset: &str, fast_math: bool) -> anyhow::Result<Firmware> {
    let features: &[&str] = if fast_math { &["session", "fast-math"] } else { &["session"] };
    build_binary(machine, preset, features, "mote-session")
}

fn build_binary(machine: &Machine, preset: &str, features: &[&str], binary: &str) -> anyhow::Result<Firmware> {
    let root = workspace()?;
    let target_folder = root.join("target/chip");
    let all_features = [&[machine.name], features].concat().join(",");
    let flags_variable = format!("CARGO_TARGET_{}_RUSTFLAGS", machine.target.to_uppercase().replace(['-', '.'], "_"));
    // Boards share a target, and so the name of the built file: one build at a time, until it has its own name.
    std::fs::create_dir_all(&target_folder).with_context(|| target_folder.display().to_string())?;
    let lock = File::create(target_folder.join("build.lock")).context("target/chip/build.lock")?;
    lock.lock().context("target/chip/build.lock")?;
    let output = Command::new("cargo")
        .args(["build", "--quiet", "--locked", "--profile", "chip", "--package", "mote-firmware"])
        .args(["--bin", binary])
        .args(["--target", machine.target, "--features", &all_features])
        .arg("--target-dir")
        .arg(&target_folder)
        .env(flags_variable, format!("-C target-cpu={}", machine.cpu))
        .env("MOTE_PRESET", preset)
        // Flags for the host would override the chip's.
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("CARGO_BUILD_TARGET")
        .current_dir(&root)
        .output()
        .context("cargo")?;
    if !output.status.success() {
        bail!("building the firmware for {}:\n{}", machine.name, String::from_utf8_lossy(&output.stderr).trim_end());
    }
    let built = target_folder.join(machine.target).join("chip").join(binary);
    let elf = elf_path(machine, preset, features)?;
    let bytes = std::fs::read(&built).with_context(|| built.display().to_string())?;
    write_atomically(&elf, &bytes)?;
    Ok(Firmware { elf })
}
