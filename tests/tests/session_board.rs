//! A session on emulated boards: what only a machine with 32 bits and a real UART can show. Needs the chip targets and
//! the emulator.

use mote_host::board::build;
use mote_host::board::machine::{self, Machine};
use mote_host::board::model::FirmwareModel;
use mote_host::emulator::qemu::{Emulator, Output};
use mote_protocol::report::Record;
use std::time::Duration;

/// Long enough for a loaded machine; a board that works takes under a second.
const DEADLINE: Duration = Duration::from_secs(60);

fn start(machine: &'static Machine) -> (Emulator, FirmwareModel) {
    let model = FirmwareModel::choose(machine, None, None).unwrap();
    let firmware = build::build_session(machine, &model, false).unwrap();
    (Emulator::start_in_real_time(machine, &firmware.elf, DEADLINE).unwrap(), model)
}

/// Everything up to the answer of a command, which must have been taken.
fn ask(board: &mut Emulator, bytes: &[u8], name: &str) -> Vec<String> {
    board.send(bytes).unwrap();
    let mut said = Vec::new();
    loop {
        match board.listen().unwrap() {
            Output::Line(line) => said.push(line),
            Output::Nothing => continue,
            Output::End => panic!("the board has ended: {said:?}"),
        }
        let last = said.last().unwrap();
        assert!(!last.starts_with("mote refused ") && !last.starts_with("mote broken "), "{last}");
        if last.starts_with(&format!("mote ok cmd={name} ")) {
            return said;
        }
    }
}

/// A zero, as a cable that is plugged in leaves it, and the work of a step that is more than 32 bits can count.
#[test]
#[ignore = "needs the emulator; cargo verify runs it"]
fn a_zero_swallows_no_command_and_work_is_counted_in_64_bits() {
    for (name, samples) in [("mps2-an386", 500_000), ("microbit", 1 << 24)] {
        let (mut board, model) = start(machine::by_name(name).unwrap());
        let hello = ask(&mut board, b"\0hello\n", "hello");
        assert!(hello[0].starts_with("mote hello "), "{name}: {hello:?}");
        ask(&mut board, b"\0\0echo on=0\n", "echo");

        ask(&mut board, format!("train n={samples} snr=1 test=0\n").as_bytes(), "train");
        let said = ask(&mut board, b"stop\n", "stop");
        let work = said.iter().find_map(|line| match Record::parse(line) {
            Ok(Record::Work(work)) => Some(work.macs_per_step),
            _ => None,
        });
        assert_eq!(work, Some(model.shape.step_macs(samples)), "{name}: {said:?}");
        assert!(
            work > Some(u32::MAX.into()) && (name != "mps2-an386" || work == Some(4_552_000_512)),
            "{name}: {work:?}"
        );
    }
}
