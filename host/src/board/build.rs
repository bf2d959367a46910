//! Firmware from source to ELF.

use crate::base::error::Interrupted;
use crate::base::files::write_atomically;
use crate::base::progress::Interrupt;
use crate::board::machine::Machine;
use crate::board::model::FirmwareModel;
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
pub fn elf_path(machine: &Machine, model: &str, features: &[&str]) -> anyhow::Result<PathBuf> {
    let name = [&[machine.name, model], features].concat().join("-");
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
pub fn build_with(machine: &Machine, preset: &str, features: &[&'static str]) -> anyhow::Result<Firmware> {
    FirmwareRecipe::of_preset(machine, preset, features).follow()
}

/// Builds the firmware of a board that obeys commands, with a model.
///
/// # Errors
///
/// What the compiler says.
pub fn build_session(machine: &Machine, model: &FirmwareModel, fast_math: bool) -> anyhow::Result<Firmware> {
    FirmwareRecipe::of_session(machine, model, if fast_math { &["fast-math"] } else { &[] }).follow()
}

/// Set to `built` where all firmware lies built already, as `cargo verify` sees to: it is then taken as it is.
pub const FIRMWARE: &str = "MOTE_FIRMWARE";

/// Flags for the host, which would override the chip's.
const NOT_OURS: [&str; 3] = ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET"];

/// Text as one word of a shell.
pub fn in_shell(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./=,:+".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        text.into()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

/// How a firmware is built.
#[derive(Clone, Debug)]
pub struct FirmwareRecipe<'m> {
    machine: &'m Machine,
    /// Its model, as a part of the file's name.
    model: String,
    features: Vec<&'static str>,
    binary: &'static str,
    environment: [(&'static str, String); 2],
}

impl<'m> FirmwareRecipe<'m> {
    /// The firmware that trains a preset.
    pub fn of_preset(machine: &'m Machine, preset: &str, features: &[&'static str]) -> Self {
        let environment = [("MOTE_PRESET", preset.to_owned()), ("MOTE_SHAPE", String::new())];
        let (model, features) = (preset.to_owned(), features.to_vec());
        Self { machine, model, features, binary: "mote-firmware", environment }
    }

    /// The firmware that takes commands, with more of its cargo features.
    pub fn of_session(machine: &'m Machine, model: &FirmwareModel, features: &[&'static str]) -> Self {
        let features = [&["session"], features].concat();
        let environment = model.environment();
        Self { machine, model: model.name(), features, binary: "mote-session", environment }
    }

    /// What cargo is told.
    fn arguments(&self) -> Vec<String> {
        let features = [&[self.machine.name], &self.features[..]].concat().join(",");
        [
            &["build", "--quiet", "--locked", "--profile", "chip", "--package", "mote-firmware", "--bin", self.binary]
                [..],
            &["--target", self.machine.target, "--features", &features, "--target-dir", "target/chip"],
        ]
        .concat()
        .into_iter()
        .map(String::from)
        .collect()
    }

    fn variables(&self) -> Vec<(String, String)> {
        let flags = format!("CARGO_TARGET_{}_RUSTFLAGS", self.machine.target.to_uppercase().replace(['-', '.'], "_"));
        let own = self.environment.iter().map(|(name, value)| (String::from(*name), value.clone()));
        own.chain([(flags, format!("-C target-cpu={}", self.machine.cpu))]).collect()
    }

    /// Where cargo leaves it, from the checkout.
    fn built(&self) -> PathBuf {
        Path::new("target/chip").join(self.machine.target).join("chip").join(self.binary)
    }

    /// Where it lies in the end.
    ///
    /// # Errors
    ///
    /// As [`workspace`].
    pub fn elf(&self) -> anyhow::Result<PathBuf> {
        elf_path(self.machine, &self.model, &self.features)
    }

    /// What is done, as lines for a shell.
    ///
    /// # Errors
    ///
    /// As [`workspace`].
    pub fn lines(&self) -> anyhow::Result<[String; 3]> {
        let without: String = NOT_OURS.map(|name| format!("-u {name} ")).concat();
        let with: String =
            self.variables().iter().map(|(name, value)| format!("{name}={} ", in_shell(value))).collect();
        let path = |path: &Path| in_shell(&path.display().to_string());
        Ok([
            format!("cd {}", path(&workspace()?)),
            format!("env {without}{with}cargo {}", self.arguments().join(" ")),
            format!("cp {} {}", path(&self.built()), path(&self.elf()?)),
        ])
    }

    /// Builds it, or takes what is built already where [`FIRMWARE`] says so.
    ///
    /// # Errors
    ///
    /// What the compiler says; a file that is not there.
    pub fn follow(&self) -> anyhow::Result<Firmware> {
        if std::env::var_os(FIRMWARE).is_none_or(|value| value != "built") {
            return self.compile();
        }
        let elf = self.elf()?;
        let shown = elf.display();
        ensure!(elf.is_file(), "{shown} is missing, and {FIRMWARE}=built: `cargo verify elf` builds it");
        Ok(Firmware { elf })
    }

    /// Builds it, whatever is there.
    ///
    /// # Errors
    ///
    /// What the compiler says.
    pub fn compile(&self) -> anyhow::Result<Firmware> {
        let root = workspace()?;
        let target_folder = root.join("target/chip");
        // Boards share a target, and so the name of the built file: one build at a time, until it has its own name.
        std::fs::create_dir_all(&target_folder).with_context(|| target_folder.display().to_string())?;
        let lock = File::create(target_folder.join("build.lock")).context("target/chip/build.lock")?;
        lock.lock().context("target/chip/build.lock")?;
        let mut command = Command::new("cargo");
        for name in NOT_OURS {
            command.env_remove(name);
        }
        let output =
            command.args(self.arguments()).envs(self.variables()).current_dir(&root).output().context("cargo")?;
        if !output.status.success() {
            if Interrupt::current().is_raised() {
                return Err(Interrupted { done: "a part of the build".into(), saved: None }.into());
            }
            let said = String::from_utf8_lossy(&output.stderr);
            bail!("building the firmware for {}:\n{}", self.machine.name, said.trim_end());
        }
        let (built, elf) = (root.join(self.built()), self.elf()?);
        let bytes = std::fs::read(&built).with_context(|| built.display().to_string())?;
        write_atomically(&elf, &bytes)?;
        Ok(Firmware { elf })
    }
}
