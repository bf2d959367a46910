//! Runs in parts under the engines of clusters, which the scripts in `tests/cluster/` install and start: nightly.
#![cfg(target_os = "linux")]

use std::path::Path;
use std::process::Command;

/// What a script said; it must have succeeded.
fn run(interpreter: &str, script: &str) {
    let folder = tempfile::TempDir::new().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("cluster").join(script);
    let mut command = Command::new(interpreter);
    let (mote, tools) = (env!("CARGO_BIN_EXE_mote-under-test"), env!("CARGO_TARGET_TMPDIR"));
    let command = command.arg(&script).arg(mote).arg(folder.path()).arg(tools);
    let output = command.output().unwrap_or_else(|e| panic!("{interpreter}: {e}"));
    let [said, errors] = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    println!("{said}{errors}");
    if !output.status.success() {
        // For whoever looks for the reason.
        let kept = folder.keep();
        panic!("{} failed; its folder is {}: {errors}", script.display(), kept.display());
    }
}

#[test]
#[ignore = "installs HyperQueue from PyPI: cargo verify nightly hyperqueue"]
fn hyperqueue_loses_a_task_and_itself() {
    run("python3", "hq.py");
}

#[test]
#[ignore = "installs Slurm, as root: cargo verify nightly slurm"]
fn slurm_loses_a_node() {
    run("sh", "slurm.sh");
}
