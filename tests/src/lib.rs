//! What several tests share: an independent oracle, the table of tolerances, files to feed the program.

pub mod archive;
pub mod bench;
pub mod nor;
pub mod oracle;
#[cfg(unix)]
pub mod pty;
pub mod said;
pub mod tolerance;

use std::process::Output;

/// What a program said on standard error.
pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Makes sure that a program refused its input: exit status 2, nothing on standard output, and one line on standard
/// error that holds all of `expected`.
///
/// # Panics
///
/// If it did not.
pub fn refused(output: &Output, expected: &[&str]) {
    let text = stderr(output);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert_eq!(text.trim_end().lines().count(), 1, "one line: {text}");
    for part in expected {
        assert!(text.contains(part), "\"{part}\" is missing: {text}");
    }
    assert!(output.stdout.is_empty(), "nothing on standard output");
}

/// Until the process catches SIGINT (bit 1 of its signal mask) and had time for a step.
///
/// # Panics
///
/// If it never does.
#[cfg(target_os = "linux")]
pub fn wait_until_ctrl_c_is_taken_over(process: u32) {
    for _ in 0..1000 {
        let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
        let mask = caught.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
        if mask & 2 != 0 {
            std::thread::sleep(std::time::Duration::from_millis(200));
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("Ctrl-C is not taken over");
}
