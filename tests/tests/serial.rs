//! Bytes that come in while the chip computes: none is lost, and if one is, the chip knows. Firmware with feature
//! `test-echo` on every emulated board; needs the chip targets and the emulator.

use mote_core::rng::{Purpose, Stream};
use mote_host::board::build;
use mote_host::board::machine::{self, Machine};
use mote_host::emulator::qemu::{Emulator, Output};
use std::time::Duration;

/// Long enough for a loaded machine; a board that works takes under a second.
const DEADLINE: Duration = Duration::from_secs(60);

/// Bytes sent to each board while it is busy.
const BYTES: usize = 20_000;

fn start(machine: &'static Machine) -> Emulator {
    let firmware = build::build_with(machine, "tiny", &["test-echo"]).unwrap();
    let mut board = Emulator::start(machine, &firmware.elf, DEADLINE).unwrap();
    assert_eq!(line(&mut board), "ready", "{}", machine.name);
    board
}

/// The next line of a board.
fn line(board: &mut Emulator) -> String {
    loop {
        match board.listen().unwrap() {
            Output::Line(line) => return line,
            Output::Nothing => {}
            Output::End => panic!("the board has ended"),
        }
    }
}

/// Ends the conversation.
fn bye(mut board: Emulator, name: &str) {
    board.send(b"bye\n").unwrap();
    assert_eq!(line(&mut board), "bye", "{name}");
    assert_eq!(board.wait().unwrap(), 0, "{name}");
}

/// Printable text that no other part of the conversation looks like.
fn text(rng: &mut Stream, length: usize) -> String {
    (0..length).map(|_| char::from(b'A' + (rng.next_u32() % 26) as u8)).collect()
}

/// The chip reads nothing until a whole burst waits: without the interrupt it would wait for ever.
#[test]
#[ignore = "needs the emulator; cargo verify runs it"]
fn no_byte_is_lost_while_the_chip_computes() {
    for machine in machine::emulated() {
        let mut board = start(machine);
        let mut rng = Stream::new(7, Purpose::Train, 0, 0);
        let mut sent = 0;
        while sent < BYTES {
            let lengths = [400, 1, 0, 211, 399].map(|length| text(&mut rng, length));
            let burst: String = lengths.iter().map(|text| format!("{text}\n")).collect();
            board.send(format!("busy {}\n{burst}", burst.len()).as_bytes()).unwrap();
            for text in &lengths {
                let expected = format!("echo len={} lost=0 {text}", text.len());
                assert_eq!(line(&mut board), expected.trim_end(), "{} after {sent} bytes", machine.name);
            }
            sent += burst.len();
        }
        bye(board, machine.name);
        println!("{}: {sent} bytes, none lost", machine.name);
    }
}

/// More bytes than can wait: what fits is kept, the chip knows that bytes were lost, nothing that came after them
/// stands behind what came before, and all is well afterwards.
#[test]
#[ignore = "needs the emulator; cargo verify runs it"]
fn lost_bytes_are_known() {
    const SENT: usize = 3000;
    for machine in machine::emulated() {
        let mut board = start(machine);
        board.send(format!("lose\n{}", "x".repeat(SENT)).as_bytes()).unwrap();
        // 1,024 wait; 10 are taken, and their places stay empty.
        assert_eq!(line(&mut board), "lost waiting=1014", "{}", machine.name);
        board.send(b"\nend\n").unwrap();
        let rest = line(&mut board);
        let length: usize = rest.split(['=', ' ']).nth(2).unwrap().parse().unwrap();
        assert!(length <= SENT - 1025 && rest.contains(" lost=0"), "{}: {rest}", machine.name);
        let end = line(&mut board);
        assert_eq!(end, "echo len=3 lost=0 end", "{}", machine.name);
        bye(board, machine.name);
        println!("{}: {} of {SENT} bytes lost, and it knows", machine.name, SENT - 1024 - length);
    }
}

/// 250 ms by the chip's clock are as many instructions on every board, and the chip can reset itself.
#[test]
#[ignore = "needs the emulator; cargo verify runs it"]
fn time_runs_and_a_reset_resets() {
    for machine in machine::emulated() {
        let mut board = start(machine);
        let before = time(&mut board);
        board.send(b"wait 250\n").unwrap();
        let turns: u32 = line(&mut board).strip_prefix("waited ").unwrap().parse().unwrap();
        let after = time(&mut board);
        assert!((250..300).contains(&(after - before)), "{}: {before} ms, then {after} ms", machine.name);
        // The emulator does 7812.5 instructions in a millisecond of the chip; a turn of the loop takes 20 to 200.
        assert!((250 * 7812 / 200..250 * 7812 / 20).contains(&turns), "{}: {turns} turns", machine.name);
        board.send(b"reset\n").unwrap();
        assert_eq!(line(&mut board), "ready", "{}", machine.name);
        bye(board, machine.name);
        println!("{}: {turns} turns in 250 ms", machine.name);
    }
}

fn time(board: &mut Emulator) -> u32 {
    board.send(b"time\n").unwrap();
    line(board).strip_prefix("time ").unwrap().parse().unwrap()
}
