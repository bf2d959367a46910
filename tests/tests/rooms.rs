//! The house: rooms of the host import only rooms below them, and no two files import each other, directly or in a ring.
//! What crosses crates, the crates' own walls hold: cargo refuses a ring of packages.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The rooms of `host/src`, from the top down. `main` and `lib` stand above all.
const ROOMS: [&str; 13] = [
    "cli",
    "commands",
    "exit",
    "learn",
    "client",
    "monitor",
    "emulator",
    "reference",
    "board",
    "lab",
    "formats",
    "draw",
    "base",
];

/// Every crate whose files are rooms.
const CRATES: [&str; 7] =
    ["core/src", "core/protocol/src", "core/session/src", "host/src", "host/lab/src", "firmware/src", "tests/src"];

type Imports = BTreeMap<String, BTreeSet<String>>;

/// The modules of a crate by their path, each with the modules that its code names. A `mod.rs` or `lib.rs` that only
/// lists others is the face of its room, and has no code to name anything in.
fn imports(root: &Path) -> Imports {
    let mut code = BTreeMap::new();
    for entry in walk(root) {
        let text = std::fs::read_to_string(&entry).unwrap();
        let path = entry.strip_prefix(root).unwrap().with_extension("");
        let path: Vec<&str> = path.iter().map(|part| part.to_str().unwrap()).filter(|part| *part != "mod").collect();
        code.insert(path.join("::"), text.split("#[cfg(test)]").next().unwrap_or_default().to_owned());
    }
    let mut modules: Vec<String> = code.keys().cloned().collect();
    modules.extend(code.iter().flat_map(|(own, code)| declared(own, code)));
    let named = |own: &str, text: &str| {
        let parent = own.rsplit_once("::").map_or("", |(parent, _)| parent);
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
        let absolute =
            code.replace("super::", &if parent.is_empty() { "crate::".into() } else { format!("crate::{parent}::") });
        let paths = absolute.match_indices("crate::").map(|(at, head)| absolute[at + head.len()..].to_owned());
        let paths = paths.flat_map(|path| spelt_out(&path)).filter_map(|path| longest(&modules, &path));
        // A file that has code of its own beside its children may name them without `crate::`.
        let is_child = |it: &&String| it.rsplit_once("::").is_some_and(|(parent, _)| parent == own);
        let child = |it: &&String| code.contains(&format!("{}::", it.rsplit("::").next().unwrap_or_default()));
        let children = modules.iter().filter(|_| !is_face(&code)).filter(is_child).filter(child).cloned();
        paths.chain(children).filter(|it| it != own).collect()
    };
    code.iter().map(|(own, text)| (own.clone(), named(own, text))).collect()
}

/// Whether code only lists modules and hands names on.
fn is_face(code: &str) -> bool {
    let mut items = code.split_inclusive([';', ']']).map(str::trim).filter(|item| !item.is_empty());
    items.all(|item| {
        ["mod ", "pub mod ", "use ", "pub use ", "pub(crate) use ", "#"].iter().any(|it| item.starts_with(it))
    })
}

/// The Rust files below a folder.
fn walk(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] });
    files.filter(|path| path.extension().is_some_and(|end| end == "rs")).collect()
}

/// `a::{b, c::d}` as `a::b` and `a::c::d`; what follows the path is cut off.
fn spelt_out(text: &str) -> Vec<String> {
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')).unwrap_or(text.len());
    let head = &text[..end];
    if !text[end..].starts_with('{') || !head.ends_with("::") {
        return vec![head.trim_end_matches(':').to_owned()];
    }
    let (mut depth, mut parts, mut part) = (0, Vec::new(), String::new());
    for c in text[end..].chars() {
        depth += i32::from(c == '{') - i32::from(c == '}');
        match c {
            '{' if depth == 1 => {}
            ',' | '}' if depth == i32::from(c == ',') => parts.push(std::mem::take(&mut part)),
            _ => part.push(c),
        }
        if depth == 0 {
            break;
        }
    }
    parts.iter().flat_map(|part| spelt_out(part.trim())).map(|part| format!("{head}{part}")).collect()
}

/// The module that a path leads into.
fn longest(modules: &[String], path: &str) -> Option<String> {
    let leads = |module: &&String| path == module.as_str() || path.starts_with(&format!("{module}::"));
    modules.iter().filter(leads).max_by_key(|module| module.len()).cloned()
}

/// The modules that code declares beside its files: those with a path of their own, and those written out.
fn declared(own: &str, code: &str) -> Vec<String> {
    let names = code.match_indices("mod ").map(|(at, head)| &code[at + head.len()..]);
    let names = names.map(|rest| rest.split([';', ' ']).next().unwrap_or_default());
    names.map(|name| if own == "lib" { name.into() } else { format!("{own}::{name}") }).collect()
}

fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

#[test]
fn no_room_imports_one_above_it() {
    let floor = |module: &str| ROOMS.iter().position(|room| Some(*room) == module.split("::").next());
    let mut wrong = Vec::new();
    for (own, named) in imports(&workspace().join("host/src")) {
        let Some(mine) = floor(&own) else { continue };
        wrong.extend(named.iter().filter(|it| floor(it).is_none_or(|it| it < mine)).map(|it| format!("{own} -> {it}")));
    }
    assert!(wrong.is_empty(), "imports upwards:\n{}", wrong.join("\n"));
}

#[test]
fn no_files_import_each_other_in_a_ring() {
    for root in CRATES {
        let mut left = imports(&workspace().join(root));
        assert!(left.values().map(BTreeSet::len).sum::<usize>() > 1, "{root} names nothing of its own");
        // Whoever imports nothing that is left stands on the ground, whoever is imported by nobody under the roof. What is
        // neither, again and again, is in a ring.
        let is_free = |left: &Imports, own: &String, named: &BTreeSet<String>| {
            named.iter().all(|it| !left.contains_key(it)) || left.values().all(|named| !named.contains(own))
        };
        while let Some(free) = left.iter().find(|(own, named)| is_free(&left, own, named)).map(|(own, _)| own.clone()) {
            left.remove(&free);
        }
        assert!(left.is_empty(), "{root}: {left:#?}");
    }
}

#[test]
fn paths_are_read_as_they_are_written() {
    assert_eq!(spelt_out("a::{b, c::{d, self}, e as f}; g"), ["a::b", "a::c::d", "a::c::self", "a::e"]);
    assert_eq!(spelt_out("a::B::new()"), ["a::B::new"]);
    assert_eq!(longest(&["a".into(), "a::b".into()], "a::b::C"), Some("a::b".into()));
}
