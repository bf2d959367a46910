//! What is missing on this machine, and how it comes here: Rust targets by rustup, QEMU by the
//! system's package manager.

use anyhow::{Context, bail, ensure};
use std::path::PathBuf;
use std::process::Command;

/// The emulator.
pub const QEMU: &str = "qemu-system-arm";

/// Makes sure that code can be compiled for `targets`, and that there is an emulator if it is needed.
///
/// # Errors
///
/// If something is missing and may not or cannot be installed; all commands that would are named.
pub fn ensure<'a>(targets: impl IntoIterator<Item = &'a str>, emulator: bool, install: bool) -> anyhow::Result<()> {
    let (mut missing, mut commands) = (Vec::new(), Vec::new());
    for target in targets {
        if !has_target(target)? && !missing.contains(&target) {
            missing.push(target);
            commands.push(["rustup", "target", "add", target].map(String::from).to_vec());
        }
    }
    if emulator && !is_on_path(QEMU) {
        missing.push(QEMU);
        let Some(install) = install_commands() else {
            bail!(
                "{QEMU} is missing, and no package manager that mote knows (apt, dnf, pacman, brew) is here: install \
                 QEMU for Arm by hand"
            );
        };
        commands.extend(install);
    }
    if missing.is_empty() {
        return Ok(());
    }
    let shown: Vec<String> = commands.iter().map(|command| command.join(" ")).collect();
    ensure!(install, "missing: {}; this installs it:\n  {}", missing.join(", "), shown.join("\n  "));
    eprintln!("mote: missing: {}; installing it", missing.join(", "));
    for command in &commands {
        perform(command).with_context(|| format!("by hand: {}", shown.join(" && ")))?;
    }
    for target in missing.iter().filter(|name| **name != QEMU) {
        ensure!(has_target(target)?, "the Rust target {target} is still missing");
    }
    ensure!(!emulator || is_on_path(QEMU), "{QEMU} is still missing");
    Ok(())
}

/// Whether the compiler of this folder has the target's core library.
fn has_target(target: &str) -> anyhow::Result<bool> {
    let root = crate::board::build::workspace()?;
    let output = Command::new("rustc").args(["--print", "sysroot"]).current_dir(root).output().context("rustc")?;
    ensure!(output.status.success(), "rustc --print sysroot: {}", String::from_utf8_lossy(&output.stderr).trim());
    let sysroot = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    Ok(sysroot.join("lib/rustlib").join(target).join("lib").is_dir())
}

/// The commands for this machine's package manager, with sudo where it takes the superuser.
fn install_commands() -> Option<Vec<Vec<String>>> {
    let (commands, superuser): (&[&str], bool) = if is_on_path("apt-get") {
        let install = "env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends qemu-system-arm";
        (&["apt-get update", install], true)
    } else if is_on_path("dnf") {
        (&["dnf install -y qemu-system-arm-core"], true)
    } else if is_on_path("pacman") {
        (&["pacman -S --noconfirm --needed qemu-system-arm"], true)
    } else if is_on_path("brew") {
        (&["brew install qemu"], false)
    } else {
        return None;
    };
    let prefix = if superuser && !is_superuser() { "sudo " } else { "" };
    let words = |command: &&str| format!("{prefix}{command}").split(' ').map(String::from).collect();
    Some(commands.iter().map(words).collect())
}

fn is_superuser() -> bool {
    let output = Command::new("id").arg("-u").output();
    output.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

/// Whether a program can be started by its name.
pub fn is_on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// Says what is run, then runs it, with what it says on standard error.
fn perform(command: &[String]) -> anyhow::Result<()> {
    let shown = command.join(" ");
    eprintln!("mote: running: {shown}");
    let root = crate::board::build::workspace()?;
    let mut process = Command::new(&command[0]);
    process.args(&command[1..]).current_dir(root).stdout(std::io::stderr());
    let status = process.status().with_context(|| shown.clone())?;
    ensure!(status.success(), "{shown} ended with {status}");
    Ok(())
}
