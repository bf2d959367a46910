//! The house: rooms of the host import only rooms below them, and no two files import each other, directly or in a
//! ring. What crosses crates, the crates' own walls hold: cargo refuses a ring of packages.

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

/// Every crate whose files are rooms, and the program `verify`.
const CRATES: [&str; 8] = [
    "core/src",
    "core/protocol/src",
    "core/session/src",
    "host/src",
    "host/lab/src",
    "firmware/src",
    "tests/src",
    "tests/src/verify",
];

/// The code of a crate's modules by their paths, and the modules that each of them imports.
type Code = BTreeMap<String, String>;
type Imports = BTreeMap<String, BTreeSet<String>>;

/// The modules below a folder; the root is `lib`, or `main` where there is no library.
fn read(root: &Path) -> Code {
    let module = |file: std::path::PathBuf| {
        let path = file.strip_prefix(root).unwrap().with_extension("");
        let path: Vec<&str> = path.iter().map(|part| part.to_str().unwrap()).filter(|part| *part != "mod").collect();
        (path.join("::"), without_tests(&std::fs::read_to_string(&file).unwrap()))
    };
    walk(root).into_iter().map(module).collect()
}

/// Code without comments and without the items that are for tests only, as `cargo fmt` lays them out: one line, or all
/// up to a brace below the beginning.
fn without_tests(text: &str) -> String {
    let (mut code, mut lines) = (String::new(), text.lines());
    while let Some(line) = lines.next() {
        let start = line.trim_start();
        if start == "#[cfg(test)]" {
            let item = lines.by_ref().find(|line| !line.trim_start().starts_with('#')).unwrap_or_default();
            let end = format!("{}}}", &line[..line.len() - start.len()]);
            if !item.ends_with([';', '}']) {
                lines.by_ref().find(|line| *line == end);
            }
        } else if !start.starts_with("//") {
            code += &format!("{line}\n");
        }
    }
    code
}

/// What each module imports: where the names that it uses are made, and not where they are only handed on.
fn imports(code: &Code) -> Imports {
    let mut modules: Vec<String> = code.keys().cloned().collect();
    modules.extend(code.iter().flat_map(|(own, code)| declared(own, code)));
    let root = if code.contains_key("lib") { "lib" } else { "main" };
    let uses = |own: &str, code: &str| -> BTreeMap<String, String> {
        let uses = code.split(';').filter_map(|item| item.rfind("use ").map(|at| &item[at..]));
        let paths = uses.flat_map(|item| paths(own, item, &modules));
        paths.map(|path| (path.rsplit("::").next().unwrap_or_default().to_owned(), path)).collect()
    };
    let handed_on: BTreeMap<&String, _> = code.iter().map(|(own, code)| (own, uses(own, code))).collect();
    let maker = |mut path: String| {
        for _ in 0..modules.len() {
            let module = longest(&modules, &path).unwrap_or(root.into());
            let rest = path.strip_prefix(&format!("{module}::")).unwrap_or(if path == module { "" } else { &path });
            let (name, rest) = rest.split_once("::").unwrap_or((rest, ""));
            match handed_on.get(&module).and_then(|names| names.get(name)) {
                Some(from) if *from != path => path = format!("{from}::{rest}").trim_end_matches(':').into(),
                _ => return module,
            }
        }
        panic!("{path} is handed on in a ring")
    };
    let named =
        |own: &String, code: &str| paths(own, code, &modules).into_iter().map(maker).filter(|it| it != own).collect();
    code.iter().map(|(own, code)| (own.clone(), named(own, code))).collect()
}

/// The paths that the code of a module names, from the root of its crate.
fn paths(own: &str, code: &str, modules: &[String]) -> Vec<String> {
    let here: Vec<&str> = if ["lib", "main"].contains(&own) { Vec::new() } else { own.split("::").collect() };
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let mut found = Vec::new();
    for (at, _) in code.match_indices("::") {
        let (before, mut rest) = (code[..at].trim_end_matches(is_name), &code[at + 2..]);
        let mut base = here.clone();
        match &code[before.len()..at] {
            _ if before.ends_with(':') => continue,
            "crate" => base.clear(),
            "self" => {}
            "super" => drop(base.pop()),
            child => base.push(child),
        }
        while let Some(above) = rest.strip_prefix("super::") {
            base.pop();
            rest = above;
        }
        // A bare name is a child's, or not of this crate.
        if base.len() <= here.len() || modules.contains(&base.join("::")) {
            found.extend(spelt_out(rest).iter().map(|tail| [&base[..], &[tail]].concat().join("::")));
        }
    }
    found
}

/// What imports a room above its own, or the root.
fn upwards(imports: &Imports) -> Vec<String> {
    let floor = |module: &str| ROOMS.iter().position(|room| Some(*room) == module.split("::").next());
    let mut wrong = Vec::new();
    for (own, named) in imports {
        let Some(mine) = floor(own) else { continue };
        wrong.extend(named.iter().filter(|it| floor(it).is_none_or(|it| it < mine)).map(|it| format!("{own} -> {it}")));
    }
    wrong
}

/// What is in a ring. Whoever imports nothing that is left stands on the ground, whoever is imported by nobody under
/// the roof; what is neither, again and again, is in a ring.
fn ring(mut left: Imports) -> Imports {
    let is_free = |left: &Imports, own: &String, named: &BTreeSet<String>| {
        named.iter().all(|it| !left.contains_key(it)) || left.values().all(|named| !named.contains(own))
    };
    while let Some(free) = left.iter().find(|(own, named)| is_free(&left, own, named)).map(|(own, _)| own.clone()) {
        left.remove(&free);
    }
    left
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
    if !text[end..].starts_with('{') || !(head.is_empty() || head.ends_with("::")) {
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
    let parts = parts.iter().map(|part| part.trim()).filter(|part| !part.is_empty());
    parts.flat_map(spelt_out).map(|part| format!("{head}{part}")).collect()
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
    let wrong = upwards(&imports(&read(&workspace().join("host/src"))));
    assert!(wrong.is_empty(), "imports upwards:\n{}", wrong.join("\n"));
}

#[test]
fn no_files_import_each_other_in_a_ring() {
    for root in CRATES {
        let imports = imports(&read(&workspace().join(root)));
        assert!(imports.values().map(BTreeSet::len).sum::<usize>() > 1, "{root} names nothing of its own");
        let ring = ring(imports);
        assert!(ring.is_empty(), "{root}: {ring:#?}");
    }
}

/// What must be found is found: a ring through a room's list of names, behind tests; an import upwards by `super`.
#[test]
fn a_ring_and_an_import_upwards_are_found() {
    let house = |files: &[(&str, &str)]| -> Imports {
        imports(&files.iter().map(|(own, text)| ((*own).into(), without_tests(text))).collect())
    };
    let face = ("draw", "mod a;\nmod b;\npub use a::A;\npub use b::{self, B};\n");
    let tests = "#[cfg(test)]\nmod tests {\n    use crate::cli::Cli;\n}\n";
    let behind = format!("{tests}use super::B;\n");
    let found = ring(house(&[("lib", "mod draw;"), face, ("draw::a", &behind), ("draw::b", "use super::A;")]));
    assert_eq!(found.into_keys().collect::<Vec<_>>(), ["draw::a", "draw::b"]);
    let straight = house(&[("lib", "mod draw;"), face, ("draw::a", &behind), ("draw::b", tests)]);
    assert_eq!(straight["draw::a"], BTreeSet::from(["draw::b".into()]));
    assert!(ring(straight.clone()).is_empty() && upwards(&straight).is_empty());
    let parent = ("draw", "mod a;\npub struct B;\nfn f() { a::g() }\n");
    assert_eq!(ring(house(&[("lib", ""), parent, ("draw::a", "use super::B;")])).len(), 2, "a child and its parent");
    let rooms = [("lib", "pub fn run() {}"), ("cli", ""), ("base::x::y", "use super::super::super::{cli::Cli, run};")];
    assert_eq!(upwards(&house(&rooms)), ["base::x::y -> cli", "base::x::y -> lib"]);
}

#[test]
fn paths_are_read_as_they_are_written() {
    assert_eq!(spelt_out("a::{b, c::{d, self}, e as f}; g"), ["a::b", "a::c::d", "a::c::self", "a::e"]);
    assert_eq!(spelt_out("a::B::new()"), ["a::B::new"]);
    assert_eq!(spelt_out("{a, b::C,\n}"), ["a", "b::C"]);
    assert_eq!(longest(&["a".into(), "a::b".into()], "a::b::C"), Some("a::b".into()));
}
