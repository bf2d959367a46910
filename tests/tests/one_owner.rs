//! The parts of a board have one owner: nothing but `board::take` makes them, apart from the last words before an end.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// All sources in a folder.
fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(sources(&path));
        } else {
            let text = std::fs::read_to_string(&path).unwrap();
            all.push((path, text));
        }
    }
    all
}

/// The types of the fields of a struct, and of theirs: all that belongs to it.
fn types_in(name: &str, texts: &[(String, String)]) -> Vec<String> {
    let begins = format!("pub struct {name} {{\n");
    let bodies = texts.iter().filter_map(|(_, text)| text.split_once(&begins)?.1.split_once("\n}"));
    let lines = bodies.flat_map(|(body, _)| body.lines());
    let fields =
        lines.filter(|line| !line.trim_start().starts_with(['/', '#'])).filter_map(|line| line.split_once(": "));
    let types = fields.map(|(_, kind)| kind.trim_end_matches(',').to_owned());
    // A type of ours, and no number.
    let types = types.filter(|kind| texts.iter().any(|(_, text)| text.contains(&format!("pub struct {kind}"))));
    types.flat_map(|kind| [types_in(&kind, texts), vec![kind]].concat()).collect()
}

#[test]
fn nobody_makes_parts_of_a_board() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../firmware/src");
    let name = |path: PathBuf| path.strip_prefix(&source).unwrap().to_str().unwrap().to_owned();
    let texts: Vec<(String, String)> = sources(&source).into_iter().map(|(path, text)| (name(path), text)).collect();
    let mut parts = types_in("Parts", &texts);
    parts.sort();
    assert_eq!(parts, ["Counter", "Flash", "Led", "RxQueue", "Sender", "Serial"]);
    let (mut made, mut kept) = (Vec::new(), BTreeMap::new());
    for (file, text) in &texts {
        // The part whose methods these lines are.
        let mut own = None;
        for line in text.lines() {
            if let Some(head) = line.strip_prefix("impl") {
                own = parts.iter().find(|part| head.ends_with(&format!(" {part} {{")));
            }
            let line = line.trim();
            if let Some(part) = parts.iter().find(|part| line.starts_with(&format!("pub struct {part}"))) {
                let is_sealed = line.ends_with(['{']) || line.ends_with("(());") || line.ends_with("(pub(super) ());");
                assert!(is_sealed, "{file}: a program could make one: {line}");
                let body = text.split_once(line).unwrap().1.split_once("\n}").map_or("", |(body, _)| body);
                assert!(!line.ends_with('{') || !body.contains("\n    pub"), "{file}: a program could make a {part}");
                *kept.entry(part.as_str()).or_insert(0) += 1;
            } else if let (Some(part), true) = (own, line.ends_with("-> Self {")) {
                let is_boards = line.starts_with("pub(super) ") || !line.starts_with("pub");
                assert!(is_boards, "{file}: any program could make a {part}: {line}");
            } else if !line.starts_with(['/', '#']) && !line.contains("struct ") {
                let makes = |part: &String| {
                    let calls = line
                        .match_indices(part.as_str())
                        .filter(|(at, _)| !line[..*at].ends_with(char::is_alphanumeric));
                    let mut behind = calls.map(|(at, _)| &line[at + part.len()..]);
                    behind.any(|rest| {
                        rest.starts_with("(()") || rest.starts_with("::new(") || rest.starts_with("::open(")
                    })
                };
                made.extend(parts.iter().any(makes).then(|| format!("{file}: {line}")));
            }
        }
    }
    assert_eq!(kept.len(), parts.len(), "{kept:?}");
    made.sort();
    let expected = [
        "board/blink.rs: let mut led = Led(()); // whoever has the other one has ended",
        "board/mod.rs: counter: Counter::new(),",
        "board/mod.rs: flash: Flash(()),",
        "board/mod.rs: led: Led(()),",
        "board/mod.rs: serial: Serial::new(Sender::new(), rx_queue::RxQueue::open()),",
        "board/sender.rs: Sender::new()",
    ];
    assert_eq!(made, expected);
}
