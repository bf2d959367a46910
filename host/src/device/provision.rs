//! What is missing on this machine, and how it comes here: Rust targets by rustup, QEMU by the
//! system's package manager.

use anyhow::{Context, bail, ensure};
use std::path::PathBuf;
use std::process::Command;

/// The emulator.
pub const QEMU: &str = "qemu-system-arm";

/// Makes sure that code can be compiled for `target`.
///
/// # Errors
///
/// If the target is missing and may not or cannot be installed; the commands are named.
pub fn ensure_target(target: &str, install: bool) -> anyhow::Result<()> {
    if has_target(target)? {
        return Ok(());
    }
    let command = ["rustup", "target", "add", target];
    if !install {
        bail!("the Rust target {target} is missing; this installs it:\n  {}", command.join(" "));
    }
    perform(&command).with_context(|| format!("the Rust target {target} is missing"))?;
    ensure!(has_target(target)?, "the Rust target {target} is still missing after: {}", command.join(" "));
    Ok(())
}

/// Whether the compiler of this folder has the target's core library.
fn has_target(target: &str) -> anyhow::Result<bool> {
    let root = crate::device::build::workspace()?;
    let output = Command::new("rustc").args(["--print", "sysroot"]).current_dir(root).output().context("rustc")?;
    ensure!(output.status.success(), "rustc --print sysroot: {}", String::from_utf8_lossy(&output.stderr).trim());
    let sysroot = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    Ok(sysroot.join("lib/rustlib").join(target).join("lib").is_dir())
}

/// Makes sure that there is an emulator.
///
/// # Errors
///
/// If it is missing and may not or cannot be installed; the commands are named.
pub fn ensure_qemu(install: bool) -> anyhow::Result<()> {
    if is_on_path(QEMU) {
        return Ok(());
    }
    let Some(commands) = install_commands() else {
        bail!(
            "{QEMU} is missing, and no package manager that mote knows (apt, dnf, pacman, brew) is here; install QEMU for Arm by hand"
        );
    };
    let shown: Vec<String> = commands.iter().map(|command| command.join(" ")).collect();
    if !install {
        bail!("{QEMU} is missing; this installs it:\n  {}", shown.join("\n  "));
    }
    eprintln!("mote: {QEMU} is missing; installing it");
    for command in &commands {
        perform(command).with_context(|| format!("{QEMU} is missing; by hand: {}", shown.join(" && ")))?;
    }
    ensure!(is_on_path(QEMU), "{QEMU} is still missing after: {}", shown.join(" && "));
    Ok(())
}

/// The commands for this machine's package manager, with sudo where it takes the superuser.
fn install_commands() -> Option<Vec<Vec<&'static str>>> {
    let commands: Vec<Vec<&str>> = if is_on_path("apt-get") {
        vec![vec!["apt-get", "update"], vec!["apt-get", "install", "-y", "--no-install-recommends", QEMU]]
    } else if is_on_path("dnf") {
        vec![vec!["dnf", "install", "-y", "qemu-system-arm-core"]]
    } else if is_on_path("pacman") {
        vec![vec!["pacman", "-S", "--noconfirm", "--needed", "qemu-system-arm"]]
    } else if is_on_path("brew") {
        return Some(vec![vec!["brew", "install", "qemu"]]);
    } else {
        return None;
    };
    if is_superuser() {
        return Some(commands);
    }
    Some(commands.into_iter().map(|command| [vec!["sudo"], command].concat()).collect())
}

fn is_superuser() -> bool {
    let output = Command::new("id").arg("-u").output();
    output.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

fn is_on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// Says what is run, then runs it, its output on standard error.
fn perform(command: &[&str]) -> anyhow::Result<()> {
    let shown = command.join(" ");
    eprintln!("mote: running: {shown}");
    let root = crate::device::build::workspace()?;
    let mut process = Command::new(command[0]);
    process.args(&command[1..]).current_dir(root).env("DEBIAN_FRONTEND", "noninteractive");
    let output = process.output().with_context(|| shown.clone())?;
    if !output.status.success() {
        bail!("{shown} ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}
