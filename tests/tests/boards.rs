//! What the firmware promises about its boards: sizes under their limits, all memory zero at the start,
//! exactly one board, panics and faults that end. Needs the chip targets and the emulator.

use mote_host::board::machine::{self, OTHER_BYTES};
use mote_host::board::model::FirmwareModel;
use mote_host::board::{build, elf_sizes};
use mote_host::commands::sizes;
use mote_host::emulator::footprint;
use mote_host::emulator::preset_run::{RunSpec, run};
use mote_host::emulator::qemu::{Emulator, Output};
use mote_runtime::runs::budget::{SESSION_BYTES, samples_held};
use mote_runtime::runs::presets::Preset;
use std::process::Command;
use std::time::Duration;

#[test]
#[ignore = "needs the emulator; cargo verify runs it"]
fn flash_and_ram_are_under_their_limits() {
    let rows = sizes::measure_all(false, true).unwrap();
    println!("{}", sizes::table(&rows));
    for sizes::Row { machine, sizes } in rows {
        let (flash, ram) = machine.limits;
        assert!(sizes.flash <= flash, "{}: {} bytes of flash, the limit is {flash}", machine.name, sizes.flash);
        assert!(sizes.ram <= ram, "{}: {} bytes of static RAM, the limit is {ram}", machine.name, sizes.ram);
        assert_eq!(sizes.data, 0, "{}: a static is not zero, and costs flash", machine.name);
        // The measurement itself: vectors and the model cannot be missing.
        assert!(sizes.flash > 8 << 10 && sizes.ram > 3 << 10, "{}: {sizes:?}", machine.name);
    }
}

/// The stack that a run takes, painted by the board itself, is far from its end and under its limit.
#[test]
#[ignore = "needs the emulator; cargo verify runs it"]
fn the_stack_is_under_its_limit() {
    for machine in machine::emulated() {
        let preset = Preset::by_name("tiny").unwrap();
        let plan = RunSpec { machine, preset, fast_math: false, deadline: Duration::from_secs(60), install: false };
        let session = run(&plan, true, &mut Vec::new(), |_| Ok(())).unwrap();
        let stack = session.stack().expect("the board reports its stack");
        println!("{}: {} of {} bytes of stack used", machine.name, stack.used, stack.of);
        assert!(stack.used <= machine.stack_limit, "{}: the limit is {}", machine.name, machine.stack_limit);
        assert!(machine.stack_limit <= stack.of, "{}: the limit is beyond the stack", machine.name);
        // The measurement itself: a line alone takes 480 bytes.
        assert!(stack.used > 480, "{}", machine.name);
    }
}

/// What `mote fit` leaves for the firmware is enough: on every board, and for a session with all the samples it can
/// hold.
#[test]
#[ignore = "needs the emulator; cargo verify runs it"]
fn what_fit_leaves_for_the_firmware_is_enough() {
    let others = |ram: u64, room: usize| ram.checked_sub(room as u64).expect("model and samples are variables");
    for sizes::Row { machine, sizes } in sizes::measure_all(false, true).unwrap() {
        let model = Preset::by_name(machine.preset).unwrap().shape.bytes().unwrap();
        let other = others(sizes.ram, model);
        println!("{}: {other} bytes beside the model", machine.name);
        assert!(other <= OTHER_BYTES as u64, "{}: {other}", machine.name);
    }
    for name in ["microbit", "mps2-an386"] {
        let machine = machine::by_name(name).unwrap();
        let shape = Preset::by_name("tiny").unwrap().shape;
        let firmware =
            build::build_session(machine, &FirmwareModel::choose(machine, Some("tiny"), None).unwrap(), false).unwrap();
        let ram = elf_sizes::of_elf(&firmware.elf).unwrap().ram;
        let held = samples_held(&shape, machine.model_bytes) * shape.sample_bytes().unwrap();
        let other = others(ram, shape.bytes().unwrap() + held);
        println!("{name}: a session takes {other} bytes beside model and samples");
        assert!(other <= (OTHER_BYTES + SESSION_BYTES) as u64, "{name}: {other}");
    }
}

/// What `mote sizes --full` says of a board is what its parts say, and its table has it.
#[test]
#[ignore = "needs the emulator; cargo verify runs it"]
fn the_footprint_of_a_board_has_all_figures() {
    let (board, preset) = (machine::by_name("microbit").unwrap(), Preset::by_name("tiny").unwrap());
    let row = footprint::measure(board, preset, true).unwrap();
    let firmware = build::build(board, "tiny", false).unwrap();
    assert_eq!(row.sizes, elf_sizes::of_elf(&firmware.elf).unwrap());
    let stack = row.stack.clone().unwrap();
    assert!((480..=board.stack_limit).contains(&stack.used) && stack.of == 5 << 10, "{stack:?}");
    assert_eq!(row.largest_dim, Some(84));
    let flash = |firmware: build::Firmware| elf_sizes::of_elf(&firmware.elf).unwrap().flash;
    assert_eq!(row.flash_with_log, flash(build::build_with(board, "tiny", &["defmt"]).unwrap()));
    assert_eq!(
        row.flash_of_session,
        flash(build::build_session(board, &FirmwareModel::choose(board, Some("tiny"), None).unwrap(), false).unwrap())
    );
    assert!(row.sizes.flash < row.flash_with_log && row.flash_with_log < row.flash_of_session);
    let table = footprint::table(&[row]);
    assert!(table.lines().nth(2).unwrap().starts_with("| `microbit` | `tiny` | "), "{table}");
    assert!(table.trim_end().ends_with("| 5,120 | 9,216 | 84 |"), "{table}");
}

/// What the compiler says of a firmware that must not build.
fn refused(features: &str, preset: &str) -> String {
    let output = Command::new("cargo")
        .args(["build", "--quiet", "--locked", "--profile", "chip", "--package", "mote-firmware"])
        .args(["--target", "thumbv6m-none-eabi", "--target-dir", "target/chip", "--features", features])
        .env("MOTE_PRESET", preset)
        .env_remove("RUSTFLAGS")
        .current_dir(build::workspace().unwrap())
        .output()
        .unwrap();
    assert!(!output.status.success(), "features \"{features}\", preset {preset}: it built");
    String::from_utf8(output.stderr).unwrap()
}

/// Every line of a board until it ends, or the error that stopped it.
fn listen(board: &mut Emulator) -> Result<Vec<String>, String> {
    let mut lines = Vec::new();
    loop {
        match board.listen() {
            Ok(Output::Line(line)) => lines.push(line),
            Ok(Output::Nothing) => {}
            Ok(Output::End) => return Ok(lines),
            Err(error) => return Err(error.to_string()),
        }
    }
}

#[test]
#[ignore = "needs the emulator; cargo verify runs it"]
fn no_board_and_two_boards_do_not_compile() {
    let none = refused("", "tiny");
    assert!(none.contains("choose a board: build with --features"), "{none}");
    let two = refused("microbit,mps2-an386", "tiny");
    assert!(two.contains("choose one board: the features of two boards are on"), "{two}");
}

#[test]
#[ignore = "needs the emulator; cargo verify runs it"]
fn a_model_that_does_not_fit_and_an_unknown_preset_do_not_compile() {
    let large = refused("microbit", "demo");
    assert!(large.contains("the model does not fit this board"), "{large}");
    let unknown = refused("microbit", "nonsense");
    assert!(unknown.contains("MOTE_PRESET is not the name of a preset"), "{unknown}");
}

/// A panic, a fault and a stack overflow say so over serial and end with status 1, well before the deadline.
#[test]
#[ignore = "needs the emulator; cargo verify runs it"]
fn panics_faults_and_overflows_say_so_and_end() {
    for machine in machine::emulated() {
        for (feature, expected, end) in [
            ("test-panic", "panic at firmware/src/main.rs:", ": as asked for"),
            ("test-fault", "hard fault at 0x", ""),
            ("test-overflow", "stack overflow: more than ", " bytes, variables intact"),
        ] {
            let firmware = build::build_with(machine, "tiny", &[feature]).unwrap();
            let mut board = Emulator::start(machine, &firmware.elf, Duration::from_secs(20)).unwrap();
            let lines = listen(&mut board).unwrap();
            let last = lines.last().cloned().unwrap_or_default();
            assert!(last.starts_with(expected) && last.ends_with(end), "{} {feature}: {last}", machine.name);
            assert_eq!(board.wait().unwrap(), 1, "{} {feature}", machine.name);
        }
    }
}

/// The firmware is built, and probe-rs gets it: here a stand-in that writes down what it is asked, and fails at will.
#[test]
#[ignore = "needs the emulator; cargo verify runs it"]
fn flash_builds_and_calls_probe_rs_and_keeps_its_exit_status() {
    let folder = tempfile::tempdir().unwrap();
    let (log, stand_in) = (folder.path().join("log"), folder.path().join("probe-rs"));
    let script = "#!/bin/sh\necho \"$1 $2 $3 $(test -f \"$4\" && head -c 4 \"$4\" | tr -d '\\177')\" >> \"$LOG\"\n[ $1 = reset ] && exit $STATUS\nexit 0\n";
    std::fs::write(&stand_in, script).unwrap();
    std::fs::set_permissions(&stand_in, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
    for status in [0, 7] {
        let output = Command::new("cargo")
            .args(["run", "--quiet", "--package", "mote-host", "--bin", "mote", "--"])
            .args(["flash", "nrf52840-dk", "--preset", "tiny", "--quiet", "--no-install"])
            .envs([("PATH", path.as_str()), ("LOG", log.to_str().unwrap()), ("STATUS", &status.to_string())])
            .env_remove(build::FIRMWARE)
            .current_dir(build::workspace().unwrap())
            .output()
            .unwrap();
        let complaint = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(status), "{complaint}");
        let expected = "download --chip nRF52840_xxAA ELF\nreset --chip nRF52840_xxAA \n";
        assert_eq!(std::fs::read_to_string(&log).unwrap(), expected, "{complaint}");
        assert_eq!(complaint.contains("probe-rs reset --chip nRF52840_xxAA ended with status 7"), status == 7);
        std::fs::remove_file(&log).unwrap();
    }
}

/// A board that never ends is stopped at the deadline, silent or talking, and the emulator is gone.
#[test]
#[ignore = "needs the emulator; cargo verify runs it"]
fn a_board_that_hangs_or_floods_is_stopped() {
    for feature in ["test-hang", "test-flood"] {
        let machine = machine::by_name("mps2-an386").unwrap();
        let firmware = build::build_with(machine, "tiny", &[feature]).unwrap();
        let mut board = Emulator::start(machine, &firmware.elf, Duration::from_secs(3)).unwrap();
        let process = std::path::PathBuf::from(format!("/proc/{}", board.id()));
        let can_look = process.exists();
        let error = listen(&mut board).unwrap_err();
        assert!(error.contains("not done after 3 s"), "{feature}: {error}");
        drop(board);
        assert!(!can_look || !process.exists(), "{feature}: the emulator lives on");
    }
}

/// A board that takes no byte: once the pipe to it is full, sending waits, and ends at the deadline.
#[test]
#[ignore = "needs the emulator; cargo verify runs it"]
fn sending_to_a_board_that_hangs_ends_at_the_deadline() {
    let machine = machine::by_name("mps2-an386").unwrap();
    let firmware = build::build_with(machine, "tiny", &["test-hang"]).unwrap();
    let mut board = Emulator::start(machine, &firmware.elf, Duration::from_secs(3)).unwrap();
    let error = board.send(&vec![b'x'; 1 << 20]).unwrap_err();
    assert!(error.to_string().contains("not done after 3 s"), "{error}");
    board.restart_deadline();
    assert!(board.send(b"x").is_err(), "the board was ended");
}

#[test]
#[ignore = "needs the emulator; cargo verify runs it"]
fn a_deadline_beyond_the_end_of_time_is_an_error() {
    let machine = machine::by_name("mps2-an386").unwrap();
    let firmware = build::build(machine, "tiny", false).unwrap();
    assert!(Emulator::start(machine, &firmware.elf, Duration::MAX).is_err());
}
