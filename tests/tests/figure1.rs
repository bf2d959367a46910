//! Part of the paper's Figure 1 against the published means; in the nightly volume, all of it.
//!
//! The seed is fixed, so this passes always or never. The limits are those of chance: with other seeds, 40 right means
//! would fail less than once in a thousand runs.

use clap::Parser;
use mote_host::cli::{Cli, Command};
use mote_host::commands::phase::phase;
use mote_tests::volume::pick;
use mote_tests::worst::largest;
use std::path::Path;

/// Whether deviations, in standard errors of each, can be those of right means.
fn judge(z: &[f64]) -> Result<String, String> {
    let count = z.len() as f64;
    let (beyond_3, worst) = (z.iter().filter(|z| z.abs() > 3.0).count(), largest(z.iter().copied()));
    let mean = z.iter().sum::<f64>() / count;
    let chi_square = z.iter().map(|z| z * z).sum::<f64>();
    // The published spreads are those of ten replicates, so that a square of z has the distribution F(1, 9): its mean is
    // 9/7, its standard deviation 2.3.
    let most = 9.0 / 7.0 * count + 3.3 * 2.3 * count.sqrt();
    let text = format!(
        "{count} means: {beyond_3} beyond 3 standard errors, worst {worst:.2}, mean {mean:.2}, chi-square {chi_square:.1}"
    );
    let is_right =
        beyond_3 as f64 <= 0.05 * count && worst < 6.0 && mean.abs() < 0.5 && (0.4 * count..most).contains(&chi_square);
    if is_right { Ok(text) } else { Err(text) }
}

/// The numbers of a CSV file, line by line.
fn rows(path: &Path) -> Vec<Vec<f64>> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().skip(1).map(|line| line.split(',').map(|x| x.parse().unwrap_or(f64::NAN)).collect()).collect()
}

#[test]
fn means_agree_with_the_published_ones() {
    let out = tempfile::TempDir::new().unwrap();
    let folder = out.path().join("figure1");
    let (replicates, grid): (f64, &[&str]) = pick(
        (3.0, &["--n", "4,20", "--signal", "10..100..10", "--replicates", "3"][..]),
        (3.0, &["--n", "4,10,16,20", "--signal", "10..100..10", "--replicates", "3"][..]),
        (10.0, &[][..]),
    );
    let args = ["mote", "--quiet", "phase", "--preset", "figure1", "--out", folder.to_str().unwrap()];
    let cli = Cli::try_parse_from([&args[..], grid].concat()).unwrap();
    let Command::Phase(args) = &cli.command else { panic!("not a phase diagram") };
    phase(args, true).unwrap();

    let published = rows(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/golden/figure1_reference.csv")));
    let found = rows(&folder.join("summary.csv"));
    let z = |published: &Vec<f64>| {
        let row = found.iter().find(|row| row[0] == published[0] && row[1] == published[1])?;
        assert_eq!(row[6], replicates, "every cell converges");
        // The published spread serves for both: three replicates know theirs badly.
        let error = published[3] * (1.0 / 10.0 + 1.0 / replicates).sqrt();
        Some((row[8] - published[2]) / error)
    };
    let z: Vec<f64> = published.iter().filter_map(z).collect();
    assert_eq!(z.len(), pick(20, 40, 80), "means that are published");
    println!("{}", judge(&z).unwrap());
    // The judgement itself: what is off by a common bias, or by too much or too little everywhere, is not right.
    for bias in [-2.0, -1.0, 1.0, 2.0] {
        assert!(judge(&z.iter().map(|z| z + bias).collect::<Vec<_>>()).is_err(), "a bias of {bias} standard errors");
    }
    for scale in [0.0, 0.2, 2.0] {
        assert!(judge(&z.iter().map(|z| z * scale).collect::<Vec<_>>()).is_err(), "{scale} times the deviations");
    }
    assert!(judge(&[&z[1..], &[f64::NAN]].concat()).is_err());
}
