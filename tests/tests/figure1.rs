//! Part of the paper's Figure 1 by the release program, against the published means.
//!
//! The seed is fixed, so this passes always or never; with other seeds it would fail by bad luck less than once in
//! a thousand runs (40 means, at most 2 beyond 3 standard errors, none beyond 6).

use mote_host::board::build;
use std::process::Command;

#[test]
fn means_agree_with_the_published_ones() {
    let root = build::workspace().unwrap();
    let out = tempfile::TempDir::new().unwrap();
    let folder = out.path().join("figure1");
    let output = Command::new("cargo")
        .args(["run", "--quiet", "--release", "--package", "mote-host", "--bin", "mote", "--", "phase", "--quiet"])
        .args(["--preset", "figure1", "--n", "4,10,16,20", "--signal", "10..100..10", "--replicates", "3", "--out"])
        .arg(&folder)
        .current_dir(&root)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    println!("{}", String::from_utf8_lossy(&output.stdout).trim_end());

    let rows = |text: String| -> Vec<Vec<f64>> {
        text.lines().skip(1).map(|line| line.split(',').map(|x| x.parse().unwrap_or(f64::NAN)).collect()).collect()
    };
    let reference = concat!(env!("CARGO_MANIFEST_DIR"), "/golden/figure1_reference.csv");
    let published = rows(std::fs::read_to_string(reference).unwrap());
    let (mut beyond_3, mut worst) = (0, 0.0f64);
    let found = rows(std::fs::read_to_string(folder.join("summary.csv")).unwrap());
    assert_eq!(found.len(), 40);
    for row in &found {
        let (n, signal, count, mean) = (row[0], row[1], row[6], row[8]);
        assert_eq!(count, 3.0, "every cell converges");
        let published = published.iter().find(|p| p[0] == n && p[1] == signal).unwrap();
        // The published spread serves for both: three replicates know theirs badly.
        let error = published[3] * (1.0 / 10.0 + 1.0 / count).sqrt();
        let z = (mean - published[2]) / error;
        worst = worst.max(z.abs());
        beyond_3 += usize::from(z.abs() > 3.0);
    }
    println!("40 means: {beyond_3} beyond 3 combined standard errors, worst {worst:.2}");
    assert!(beyond_3 <= 2 && worst < 6.0);
}
