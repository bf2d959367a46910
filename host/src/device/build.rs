//! Firmware from source to ELF.

use super::machine::Machine;
use anyhow::{Context, bail, ensure};
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

/// Builds the firmware of a board with a preset.
///
/// # Errors
///
/// What the compiler says.
pub fn build(machine: &Machine, preset: &str, fast_math: bool) -> anyhow::Result<Firmware> {
    let root = workspace()?;
    let target_folder = root.join("target/chip");
    let features = if fast_math { format!("{},fast-math", machine.name) } else { machine.name.into() };
    let flags_variable = format!("CARGO_TARGET_{}_RUSTFLAGS", machine.target.to_uppercase().replace(['-', '.'], "_"));
    let output = Command::new("cargo")
        .args(["build", "--quiet", "--locked", "--profile", "chip", "--package", "mote-firmware"])
        .args(["--target", machine.target, "--features", &features])
        .arg("--target-dir")
        .arg(&target_folder)
        .env(flags_variable, format!("-C target-cpu={}", machine.cpu))
        .env("MOTE_PRESET", preset)
        // Flags for the host would override the chip's, and a wrapper's cargo may be another one.
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("CARGO_BUILD_TARGET")
        .current_dir(&root)
        .output()
        .context("cargo")?;
    if !output.status.success() {
        bail!("building the firmware for {}:\n{}", machine.name, String::from_utf8_lossy(&output.stderr).trim_end());
    }
    // Boards share a target, and so the name of the file: keep each under its own.
    let built = target_folder.join(machine.target).join("chip/mote-firmware");
    let math = if fast_math { "micromath" } else { "libm" };
    let elf = target_folder.join(format!("{}-{preset}-{math}.elf", machine.name));
    std::fs::copy(&built, &elf).with_context(|| format!("{} to {}", built.display(), elf.display()))?;
    Ok(Firmware { elf })
}
