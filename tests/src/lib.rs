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
