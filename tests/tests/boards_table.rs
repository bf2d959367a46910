//! `firmware/boards/boards.toml` against what is not made from it at build time: the firmware's features and files,
//! `docs/boards.md`, the command line.

use clap::CommandFactory;
use mote_boards::{Board, Memory, TABLE, TEXT, parse};
use mote_host::board::build::workspace;
use mote_host::board::{machine, page};
use mote_host::cli::Cli;
use mote_runtime::runs::presets::Preset;
use std::collections::BTreeSet;
use std::path::Path;
use toml::Table;

/// The page of the boards, seen from the firmware.
const PAGE: &str = "../docs/boards.md";

/// A file of the firmware.
fn read(path: impl AsRef<Path>) -> String {
    let path = workspace().unwrap().join("firmware").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A TOML file of the firmware.
fn table(path: &str) -> Table {
    toml::from_str(&read(path)).unwrap_or_else(|error| panic!("firmware/{path}: {error}"))
}

/// What the table's comments promise, and what its types do not say.
#[test]
fn every_board_is_whole() {
    assert!(TABLE.baud > 0 && TABLE.board[0].emulator.is_some());
    let names: BTreeSet<_> = TABLE.board.iter().map(|board| board.name).collect();
    assert_eq!(names.len(), TABLE.board.len(), "a name stands twice");
    for Board { name, preset, memory, limits, emulator, probe, page, .. } in &TABLE.board {
        assert_ne!(emulator.is_some(), probe.is_some(), "{name}: an emulated board, or a real one");
        assert_eq!(page.run_on_hardware.is_some(), probe.is_some(), "{name}: said of real boards alone");
        assert!(page.wiring.is_some() || probe.is_none(), "{name}: a real board has pins");
        let shape = Preset::by_name(preset).unwrap_or_else(|| panic!("{name}: no preset {preset}")).shape;
        let Memory { flash, ram, stack_kib, model_kib, checkpoints } = memory;
        assert!(flash.start % 1024 == 0 && ram.start % 1024 == 0, "{name}");
        assert!(shape.bytes().unwrap() <= (*model_kib as usize) << 10, "{name}: {preset} does not fit");
        assert!(stack_kib + model_kib < ram.kib, "{name}: no RAM is left for other variables");
        let kept = checkpoints.as_ref().map_or(0, |flash| flash.kib);
        assert!(checkpoints.as_ref().is_none_or(|flash| kept % flash.page_kib == 0), "{name}: half a page");
        assert!(limits.flash_kib + kept <= flash.kib && limits.ram_kib + stack_kib <= ram.kib, "{name}: limits");
        assert!(limits.stack_kib <= *stack_kib, "{name}: the limit is beyond the stack");
    }
}

/// A key that nobody knows, or a key that is missing: the error says where and which.
#[test]
fn a_table_with_unknown_or_missing_keys_is_refused() {
    let error = |from: &str, to: &str| parse(TEXT.replacen(from, to, 1).leak()).unwrap_err();
    for (from, to, expected) in [
        ("core = ", "kore = ", "unknown field `kore`"),
        ("page.clock = ", "page.clocks = ", "unknown field `clocks`"),
        ("baud = ", "bauds = ", "unknown field `bauds`"),
        ("preset = ", "# preset = ", "missing field `preset`"),
        ("kib = 4096", "kib = \"4 MiB\"", "invalid type: string \"4 MiB\""),
    ] {
        let error = error(from, to);
        assert!(error.contains(expected) && error.contains("at line "), "{error}");
    }
}

/// With `MOTE_WRITE=1`, writes the tables instead.
#[test]
fn the_tables_of_the_page_are_those_of_boards_toml() {
    let page = read(PAGE);
    let expected = page::with_tables(&page).unwrap();
    if std::env::var_os("MOTE_WRITE").is_some_and(|value| value == "1") {
        return std::fs::write(workspace().unwrap().join("firmware").join(PAGE), expected).unwrap();
    }
    for (line, expected) in page.lines().zip(expected.lines()) {
        assert_eq!(line, expected, "{PAGE}: MOTE_WRITE=1 cargo test -p mote-tests --test boards_table writes it");
    }
    assert_eq!(page, expected);
}

/// The measured figures are of the same boards.
#[test]
fn the_page_has_every_board_in_its_other_tables() {
    let page = read(PAGE);
    let (_, memory) = page.split_once("\n## Memory\n").unwrap();
    for machine in machine::every() {
        assert!(memory.contains(&format!("\n| `{}` | `{}` |", machine.name, machine.preset)), "{}", machine.name);
    }
}

/// Features that are no boards.
const OTHER_FEATURES: [&str; 10] = [
    "session",
    "fast-math",
    "test-panic",
    "test-fault",
    "test-overflow",
    "test-hang",
    "test-flood",
    "test-echo",
    "panic-never",
    "defmt",
];

#[test]
fn every_board_is_a_feature_of_the_firmware_and_every_other_feature_is_known() {
    let manifest = table("Cargo.toml");
    let features: BTreeSet<_> = manifest["features"].as_table().unwrap().keys().map(String::as_str).collect();
    let boards = machine::every().map(|machine| machine.name);
    let expected: BTreeSet<_> = boards.chain(OTHER_FEATURES).collect();
    assert_eq!(features, expected, "[features] of firmware/Cargo.toml, and firmware/boards/boards.toml");
}

/// What a file of `src/board` chooses other files by, as `(condition, path)`.
fn chosen(file: &str) -> Vec<(String, String)> {
    let lines = read(Path::new("src/board").join(file));
    let choice = |line: &str| {
        let (condition, path) = line.trim().strip_prefix("#[cfg_attr(")?.split_once(", path = \"")?;
        Some((condition.to_owned(), path.strip_suffix("\")]")?.to_owned()))
    };
    lines.lines().filter_map(choice).collect()
}

/// The file that a condition chooses.
fn path_for<'c>(choices: &'c [(String, String)], file: &str, condition: &str) -> &'c str {
    let choice = choices.iter().find(|(found, _)| found == condition);
    &choice.unwrap_or_else(|| panic!("firmware/src/board/{file}: expected a path for {condition}, found none")).1
}

/// Each family has a file; where the family's file chooses further, it has one for each board of the family.
#[test]
fn every_board_has_its_file() {
    let families = chosen("mod.rs");
    for board in &TABLE.board {
        let Board { name, family, .. } = board;
        let file = path_for(&families, "mod.rs", &format!("family = \"{family}\""));
        let variants = chosen(file);
        if !variants.is_empty() {
            read(Path::new("src/board").join(path_for(&variants, file, &format!("feature = \"{name}\""))));
        }
    }
}

/// The command line takes the first emulated board unless told otherwise, and its help names them all.
#[test]
fn the_command_line_knows_the_emulated_boards() {
    let cli = Cli::command();
    let device = cli.find_subcommand("device").unwrap();
    let option = device.get_arguments().find(|argument| argument.get_id() == "machine").unwrap();
    assert!(option.get_default_values().iter().eq(machine::emulated().map(|machine| machine.name).take(1)));
    let help = device.clone().render_long_help().to_string();
    for machine in machine::emulated() {
        assert!(help.contains(machine.name), "mote device --help: {}", machine.name);
    }
}

/// The page names the HALs and their versions as the manifest has them.
#[test]
fn the_page_has_the_versions_of_the_hals() {
    let manifest = table("Cargo.toml");
    for board in &TABLE.board {
        if let Some(hal) = board.page.hal {
            let (name, version) = hal.split_once(' ').unwrap();
            assert_eq!(manifest["dependencies"][name]["version"].as_str(), Some(version), "{name}");
        }
    }
}
