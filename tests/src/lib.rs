//! What several tests share: an independent oracle, the table of tolerances, files to feed the program.

pub mod archive;
pub mod bench;
pub mod nor;
pub mod oracle;
#[cfg(unix)]
pub mod pty;
pub mod said;
pub mod tolerance;
pub mod volume;
pub mod worst;

use std::path::Path;
use std::process::Output;

/// What a program said on standard error.
pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The text of a file.
///
/// # Panics
///
/// If it cannot be read.
pub fn read(path: impl AsRef<Path>) -> String {
    let path = path.as_ref();
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The columns of a CSV file that have these names, row by row.
///
/// # Panics
///
/// If it has not all of them.
pub fn columns(file: &Path, names: &[&str]) -> Vec<Vec<String>> {
    let csv = read(file);
    let mut lines = csv.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    let at: Vec<usize> = names.iter().map(|name| header.iter().position(|known| known == name).unwrap()).collect();
    let row = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        at.iter().map(|at| cells[*at].to_owned()).collect()
    };
    lines.map(row).collect()
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

/// Until the process catches SIGINT (bit 1 of its signal mask) and has then computed for a tenth of a second of its own
/// time, however busy this machine is: enough for a step.
///
/// # Panics
///
/// If it never does.
#[cfg(target_os = "linux")]
pub fn wait_until_it_computes(process: u32) {
    wait_until_ctrl_c_is_taken_over(process);
    let before = computed(process);
    for _ in 0..6000 {
        if computed(process) >= before + 10 {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("nothing is computed");
}

/// Until the process catches SIGINT (bit 1 of its signal mask).
///
/// # Panics
///
/// If it never does.
#[cfg(target_os = "linux")]
pub fn wait_until_ctrl_c_is_taken_over(process: u32) {
    for _ in 0..6000 {
        let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
        let mask = caught.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
        if mask & 2 != 0 {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("Ctrl-C is not taken over");
}

/// The hundredths of a second that a process has computed: fields 14 and 15 of its `stat`, behind its name.
#[cfg(target_os = "linux")]
fn computed(process: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let fields = text.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum()
}
