//! `save`, `resume` and `save_every` of a session on a NOR flash whose power can fail.

#[path = "../../fuzz/src/bench.rs"]
#[allow(dead_code)] // shared with other tests
mod bench;

use bench::{Bench, Memory, board, rest, say};
use mote_core::memory::Fixed;
use mote_protocol::answer::Answer;
use mote_runtime::commands::{FlashStorage, Session};
use mote_tests::nor::Nor;

type Flash = Nor<4, 128>;

/// Two slots of 320 bytes, in pages of 128.
const PAGES: usize = 6;
/// How often a page may be erased: 2,000 saves.
const ERASURES: u32 = 1000;
const STEPS: u32 = 20;
const EVERY: u32 = 3;
const RUN: &str = "train n=4 snr=1 test=0 steps=20 stop_loss=0";

/// Runs `body` on a fresh session of a model, with the flash as it is.
fn on_flash<S: mote_core::memory::Memory>(
    memory: &mut S,
    flash: &mut Flash,
    body: impl FnOnce(&mut Session<'_, S, FlashStorage<&mut Flash>>, &mut Bench),
) {
    let storage = FlashStorage::new(flash, 0, (PAGES * 128) as u32, ERASURES, memory.shape()).unwrap();
    let mut store = [0.0; 96];
    body(&mut Session::new(memory, &mut store, storage, board()), &mut Bench::default());
}

/// Says one line, lets the session come to rest, and gives back all lines.
fn ask<S: mote_core::memory::Memory>(
    session: &mut Session<'_, S, FlashStorage<&mut Flash>>,
    bench: &mut Bench,
    line: &str,
) -> Vec<String> {
    say(session, bench, line.as_bytes());
    say(session, bench, b"\n");
    assert!(rest(session, bench, 10_000), "it comes to rest");
    bench.lines()
}

/// The code of the one refusal that is there, or nothing.
fn refusal(lines: &[String]) -> Option<String> {
    lines.iter().find_map(|line| match Answer::parse(line) {
        Ok(Answer::Refused(_, code, _)) => Some(code.to_string()),
        _ => None,
    })
}

/// Weights and step of the run that is never interrupted and never saved.
fn undisturbed() -> (u32, u32) {
    let mut digest = (0, 0);
    on_flash(&mut Memory::zeroed(), &mut Flash::new(PAGES, 1), |session, bench| {
        assert_eq!(refusal(&ask(session, bench, RUN)), None);
        digest = session.digest();
    });
    assert_eq!(digest.1, STEPS);
    digest
}

/// What a fresh session finds in the flash, and where it ends when it goes on from there.
fn resumed(flash: &mut Flash) -> (Option<u32>, (u32, u32)) {
    let (mut from, mut end) = (None, (0, 0));
    on_flash(&mut Memory::zeroed(), flash, |session, bench| {
        let refused = refusal(&ask(session, bench, "resume"));
        let init = if refused.is_none() { " init=keep" } else { "" };
        from = refused.is_none().then(|| session.digest().1);
        ask(session, bench, &format!("{RUN}{init}"));
        end = session.digest();
    });
    (from, end)
}

/// Every k steps but the last, with the digest of what is saved, and the run is not disturbed by it.
#[test]
fn a_run_is_saved_as_often_as_it_was_told_to() {
    let expected = undisturbed();
    let mut flash = Flash::new(PAGES, 2);
    on_flash(&mut Memory::zeroed(), &mut flash, |session, bench| {
        let lines = ask(session, bench, &format!("{RUN} save_every={EVERY} report=20"));
        let steps = lines
            .iter()
            .filter_map(|line| line.split_once("digest what=saved step="))
            .map(|(_, rest)| rest.split(' ').next().and_then(|step| step.parse::<u32>().ok()).expect("a step"));
        assert_eq!(steps.collect::<Vec<_>>(), [3, 6, 9, 12, 15, 18]);
        assert_eq!(session.digest(), expected);
    });
    let (from, end) = resumed(&mut flash);
    assert_eq!((from, end), (Some(18), expected));
    // Not after the last step, and not before the tests that follow it: the run is over.
    let mut flash = Flash::new(PAGES, 2);
    on_flash(&mut Memory::zeroed(), &mut flash, |session, bench| {
        let lines = ask(session, bench, &format!("{RUN} save_every=10").replace("test=0", "test=4 eval=5"));
        assert_eq!(lines.iter().filter(|line| line.contains("what=saved")).count(), 1);
    });
    assert_eq!(resumed(&mut flash), (Some(10), expected));
}

/// `save` and `resume` as commands: the step and the digest come back, other weights in between do not matter.
#[test]
fn what_is_saved_comes_back() {
    let mut flash = Flash::new(PAGES, 3);
    let mut saved = (0, 0);
    on_flash(&mut Memory::zeroed(), &mut flash, |session, bench| {
        assert_eq!(refusal(&ask(session, bench, "resume")).as_deref(), Some("nothing-saved"));
        ask(session, bench, RUN);
        saved = session.digest();
        let expected = format!("mote ok cmd=save numbers={} crc={:08x} ", saved.1, saved.0);
        assert!(ask(session, bench, "save")[1].starts_with(&expected));
        ask(session, bench, "train n=4 snr=1 test=0 steps=7 seed=9");
        assert_ne!(session.digest(), saved);
        let expected = expected.replace("save", "resume");
        assert!(ask(session, bench, "resume")[0].starts_with(&expected));
        assert_eq!(session.digest(), saved);
    });
    on_flash(&mut Memory::zeroed(), &mut flash, |session, bench| {
        ask(session, bench, "resume");
        assert_eq!(session.digest(), saved);
    });
    // Another model, then a broken one.
    on_flash(&mut Fixed::<3, 4, 2, 2>::zeroed(), &mut flash, |session, bench| {
        assert_eq!(refusal(&ask(session, bench, "resume")).as_deref(), Some("saved-other"));
    });
    // The first save goes into the second slot.
    flash.cells_mut()[PAGES / 2 * 128 + 70] ^= 1;
    on_flash(&mut Memory::zeroed(), &mut flash, |session, bench| {
        let before = session.digest();
        assert_eq!(refusal(&ask(session, bench, "resume")).as_deref(), Some("saved-corrupt"));
        assert_eq!(session.digest(), before);
    });
}

/// A run that its loss has ended stays ended through a power cut: the loss is saved with the weights.
#[test]
fn a_saved_run_that_was_over_stays_over() {
    let run = "train n=4 snr=3 test=0 steps=1000 stop_loss=0.3 lr=5";
    let mut flash = Flash::new(PAGES, 8);
    let mut over = (0, 0);
    on_flash(&mut Memory::zeroed(), &mut flash, |session, bench| {
        assert!(ask(session, bench, run).iter().any(|line| line.contains("done reason=stop-loss")));
        over = session.digest();
        assert_eq!(refusal(&ask(session, bench, "save")), None);
    });
    on_flash(&mut Memory::zeroed(), &mut flash, |session, bench| {
        ask(session, bench, "resume");
        assert!(
            ask(session, bench, &format!("{run} init=keep")).iter().any(|line| line.contains("done reason=stop-loss"))
        );
        assert_eq!(session.digest(), over);
        // Weights that came over the line have no such loss: one step shows it.
        let weights = vec!["00000000"; 32].join(",");
        ask(session, bench, "load step=3");
        ask(session, bench, &format!("put first=0 bits={weights}"));
        assert_eq!(refusal(&ask(session, bench, "end")), None);
        assert_eq!(refusal(&ask(session, bench, "save")), None);
    });
    on_flash(&mut Memory::zeroed(), &mut flash, |session, bench| {
        ask(session, bench, "resume");
        assert!(ask(session, bench, "status")[0].contains(" step=3 max_steps=0 train_loss=- "));
        ask(session, bench, &format!("{run} init=keep").replace("0.3", "9"));
        assert_eq!(session.digest().1, 4);
    });
}

/// Each save is counted, across power cuts and runs, and said; a run that would take more than a hundredth of the
/// flash's life is refused, unless it is forced.
#[test]
fn a_run_does_not_wear_the_flash_out_unasked() {
    let mut flash = Flash::new(PAGES, 9);
    let run = "train n=4 snr=1 test=0 stop_loss=0 report=1000";
    let wear = |lines: &[String]| {
        lines.iter().find_map(|line| match Answer::parse(line) {
            Ok(Answer::Wear(saves, life)) => Some((saves, life)),
            _ => None,
        })
    };
    on_flash(&mut Memory::zeroed(), &mut flash, |session, bench| {
        // 20 saves are a hundredth; there is none after the last step.
        let refused = ask(session, bench, &format!("{run} steps=22 save_every=1"));
        assert!(
            refused[0].contains("21 saves; a run may take 20 of the flash's life; try a larger save_every, or force=1")
        );
        assert_eq!((refusal(&refused).as_deref(), refused.len(), session.digest().1), (Some("wear"), 1, 0));
        assert_eq!(
            refusal(&ask(session, bench, &format!("{run} steps=1000000 save_every=1"))).as_deref(),
            Some("wear")
        );
        assert_eq!(wear(&ask(session, bench, &format!("{run} steps=21 save_every=1"))), Some((0, 2000)));
        assert_eq!(wear(&ask(session, bench, "save")), Some((21, 2000)));
        assert_eq!(wear(&ask(session, bench, &format!("{run} steps=22 save_every=1 force=1"))), Some((21, 2000)));
        assert_eq!(wear(&ask(session, bench, "train n=4 snr=1 test=0 steps=3")), None, "a run that saves nothing");
        // What is done already is not saved again.
        ask(session, bench, &format!("{run} steps=30"));
        assert_eq!(wear(&ask(session, bench, &format!("{run} steps=51 save_every=1 init=keep"))), Some((42, 2000)));
        assert_eq!(session.digest().1, 51);
    });
    on_flash(&mut Memory::zeroed(), &mut flash, |session, bench| {
        assert_eq!(wear(&ask(session, bench, "save")), Some((63, 2000)), "20 saves after steps 31 to 50");
        ask(session, bench, &format!("{run} steps=1931 save_every=1 force=1"));
        assert_eq!(wear(&ask(session, bench, "save")), Some((1994, 2000)));
        // The promise is nearly used up: what is left is less than a hundredth.
        assert_eq!(refusal(&ask(session, bench, &format!("{run} steps=8 save_every=1"))).as_deref(), Some("wear"));
        assert_eq!(refusal(&ask(session, bench, &format!("{run} steps=7 save_every=1"))), None);
        assert_eq!(wear(&ask(session, bench, "save")), Some((2001, 2000)), "a save by hand is never refused");
        assert_eq!(refusal(&ask(session, bench, &format!("{run} steps=3 save_every=1"))).as_deref(), Some("wear"));
        assert_eq!(refusal(&ask(session, bench, &format!("{run} steps=3 save_every=1 force=1"))), None);
    });
}

/// The power of the flash fails in every operation: the run says so and ends as it would have, and whoever comes
/// after goes on from a whole step to the same bits.
#[test]
fn a_power_cut_in_every_save_costs_at_most_the_steps_since_the_last() {
    let expected = undisturbed();
    let mut flash = Flash::new(PAGES, 4);
    let command = format!("{RUN} save_every={EVERY} report=20");
    on_flash(&mut Memory::zeroed(), &mut flash, |session, bench| {
        ask(session, bench, &command);
    });
    let operations = flash.operations;
    assert!(operations > 6 * 80, "{operations}");
    let mut from_scratch = 0;
    for cut in 0..operations {
        let mut flash = Flash::new(PAGES, 5 + cut);
        flash.cut_at = Some(cut);
        let mut saves = Vec::new();
        on_flash(&mut Memory::zeroed(), &mut flash, |session, bench| {
            let lines = ask(session, bench, &command);
            assert!(lines.iter().any(|line| line.contains("broken what=save code=save-failed")), "cut {cut}");
            saves.extend(lines.into_iter().filter(|line| line.contains("what=saved")));
            assert_eq!(session.digest(), expected, "cut {cut}");
        });
        flash.reboot();
        let (from, end) = resumed(&mut flash);
        assert_eq!(end, expected, "cut {cut}");
        let step = from.unwrap_or(0);
        let safe = saves.len() as u32 * EVERY;
        assert!(step == safe || step == safe + EVERY, "cut {cut}: {step} after {safe} was safe");
        from_scratch += u32::from(from.is_none());
    }
    println!("{operations} power cuts, {from_scratch} of them before the first save was whole");
    assert!(from_scratch > 0 && u64::from(from_scratch) < operations / 5);
}
