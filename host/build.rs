//! Tells the program the commit that it is built from, for the record of a run. A release build asks git; a debug build
//! does not, as every commit would then build it anew.

use std::path::Path;
use std::process::Command;

/// What the build stands on: where one of these changes, the commit may have, or be one no longer.
const SOURCES: [&str; 5] = ["src", "lab", "../core", "../firmware/boards", "../Cargo.lock"];

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=MOTE_COMMIT");
    let commit = std::env::var("MOTE_COMMIT").ok().or_else(from_git);
    println!("cargo:rustc-env=MOTE_COMMIT={}", commit.unwrap_or_else(|| "unknown".into()));
}

/// The commit, with `-dirty` behind it if the sources are not quite it; `None` of a debug build, and where this file is
/// in no checkout.
fn from_git() -> Option<String> {
    if std::env::var("PROFILE").ok()? != "release" {
        return None;
    }
    // A package may lie in a checkout of something else.
    git(&["ls-files", "--error-unmatch", "build.rs"])?;
    let told = ["HEAD", "logs/HEAD", "index"].iter().filter_map(|file| git(&["rev-parse", "--git-path", file]));
    for path in told.chain(SOURCES.map(String::from)).filter(|path| Path::new(path).exists()) {
        println!("cargo:rerun-if-changed={path}");
    }
    git(&["describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"])
}

fn git(args: &[&str]) -> Option<String> {
    let output = Command::new("git").args(args).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}
