//! `mote plot`: columns of a folder as a picture, from cells that nobody computed. Compiled with package `mote-host`.

use mote_tests::bench::{mote, read};
use mote_tests::{refused, stderr};
use std::fmt::Write;
use std::path::Path;
use std::process::Output;
use tempfile::TempDir;

const MOTE: &str = env!("CARGO_BIN_EXE_mote-under-test");

/// A folder of cells over N, signal norm, models and label noise, two replicates of each: the loss is `1 / N` of the
/// first, and 0.1 more of the second. The weakest signal of N=4 has one replicate that did not converge.
fn folder(ns: &[usize], signals: &[f64], models: &[(u64, usize)], flips: &[f64]) -> TempDir {
    let folder = TempDir::new().unwrap();
    let flip = if flips.is_empty() { "" } else { "flip," };
    let mut text = format!(
        "n,signal_norm,snr,n_snr2,replicate,dim,head,seed,space,steps,train_loss,test_loss,test_error,converged,\
         seconds,{flip}config\n"
    );
    for &(dim, head) in models {
        for &n in ns {
            for &signal in signals {
                let (snr, nan) = (signal / 4.0, [f64::NAN]);
                for flip in if flips.is_empty() { &nan[..] } else { flips } {
                    for replicate in 0..2 {
                        let place = format!("{n},{signal},{snr},{},{replicate},{dim},{head}", n as f64 * snr * snr);
                        let loss = 1.0 / n as f64 + 0.1 * f64::from(replicate);
                        let is_blank = n == 4 && signal == signals[0] && replicate == 1;
                        let figures = if is_blank { ",,,false".into() } else { format!("0.01,{loss},0.125,true") };
                        let flip = if flip.is_nan() { String::new() } else { format!("{flip},") };
                        writeln!(text, "{place},1,free,10,{figures},0.5,{flip}cdigest").unwrap();
                    }
                }
            }
        }
    }
    std::fs::write(folder.path().join("cells.csv"), text).unwrap();
    folder
}

fn plot(folder: &Path, more: &[&str]) -> Output {
    mote(MOTE, &[&["plot", folder.to_str().unwrap()], more].concat())
}

/// The picture, and what is said of it.
fn drawn(folder: &Path, more: &[&str]) -> (String, String) {
    let output = plot(folder, more);
    assert!(output.status.success(), "{}", stderr(&output));
    (read(&folder.join("plot.svg")), String::from_utf8(output.stdout).unwrap())
}

/// `N` in italics, then the rest.
fn with_n(rest: &str) -> String {
    format!("<tspan font-style=\"italic\">N</tspan>{rest}<")
}

#[test]
fn curves_are_means_of_replicates_with_axes_legend_and_bands() {
    let folder = folder(&[4, 8], &[1.0, 2.0, 3.0], &[(64, 8)], &[]);
    let (svg, says) = drawn(folder.path(), &[]);
    for part in [with_n(" SNR\u{b2}"), with_n(" = 4"), with_n(" = 8"), ">test loss, mean \u{b1} 2 s.e.<".into()] {
        assert!(svg.contains(&part), "{part}");
    }
    assert_eq!(svg.matches("<circle").count(), 6, "a dot for every mean");
    assert_eq!(svg.matches("fill-opacity").count(), 2, "a band for every line");
    assert!(
        says.contains("test_loss over n_snr2: 6 points, means over 1 to 2 replicates, bands of 2 standard"),
        "{says}"
    );
    // Heights: N=8 lies at 0.175, N=4 at 0.3, but at its weakest signal, where one replicate is left, at 0.25.
    let mut heights: Vec<f64> = svg
        .match_indices("cy=\"")
        .map(|(at, head)| svg[at + head.len()..].split('"').next().unwrap().parse().unwrap())
        .collect();
    heights.sort_by(f64::total_cmp);
    let share = (heights[2] - heights[0]) / (heights[5] - heights[0]);
    assert!((share - 0.05 / 0.125).abs() < 0.01 && (heights[0] - heights[1]).abs() < 0.1, "{heights:?}");
}

#[test]
fn any_column_is_an_axis() {
    let folder = folder(&[4, 8], &[1.0, 2.0, 3.0], &[(64, 8)], &[]);
    let (svg, _) = drawn(folder.path(), &["--x", "n", "--y", "steps", "--by", "signal_norm", "--log", "xy"]);
    assert!(svg.contains(">steps, mean \u{b1} 2 s.e.<") && svg.contains(">signal norm = 3<"));
    // A result along the axis: dots at the means of both, and no line.
    let (svg, _) = drawn(folder.path(), &["--x", "seconds", "--y", "test_loss", "--by", "n"]);
    assert!(svg.contains(">time of a cell (s)<"));
    assert_eq!(svg.matches("<circle").count(), 6 + 2, "a dot for each of six places, and two in the legend");
    // A column of the summary alone.
    let summary = "n,signal_norm,snr,n_snr2,dim,head,mean_steps\n4,1,1,4,64,8,10\n4,2,2,16,64,8,12\n";
    std::fs::write(folder.path().join("summary.csv"), summary).unwrap();
    let (svg, says) = drawn(folder.path(), &["--y", "mean_steps"]);
    assert!(svg.contains(">mean steps<") && says.contains("2 points"), "{says}");
    let summary = "n,signal_norm,snr,n_snr2,dim,head,mean_steps\n4,1,1,4,64,8,10\n4,2,2,16,64,8,0\n";
    std::fs::write(folder.path().join("summary.csv"), summary).unwrap();
    let (_, says) = drawn(folder.path(), &["--y", "mean_steps", "--log", "y"]);
    assert!(says.contains("1 of them left out, 0 or less on a logarithmic axis"), "{says}");
}

#[test]
fn a_plane_is_a_heat_map_with_its_boundary() {
    let folder = folder(&[4, 8, 12], &[1.0, 2.0, 3.0], &[(64, 8)], &[]);
    let boundary = r#"{"models": [{"dim": 64, "head": 8, "constant": {"value": 2.0}, "best_constant": null}]}"#;
    std::fs::write(folder.path().join("boundary.json"), boundary).unwrap();
    let (svg, says) = drawn(folder.path(), &[]);
    for part in [">signal norm<".into(), ">test loss, mean<".into(), with_n(" SNR\u{b2} = 2.00")] {
        assert!(svg.contains(&part), "{part}");
    }
    assert!(svg.contains("rotate(-90)") && svg.contains("stroke=\"#d55e00\""), "N along the axis, and the curve");
    assert!(svg.matches("stroke=\"#ffffff\"").count() > 3, "a place where one replicate did not converge is hatched");
    assert!(says.contains("test_loss over signal_norm and n: 9 places"), "{says}");
    let (svg, _) = drawn(folder.path(), &["--kind", "heatmap", "--x", "n_snr2", "--color", "converged"]);
    assert!(svg.contains(">share that converged, mean<"));
}

#[test]
fn axes_that_are_not_drawn_get_panels() {
    let folder = folder(&[4, 8, 12], &[1.0, 2.0, 3.0], &[(64, 8), (1000, 32)], &[0.0, 0.1]);
    let (svg, _) = drawn(folder.path(), &["--y", "test_loss"]);
    for part in ["D</tspan> = 64, ", "D</tspan> = 1000, ", "= 0<", "= 0.1<"] {
        assert!(svg.contains(part), "{part}");
    }
    assert_eq!(svg.matches("<circle").count(), 4 * 9);
    let (svg, _) = drawn(folder.path(), &["--by", "dim"]);
    assert_eq!(svg.matches("<circle").count(), 4 * 9, "a panel for each N and flip, a line for each model");
    assert!(svg.contains(">D</tspan> = 1000<") && !svg.contains(">H</tspan>"), "where D is known, H is");
    assert_eq!(drawn(folder.path(), &[]).0.matches(">test loss, mean<").count(), 4);
}

#[test]
fn every_format_is_written() {
    let folder = folder(&[4, 8, 12], &[1.0, 2.0, 3.0], &[(64, 8)], &[]);
    let write = |name: &str| {
        let out = folder.path().join(name);
        assert!(plot(folder.path(), &["--out", out.to_str().unwrap()]).status.success());
        std::fs::read(out).unwrap()
    };
    assert!(write("a.svg").starts_with(b"<svg "));
    let png = write("a.png");
    let reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
    assert_eq!(reader.info().pixel_dims.unwrap().xppu, 11_811, "300 dots to an inch, in metres");
}

#[test]
fn dynamics_are_drawn_from_their_table() {
    let folder = TempDir::new().unwrap();
    let mut text = String::from("step,quantity,mean,sd,runs\n");
    for step in 1..4 {
        for quantity in mote_lab::dynamics::QUANTITIES {
            writeln!(text, "{step},{quantity},0.5,0.1,20").unwrap();
        }
    }
    std::fs::write(folder.path().join("dynamics.csv"), text).unwrap();
    let (svg, says) = drawn(folder.path(), &[]);
    assert_eq!(svg.matches("fill-opacity").count(), 11, "a band for every quantity");
    assert!(says.contains("means over 20 runs, bands of 2 standard deviations"), "{says}");
    let (svg, _) = drawn(folder.path(), &["--y", "attention_signal"]);
    assert_eq!(svg.matches("fill-opacity").count(), 1);
    let refuses = |more: &[&str], parts: &[&str]| refused(&plot(folder.path(), more), parts);
    refuses(&["--y", "atention_signal"], &["--y", "did you mean attention_signal?"]);
    refuses(&["--x", "n"], &["--x", "expected one of step"]);
    refuses(&["--by", "quantity"], &["--by", "a line for each place"]);
    refuses(&["--color", "mean"], &["--color", "a line for each place"]);
    refuses(&["--kind", "heatmap"], &["--kind", "curves alone"]);
}

/// Of several places, each has panels of its own, and of one quantity a line; what a place does not have is no line.
#[test]
fn dynamics_of_several_places_are_told_apart() {
    let folder = TempDir::new().unwrap();
    let mut text = String::from("n,step,quantity,mean,sd,runs\n");
    for n in [4, 8, 16, 32] {
        for step in 1..4 {
            writeln!(text, "{n},{step},train_loss,0.5,0.1,20\n{n},{step},qk_xi3_noise,,,0").unwrap();
        }
        let (svg, _) = {
            std::fs::write(folder.path().join("dynamics.csv"), &text).unwrap();
            drawn(folder.path(), &["--y", "train_loss"])
        };
        assert_eq!(svg.matches("fill-opacity").count(), [4, 8, 16, 32].iter().filter(|known| **known <= n).count());
    }
    refused(&plot(folder.path(), &[]), &["--y: expected at most 12 panels, found 16; one quantity is a line"]);
    let (svg, _) = drawn(folder.path(), &["--y", "train_loss"]);
    assert!(svg.contains(&with_n("=4")) && svg.contains(&with_n("=32")));
}

#[test]
fn what_cannot_be_drawn_is_refused_in_one_line() {
    let many: Vec<f64> = (0..20).map(f64::from).collect();
    let full = folder(&[4, 8, 12], &many, &[(64, 8)], &[]);
    let refuses = |more: &[&str], parts: &[&str]| {
        refused(&plot(full.path(), more), parts);
        assert!(!full.path().join("plot.svg").exists());
    };
    refuses(&["--y", "test_los"], &["--y", "expected one of n, signal_norm", "did you mean test_loss?"]);
    refuses(&["--x", "snr2"], &["--x", "did you mean n_snr2?"]);
    refuses(&["--y", "space"], &["--y", "expected a column of numbers", "found \"free\" in line 2 of"]);
    refuses(&["--out", "a.gif"], &["--out", "expected a name that ends in .svg or .png, found a.gif"]);
    refuses(&["--kind", "heatmap", "--by", "n"], &["--by", "a heat map has no lines"]);
    refuses(&["--kind", "curves", "--color", "steps"], &["--color", "--y takes it"]);
    refuses(&["--kind", "heatmap", "--x", "steps"], &["--x", "expected an axis of the grid", "found steps, a result"]);
    refuses(&["--log", "x"], &["--log", "--x has 0 or less"]);
    refuses(&["--x", "n", "--by", "space"], &["--x", "expected at most 12 panels, found 20", "signal_norm"]);
    let nowhere = full.path().join("nowhere");
    refused(&plot(&nowhere, &[]), &["nowhere", "found neither cells.csv nor dynamics.csv"]);
    let broken = folder(&[4], &[1.0], &[(64, 8)], &[]);
    let cells = broken.path().join("cells.csv");
    std::fs::write(&cells, read(&cells) + "1,2\n").unwrap();
    refused(&plot(broken.path(), &[]), &["cells.csv", "line 4: expected 16 columns, found 2"]);
    std::fs::write(&cells, "n,signal_norm\n").unwrap();
    refused(&plot(broken.path(), &[]), &["cells.csv", "expected rows, found none"]);
}
