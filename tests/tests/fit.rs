//! `mote fit`: the `D` it names fits, by the size of the compiler's own types, and the next one does not.

use mote_core::memory::Fixed;
use mote_core::shape::Shape;
use mote_host::board::fit::Room;
use mote_host::board::machine;
use mote_host::board::model::FirmwareModel;
use mote_host::commands::fit::{bytes, size};
use mote_runtime::runs::budget::{HELD_MAX, SESSION_BYTES, session_bytes};
use mote_tests::refused;
use std::process::{Command, Output};

fn fit(args: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mote-under-test")).arg("fit").args(args.split(' ')).output().unwrap()
}

fn text(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{}", mote_tests::stderr(output));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// For arrays of this shape and for those with one more of `D`: the last byte decides.
macro_rules! boundary {
    ($m:literal, $d:literal, $h:literal, $v:literal) => {
        let (takes, next) = (size_of::<Fixed<$m, $d, $h, $v>>(), size_of::<Fixed<$m, { $d + 1 }, $h, $v>>());
        let largest = |bytes| Room { bytes, ..Room::default() }.largest_dim($m, $h, $v);
        assert_eq!(largest(takes), Some($d), "exactly enough for {:?}", ($m, $d, $h, $v));
        assert_eq!(largest(next - 1), Some($d), "one byte too few for the next of {:?}", ($m, $d, $h, $v));
        assert_eq!(largest(takes - 1), if $d > 1 { Some($d - 1) } else { None }, "{:?}", ($m, $d, $h, $v));
        let held = [[[0f32; $m * $d + 1]; 1]; 7];
        let room = |bytes| Room { bytes, held: 7, checkpoints: None }.largest_dim($m, $h, $v);
        let all = takes + size_of_val(&held) + SESSION_BYTES;
        assert_eq!((room(all), room(all - 1)), (Some($d), if $d > 1 { Some($d - 1) } else { None }));
    };
}

#[test]
fn the_largest_d_is_the_largest_by_the_compilers_sizes() {
    boundary!(4, 64, 8, 8);
    boundary!(4, 32, 4, 4);
    boundary!(1, 1, 1, 1);
    boundary!(2, 93, 4, 4);
    boundary!(16, 7, 16, 2);
    boundary!(3, 500, 5, 9);
    boundary!(32, 1, 3, 1);
}

/// Every size of memory up to some kilobytes: what is named fits, and the next does not.
#[test]
fn the_answer_is_right_for_every_number_of_bytes() {
    for (m, h, v) in [(1, 1, 1), (4, 8, 8), (8, 3, 5)] {
        for bytes in 0..6000 {
            let takes = |dim| Shape::new(m, dim, h, v).bytes().unwrap();
            match (Room { bytes, ..Room::default() }).largest_dim(m, h, v) {
                Some(dim) => assert!(takes(dim) <= bytes && bytes < takes(dim + 1), "{bytes}: {dim}"),
                None => assert!(bytes < takes(1), "{bytes}"),
            }
        }
    }
    assert!(Room { bytes: usize::MAX, held: HELD_MAX, checkpoints: None }.largest_dim(1, 1, 1).is_some());
}

/// The figures of a board are those that its firmware is compiled against.
#[test]
fn what_is_said_of_a_board_is_what_its_firmware_takes() {
    const { assert!(size_of::<Fixed<4, 84, 4, 4>>() <= 9216 && size_of::<Fixed<4, 85, 4, 4>>() > 9216) }
    let output = text(&fit("--board microbit --tokens 4 --head 4 --value 4"));
    let expected = format!(
        "microbit (Cortex-M0): 9216 bytes for the model, where mote-session keeps checkpoints too: --samples-held 1 counts them\n\
         M=4 H=4 V=4: D is at most 84, which takes {} bytes; 85 would take {}\n\
         type Memory = Fixed<4, 84, 4, 4>;\n",
        size_of::<Fixed<4, 84, 4, 4>>(),
        size_of::<Fixed<4, 85, 4, 4>>()
    );
    assert_eq!(output, expected);
    // A session keeps two checkpoints in 4 KiB of its flash, each in pages of 1 KiB.
    let output = text(&fit("--board microbit --tokens 4 --head 4 --value 4 --samples-held 1"));
    let board = machine::by_name("microbit").unwrap();
    let model = |dim| FirmwareModel::choose(board, None, Some(Shape::new(4, dim, 4, 4)));
    assert!(model(39).is_ok() && model(40).is_err());
    assert!(
        output.contains("; 4096 of flash for two checkpoints\nM=4 H=4 V=4: D is at most 39, which takes "),
        "{output}"
    );
    assert!(
        output.ends_with(", and 6144 of flash\ntype Memory = Fixed<4, 39, 4, 4>;\nmote-session: --shape 4,39,4,4\n")
    );
    for board in machine::every() {
        let output = text(&fit(&format!("--board {}", board.name)));
        assert!(
            output.starts_with(&format!("{} ({}): {} bytes", board.name, board.core, board.model_bytes)),
            "{output}"
        );
        assert_eq!(output.lines().count(), 3 + 5, "{output}");
    }
}

#[test]
fn the_ram_is_stack_and_other_variables_and_model() {
    let expected = "20480 bytes of RAM: 4096 of stack, 2048 of other variables, 14336 for the model\nM=4\n  H=V  largest D      bytes\n";
    let output = text(&fit("--ram 20K --tokens 4"));
    assert!(output.starts_with(expected), "{output}");
    assert!(output.contains("\n    8         73      14184\n"), "{output}");
    let exact = size_of::<Fixed<4, 64, 8, 8>>() + 1000 + 24;
    for (ram, dim) in [(exact, 64), (exact - 1, 63)] {
        let output = text(&fit(&format!("--ram {ram} --stack 1000 --other 24 --tokens 4 --head 8 --value 8")));
        assert!(output.contains(&format!(": D is at most {dim}, which")), "{output}");
    }
    let output = text(&fit("--ram 64K --tokens 8 --head 8 --value 8 --samples-held 50"));
    assert!(output.contains("59392 for the model, 50 samples and 2048 bytes of session\n"), "{output}");
    let takes = |dim| session_bytes(&Shape::new(8, dim, 8, 8), 50).unwrap();
    assert!(takes(30) <= 59_392 && takes(31) > 59_392 && output.contains("D is at most 30, which takes"), "{output}");
    let output = text(&fit("--ram 20K --head 8 --value 8"));
    assert!(output.contains("H=8 V=8\n    M  largest D      bytes\n"), "{output}");
    assert!(output.ends_with("\n   32          5      14216\n"), "{output}");
    let output = text(&fit("--ram 12K --head 8 --value 8"));
    assert!(output.ends_with("\n   32       none          -\n"), "{output}");
}

#[test]
fn what_does_not_fit_or_is_no_number_is_refused() {
    refused(&fit("--ram 5K --tokens 4"), &["--ram: expected more than 4096 of stack and 2048 of other", "found 5120"]);
    let least = size_of::<Fixed<4, 1, 8, 8>>();
    let too_few = format!("--ram {} --stack 0 --other 0 --tokens 4 --head 8 --value 8", least - 1);
    refused(&fit(&too_few), &[&format!("--ram: expected {least} bytes for M=4 D=1 H=8 V=8, found {}", least - 1)]);
    refused(&fit("--board microbit --tokens 90 --head 1 --value 1"), &["--board: expected ", "found 9216"]);
    refused(&fit("--ram 20K --samples-held 1001"), &["--samples-held: expected at most 1000", "found 1001"]);
    for wrong in ["--tokens 4", "--ram 20K --board microbit", "--ram 20K --head 8", "--ram x", "--board nosuch"] {
        assert_eq!(fit(wrong).status.code(), Some(2), "{wrong}");
    }
}

#[test]
fn numbers_of_bytes_have_units() {
    for (text, count) in [("0", 0), ("20480", 20_480), ("20K", 20_480), ("20k", 20_480), ("2M", 2 << 20)] {
        assert_eq!(bytes(text), Ok(count), "{text}");
    }
    for text in ["", "K", "-1", "+1", "1.5K", "20Q", "20 K", "99999999999999999999", "18014398509481984K", "\u{0664}"] {
        assert!(bytes(text).is_err(), "{text}");
    }
    assert!(size("1").is_ok() && size("65536").is_ok() && size("0").is_err() && size("65537").is_err());
}
