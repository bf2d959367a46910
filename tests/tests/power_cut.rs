//! The power fails in every word that is written and every page that is erased; the run ends with the bits of one that
//! was never interrupted.

use mote_core::data::Synthetic;
use mote_core::memory::Fixed;
use mote_core::rng::{Purpose, Stream, mix};
use mote_core::train::{StepReport, Trainer};
use mote_runtime::checkpoint::{CheckpointError, RunId, Store};
use mote_runtime::runs::presets::{Preset, PresetRun};
use mote_tests::nor::Nor;
use mote_tests::volume::pick;

/// `M D H V`: 43 numbers, a checkpoint of 320 bytes.
type Memory = Fixed<2, 5, 3, 2>;
const REGION: u32 = 1024;
const STEPS: u32 = 10;
const SAVE_EVERY: u32 = 2;

fn run(seed: u64) -> PresetRun {
    let run = Preset::by_name("tiny").unwrap().runs[0];
    PresetRun { samples: 3, seed, settings: mote_core::train::Settings { train_output: true, ..run.settings }, ..run }
}

/// The run that is never interrupted.
struct Reference {
    run: PresetRun,
    weights: Vec<u32>,
    last: Option<StepReport>,
}

impl Reference {
    fn new(seed: u64) -> Self {
        let run = run(seed);
        let mut memory = Memory::zeroed();
        let mut trainer = Trainer::new(&mut memory, run.settings).unwrap();
        trainer.init(run.init, run.seed).unwrap();
        let mut data = data(&run);
        while trainer.last_step().is_none_or(|last| last.step < STEPS) {
            trainer.step(&mut data).unwrap();
        }
        Self { run, weights: bits(&mut trainer), last: trainer.last_step() }
    }
}

fn data(run: &PresetRun) -> Synthetic {
    Synthetic::new(run.distribution, (2, 5), run.samples, run.seed, Purpose::Train).unwrap()
}

fn bits(trainer: &mut Trainer<Memory>) -> Vec<u32> {
    let params = trainer.params();
    params.row().map(f32::to_bits).collect()
}

/// What happened over all lives of a chip.
#[derive(Default)]
struct Tally {
    cuts: u64,
    resumed: u64,
    from_older: u64,
    from_scratch: u64,
    weak_reads: u64,
}

impl Tally {
    fn report(&self, what: &str) {
        println!(
            "{what}: {} power cuts, then {} times resumed, {} of them not from the last save begun, and {} from scratch; \
             {} weak bytes read",
            self.cuts, self.resumed, self.from_older, self.from_scratch, self.weak_reads
        );
    }
}

/// One chip, from power-on to power-on.
struct Chip<'r, const WRITE: usize, const PAGE: usize> {
    flash: Nor<WRITE, PAGE>,
    reference: &'r Reference,
    /// The step of the last save that returned `Ok`, and of the last that was begun.
    saved: u32,
    begun: u32,
}

impl<'r, const WRITE: usize, const PAGE: usize> Chip<'r, WRITE, PAGE> {
    fn new(reference: &'r Reference, seed: u64) -> Self {
        Self { flash: Nor::new(REGION as usize / PAGE, seed), reference, saved: 0, begun: 0 }
    }

    /// Loads or starts from scratch, and trains with saves. Whether the run came to its end, with the right bits.
    fn live(&mut self, tally: &mut Tally) -> bool {
        let run = self.reference.run;
        let id = RunId::of(&run);
        let mut memory = Memory::zeroed();
        let mut trainer = Trainer::new(&mut memory, run.settings).unwrap();
        let mut store = Store::new(&mut self.flash, 0, REGION, trainer.shape()).unwrap();
        match store.load(id, &mut trainer) {
            Ok(_) => {
                tally.resumed += 1;
                let step = trainer.last_step().unwrap().step;
                tally.from_older += u64::from(step < self.begun);
                // Not lost, and not invented.
                assert!(self.saved <= step && step <= self.begun, "{} <= {step} <= {}", self.saved, self.begun);
            }
            Err(error) => {
                assert_eq!(self.saved, 0, "a save that was finished is lost: {error}");
                tally.from_scratch += u64::from(self.begun > 0);
                assert!(bits(&mut trainer).iter().all(|x| *x == 0), "the weights were touched: {error}");
                trainer.init(run.init, run.seed).unwrap();
            }
        }
        let mut data = data(&run);
        while trainer.last_step().is_none_or(|last| last.step < STEPS) {
            let StepReport { step, .. } = trainer.step(&mut data).unwrap();
            if step % SAVE_EVERY == 0 {
                self.begun = step;
                match store.save(id, &mut trainer) {
                    Ok(_) => self.saved = step,
                    Err(error) => {
                        assert!(matches!(error, CheckpointError::Flash(_)), "step {step}: {error}");
                        return false;
                    }
                }
            }
        }
        assert_eq!(trainer.last_step(), self.reference.last);
        assert_eq!(bits(&mut trainer), self.reference.weights, "not the bits of an uninterrupted run");
        true
    }

    /// Lives until the run is done, the power cut as `cut` says: so many operations after each power-on.
    fn lives(mut self, tally: &mut Tally, mut cut: impl FnMut() -> Option<u64>) {
        loop {
            self.flash.reboot();
            self.flash.cut_at = cut().map(|after| self.flash.operations + after);
            if self.live(tally) {
                break;
            }
            assert!(!self.flash.is_powered(), "a save failed with the power on");
            tally.cuts += 1;
        }
        // And once more: a finished run that was saved is there, and nothing is done again.
        let (saved, operations) = (self.saved, self.flash.operations);
        self.flash.reboot();
        assert!(self.live(tally));
        assert!(saved < STEPS || self.flash.operations == operations, "done again");
        tally.weak_reads += self.flash.weak_reads;
    }
}

/// Operations of an undisturbed run.
fn operations<const WRITE: usize, const PAGE: usize>(reference: &Reference) -> u64 {
    let mut chip = Chip::<WRITE, PAGE>::new(reference, 0);
    assert!(chip.live(&mut Tally::default()));
    chip.flash.operations
}

/// One cut, at every operation, with several seeds for what it leaves; with and without error correction.
fn every_cut<const WRITE: usize, const PAGE: usize>(tally: &mut Tally, seeds: u64) {
    for seed in 0..seeds * pick(1, 1, 10) {
        let reference = Reference::new(seed % 2);
        for k in 0..operations::<WRITE, PAGE>(&reference) {
            let mut chip = Chip::<WRITE, PAGE>::new(&reference, mix(seed << 32 | k));
            chip.flash.corrects_errors = seed % 3 == 2;
            let mut cut = Some(k);
            chip.lives(tally, || cut.take());
        }
    }
}

/// The power fails again and again, 30 times, wherever it likes.
fn many_cuts<const WRITE: usize, const PAGE: usize>(tally: &mut Tally) {
    let reference = Reference::new(2);
    let most = operations::<WRITE, PAGE>(&reference) / 2;
    for seed in 0..pick(100, 100, 2000) {
        let mut chance = Stream::new(seed, Purpose::Train, 7, 7);
        let mut left = 30;
        let cut = || {
            left -= 1;
            (left >= 0).then(|| u64::from(chance.next_u32()) % most)
        };
        let mut chip = Chip::<WRITE, PAGE>::new(&reference, mix(seed));
        chip.flash.corrects_errors = seed % 5 == 0;
        chip.lives(tally, cut);
    }
}

#[test]
fn a_cut_at_every_operation_on_parts_with_small_write_units() {
    let mut tally = Tally::default();
    every_cut::<1, 128>(&mut tally, 2);
    every_cut::<4, 128>(&mut tally, 4);
    every_cut::<4, 512>(&mut tally, 4);
    tally.report("every operation, write units of 1 and 4 bytes");
    assert!(tally.cuts > 3_000 && tally.resumed > tally.cuts && tally.from_older > 0 && tally.weak_reads > 0);
}

#[test]
fn a_cut_at_every_operation_on_parts_with_large_write_units() {
    let mut tally = Tally::default();
    every_cut::<8, 64>(&mut tally, 8);
    every_cut::<16, 256>(&mut tally, 8);
    every_cut::<32, 128>(&mut tally, 8);
    every_cut::<32, 512>(&mut tally, 8);
    tally.report("every operation, write units of 8 to 32 bytes");
    assert!(tally.cuts > 3_000 && tally.resumed > tally.cuts && tally.from_older > 0 && tally.weak_reads > 0);
}

#[test]
fn cut_after_cut_no_finished_save_is_lost() {
    let mut tally = Tally::default();
    many_cuts::<1, 128>(&mut tally);
    many_cuts::<4, 128>(&mut tally);
    many_cuts::<8, 64>(&mut tally);
    many_cuts::<32, 512>(&mut tally);
    tally.report("again and again");
    assert!(tally.cuts > 1_000 && tally.from_older > 0 && tally.weak_reads > 0);
}

/// The worst place: the last word of the content, or a word of the seal, half programmed. The slot may look whole, be
/// resumed from, and be gone when the power fails in the next save, with the other slot erased.
#[test]
fn a_save_cut_at_its_seal_and_then_the_next_one() {
    type Part = Chip<'static, 4, 128>;
    const ERASES: u64 = 3;
    const CONTENT: u64 = 64;
    let reference: &'static Reference = Box::leak(Box::new(Reference::new(3)));
    let of_a_save = operations::<4, 128>(reference) / u64::from(STEPS / SAVE_EVERY);
    assert_eq!(of_a_save, ERASES + CONTENT + 16);
    let mut tally = Tally::default();
    for (save, word, seed) in
        (1..4).flat_map(|save| (0..10).flat_map(move |word| (0..40).map(move |s| (save, word, s))))
    {
        let mut chip = Part::new(reference, mix(seed << 8 | save << 4 | word));
        chip.flash.corrects_errors = seed % 2 == 0;
        let mut chance = Stream::new(seed, Purpose::Train, save as u32, word as u32);
        let mut life = 0;
        chip.lives(&mut tally, || {
            life += 1;
            match life {
                1 => Some(save * of_a_save + ERASES + CONTENT - 1 + word),
                2..=6 if chance.coin(0.5) => Some(ERASES + CONTENT - 1 + u64::from(chance.next_u32()) % 10),
                2..=6 => Some(u64::from(chance.next_u32()) % of_a_save),
                _ => None,
            }
        });
    }
    tally.report("at the seal, then in the next save");
    assert!(tally.cuts > 3_000 && tally.from_older > 0 && tally.weak_reads > 0);
}
