//! The parts of a board have one owner: nothing but `board::take` makes them, apart from the last words before an end.

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

/// A public struct without a private field could be made by any program.
#[test]
fn nobody_makes_parts_of_a_board() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../firmware/src");
    let (mut parts, mut made) = (0, Vec::new());
    for (path, text) in sources(&source) {
        let name = path.strip_prefix(&source).unwrap().to_str().unwrap().to_owned();
        for line in text.lines().map(str::trim) {
            if let Some(part) = line.strip_prefix("pub struct ") {
                assert!(
                    !part.ends_with(';') || part.ends_with("(());") || part.ends_with("(pub(super) ());"),
                    "{name}: {line}"
                );
                parts += usize::from(["Sender(", "Led(", "Flash("].iter().any(|part_name| part.starts_with(part_name)));
            } else if ["Sender::new()", "Led(())", "Flash(())"].iter().any(|new| line.contains(new)) {
                made.push(format!("{name}: {line}"));
            }
        }
    }
    assert!(parts > 2, "there are parts of all three kinds");
    let sender = std::fs::read_to_string(source.join("board/sender.rs")).unwrap();
    assert!(sender.contains("pub(super) ") && !sender.contains("pub fn new"), "only the board makes a sender");
    made.sort();
    let expected = [
        "board/blink.rs: let mut led = Led(()); // whoever has the other one has ended",
        "board/mod.rs: flash: Flash(()),",
        "board/mod.rs: led: Led(()),",
        "board/mod.rs: serial: Serial::new(Sender::new(), inbox::RxQueue::open()),",
        "board/sender.rs: Sender::new()",
    ];
    assert_eq!(made, expected);
}
