//! `mote monitor` on an emulated board that obeys commands; needs the chip targets and the emulator.

use mote_host::board::model::FirmwareModel;
use mote_host::board::{build, machine};
use mote_host::emulator::qemu::Emulator;
use mote_host::monitor::Monitor;
use mote_host::monitor::message::ChipActivity;
use mote_host::monitor::source::{Emulated, LineEvent};
use mote_host::monitor::state::State;
use std::time::{Duration, Instant};

const DEADLINE: Duration = Duration::from_secs(120);

/// Hears until something is known.
fn until(watch: &mut Monitor, what: &str, is_known: impl Fn(&State) -> bool) {
    let end = Instant::now() + DEADLINE;
    while !is_known(watch.state()) {
        assert!(Instant::now() < end, "not heard: {what}: {:?}", watch.state());
        let (heard, _) = watch.hear().unwrap();
        assert_ne!(heard, LineEvent::End, "before {what}");
    }
}

fn said(state: &State, start: &str) -> bool {
    state.messages.iter().any(|message| message.text.starts_with(start))
}

/// What the keys do: train, look, stop, save; then a reset, whose silence is found out.
#[test]
#[ignore = "needs the emulator; cargo verify runs it"]
fn a_board_is_watched_stopped_and_asked_to_save() {
    let machine = machine::by_name("mps2-an386").unwrap();
    let firmware =
        build::build_session(machine, &FirmwareModel::choose(machine, Some("tiny"), None).unwrap(), false).unwrap();
    let board = Emulator::start_in_real_time(machine, &firmware.elf, DEADLINE).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let mut watch = Monitor::new(Box::new(Emulated::new("QEMU".into(), board)), Some(&log)).unwrap();
    watch.ask("hello").unwrap();
    until(&mut watch, "hello", |state| state.takes_commands() == Some(true) && state.board.is_some());
    watch.ask("train n=50 snr=0.5 test=20 steps=100000 stop_loss=0").unwrap();
    until(&mut watch, "steps", |state| state.step >= 20 && state.eval.is_some());
    assert_eq!(watch.state().activity, ChipActivity::Training);
    assert!(watch.state().train_loss.points().len() >= 20);
    watch.command("save");
    until(&mut watch, "a refusal", |state| said(state, "refused: save: "));
    assert!(watch.state().messages.iter().any(|message| message.text.ends_with(" (busy)")));
    watch.command("stop");
    until(&mut watch, "the end", |state| state.activity == ChipActivity::Done("stopped".into()));
    assert_eq!(watch.state().runs.len(), 1);
    watch.command("reset");
    until(&mut watch, "a new start", |state| state.activity == ChipActivity::Idle);
    assert_eq!((watch.state().step, watch.state().train_loss.points().len(), watch.state().damaged), (0, 0, 0));
}
