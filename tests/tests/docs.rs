//! The documents name files, folders and headings that exist, in lines that fit a screen.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Columns of a line of prose; tables, code and addresses may be wider.
const COLUMNS: usize = 120;

/// Top folders by which a path is told from other words in backticks.
const TOPS: [&str; 8] = ["core/", "docs/", "firmware/", "fuzz/", "host/", "tests/", ".cargo/", ".ci/"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// Every document, with its text.
fn documents() -> Vec<(PathBuf, String)> {
    let folders = ["", "docs", "fuzz", "host/lab/data/digits", "tests/golden"].map(|folder| root().join(folder));
    let files = folders.iter().flat_map(|folder| std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()));
    let files = files.filter(|path| path.extension().is_some_and(|end| end == "md"));
    files.map(|path| (path.clone(), std::fs::read_to_string(path).unwrap())).collect()
}

/// The lines outside code blocks, counted from 1.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut in_code = false;
    text.lines().enumerate().map(|(at, line)| (at + 1, line)).filter(move |(_, line)| {
        let is_fence = line.trim_start().starts_with("```");
        in_code ^= is_fence;
        !in_code && !is_fence && !line.starts_with("    ")
    })
}

/// What stands in backticks and looks like a path of the repository.
fn paths(line: &str) -> impl Iterator<Item = &str> {
    let is_path = |word: &&str| TOPS.iter().any(|top| word.starts_with(top)) && !word.contains(['*', '{', ' ', ':']);
    // A placeholder (`NAME.rs`) stands for many files.
    let is_one = |word: &&str| {
        !word.split(['/', '.']).any(|part| part.len() > 1 && part.chars().all(|c| c.is_ascii_uppercase()))
    };
    line.split('`').skip(1).step_by(2).filter(is_path).filter(is_one)
}

/// Targets of the links in a line.
fn links(line: &str) -> impl Iterator<Item = &str> {
    let ends = line.match_indices("](").map(|(at, open)| &line[at + open.len()..]);
    ends.filter_map(|rest| rest.split(')').next()).filter(|to| !to.contains("://"))
}

/// The names by which headings are linked to.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = prose(text).filter_map(|(_, line)| line.strip_prefix('#')).map(|line| line.trim_start_matches('#'));
    let anchor = |heading: &str| {
        let kept = heading.trim().to_lowercase().replace(' ', "-");
        kept.chars().filter(|c| c.is_alphanumeric() || "-_".contains(*c)).collect()
    };
    headings.map(anchor).collect()
}

#[test]
fn documents_name_what_exists() {
    let (mut wrong, mut count) = (Vec::new(), 0);
    for (file, text) in documents() {
        let folder = file.parent().unwrap();
        let name = file.strip_prefix(root()).unwrap().display().to_string();
        for (n, line) in prose(&text) {
            let missing = paths(line).inspect(|_| count += 1).filter(|path| !root().join(path).exists());
            wrong.extend(missing.map(|path| format!("{name}:{n}: no file {path}")));
            for link in links(line) {
                count += 1;
                let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
                let to = if path.is_empty() { file.clone() } else { folder.join(path) };
                if !to.exists() {
                    wrong.push(format!("{name}:{n}: no file {path}"));
                } else if !anchor.is_empty() && !anchors(&std::fs::read_to_string(&to).unwrap()).contains(anchor) {
                    wrong.push(format!("{name}:{n}: no heading #{anchor} in {path}"));
                }
            }
        }
    }
    assert!(count > 100, "only {count} paths and links found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn prose_fits_a_screen() {
    let mut wide = Vec::new();
    for (file, text) in documents() {
        // A command or an address that is wider than a line cannot be broken.
        let is_wide = |code: &str| code.chars().count() > COLUMNS - 10;
        let is_prose = |line: &str| {
            !line.starts_with('|') && !line.contains("://") && !line.split('`').skip(1).step_by(2).any(is_wide)
        };
        let lines = prose(&text).filter(|(_, line)| is_prose(line) && line.chars().count() > COLUMNS);
        wide.extend(lines.map(|(n, _)| format!("{}:{n}", file.strip_prefix(root()).unwrap().display())));
    }
    assert!(wide.is_empty(), "wider than {COLUMNS} columns:\n{}", wide.join("\n"));
}

#[test]
fn paths_links_and_headings_are_found() {
    let line = "see `core/src/a.rs`, `x`, `core/src/NAME.rs` and [b](docs/c.md#d-e), [f](https://g.h)";
    assert_eq!(paths(line).collect::<Vec<_>>(), ["core/src/a.rs"]);
    assert_eq!(links(line).collect::<Vec<_>>(), ["docs/c.md#d-e"]);
    assert_eq!(anchors("# A `b`: c\n```\n# no\n```\n"), BTreeSet::from(["a-b-c".to_owned()]));
}
