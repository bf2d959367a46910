//! What a checkpoint is, byte for byte, and what is refused as one.

use embedded_storage::nor_flash::{ErrorType, NorFlash, NorFlashErrorKind, ReadNorFlash};
use mote_core::memory::{Fixed, Memory};
use mote_core::params::Init;
use mote_core::shape::Shape;
use mote_core::train::{Settings, StepReport, Trainer};
use mote_runtime::checkpoint::{CheckpointError, Refusal, RunId, Saved, Store, region_bytes};
use mote_tests::nor::{Nor, NorError};

/// 20 numbers: head, two blocks and the seal are 256 bytes.
type Tiny = Fixed<2, 3, 2, 2>;
type Flash = Nor<4, 256>;
const REGION: u32 = 512;
const RUN: RunId = RunId { seed: 0x0123_4567_89ab_cdef, settings: 0x5e77_1265 };

fn trainer<S: Memory>(memory: &mut S, seed: u64, step: u32) -> Trainer<'_, S> {
    let mut trainer = Trainer::new(memory, Settings { learning_rate: 0.5, train_output: false }).unwrap();
    trainer.init(Init::fan_in(1.0), seed).unwrap();
    trainer.resume_after((step > 0).then_some(StepReport { step, train_loss: 1.0 / step as f32 }));
    trainer
}

fn bits<S: Memory>(trainer: &mut Trainer<S>) -> Vec<u32> {
    let params = trainer.params();
    params.row().map(f32::to_bits).collect()
}

fn store<F: NorFlash>(flash: F) -> Store<F> {
    Store::new(flash, 0, REGION, Shape::new(2, 3, 2, 2)).unwrap()
}

/// Saves weights of a seed as those after a step.
fn save(flash: &mut impl NorFlash, run: RunId, seed: u64, step: u32) -> Result<Saved, CheckpointError> {
    store(flash).save(run, &mut trainer(&mut Tiny::zeroed(), seed, step))
}

/// Loads into weights of seed 99 after step 99; the step and the bits that are there afterwards.
fn load(flash: &mut impl NorFlash, run: RunId) -> (Result<Saved, CheckpointError>, Option<StepReport>, Vec<u32>) {
    let mut memory = Tiny::zeroed();
    let mut trainer = trainer(&mut memory, 99, 99);
    let result = store(flash).load(run, &mut trainer);
    (result, trainer.last_step(), bits(&mut trainer))
}

/// Loads, and makes sure that a refusal changed nothing.
fn refused(flash: &mut impl NorFlash, run: RunId) -> [Refusal; 2] {
    let (result, last, found) = load(flash, run);
    assert_eq!(last, Some(StepReport { step: 99, train_loss: 1.0 / 99.0 }));
    assert_eq!(found, bits(&mut trainer(&mut Tiny::zeroed(), 99, 99)), "the weights were touched");
    match result {
        Err(CheckpointError::Refused(refusals)) => refusals,
        other => panic!("{other:?}"),
    }
}

/// Loads, and makes sure that weights of a seed after a step are there.
fn loaded(flash: &mut impl NorFlash, run: RunId, seed: u64, step: u32) -> Saved {
    let (result, last, found) = load(flash, run);
    let mut memory = Tiny::zeroed();
    let mut expected = trainer(&mut memory, seed, step);
    assert_eq!((last, found), (expected.last_step(), bits(&mut expected)));
    result.unwrap()
}

/// CRC-32 from its definition, sharing no code with the engine.
fn crc(bytes: &[u8]) -> u32 {
    let mut crc = !0u32;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    !crc
}

/// A checkpoint written by hand from the table in `mote_runtime::checkpoint`: mark, format, sequence number, sizes.
fn by_hand(mark: &[u8; 8], format: u32, sequence: u32, sizes: [u32; 4], run: RunId, weights: &[u32]) -> Vec<u8> {
    let mut bytes = mark.to_vec();
    let mut put = |words: &[u32]| bytes.extend(words.iter().flat_map(|word| word.to_le_bytes()));
    put(&[format, sequence]);
    put(&sizes);
    put(&[run.seed as u32, (run.seed >> 32) as u32, run.settings, 4, 0.25f32.to_bits(), 0, 0]);
    let sum = crc(&bytes);
    bytes.extend(sum.to_le_bytes());
    bytes.extend(weights.iter().flat_map(|word| word.to_le_bytes()));
    bytes.resize((bytes.len() + 4).next_multiple_of(64) - 4, 0);
    let sum = crc(&bytes);
    bytes.extend(sum.to_le_bytes());
    bytes.extend([0; 64]);
    bytes
}

fn weights_of(seed: u64) -> Vec<u32> {
    bits(&mut trainer(&mut Tiny::zeroed(), seed, 0))
}

/// A flash whose first slot holds these bytes.
fn holding(bytes: &[u8]) -> Flash {
    let mut flash = Flash::new(2, 0);
    flash.cells_mut()[..bytes.len()].copy_from_slice(bytes);
    flash
}

#[test]
fn the_format_is_as_written() {
    let mut flash = Flash::new(2, 0);
    save(&mut flash, RUN, 7, 4).unwrap();
    let expected = by_hand(b"moteCKPT", 1, 0, [2, 3, 2, 2], RUN, &weights_of(7));
    assert_eq!(flash.cells_mut()[256..], expected);
    assert!(flash.cells_mut()[..256].iter().all(|byte| *byte == 0xff));
    assert_eq!(flash.operations, 1 + 64);
}

#[test]
fn every_single_flipped_bit_is_refused() {
    let good = by_hand(b"moteCKPT", 1, 0, [2, 3, 2, 2], RUN, &weights_of(7));
    loaded(&mut holding(&good), RUN, 7, 4);
    let mut refusals = 0;
    for bit in 0..8 * good.len() {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        let mut flash = holding(&bad);
        if bit / 8 >= good.len() - 64 {
            loaded(&mut flash, RUN, 7, 4); // the seals are no part of the content
            continue;
        }
        let [first, second] = refused(&mut flash, RUN);
        assert!(matches!(first, Refusal::Corrupt { expected, found } if expected != found), "bit {bit}: {first}");
        assert_eq!(second, Refusal::Blank);
        refusals += 1;
        // With an older one beside it, that is loaded.
        let older = by_hand(b"moteCKPT", 1, u32::MAX, [2, 3, 2, 2], RUN, &weights_of(6));
        flash.cells_mut()[256..].copy_from_slice(&older);
        loaded(&mut flash, RUN, 6, 4);
    }
    println!("{refusals} of {refusals} single flipped bits refused");
    assert_eq!(refusals, 8 * 192);
}

#[test]
fn what_belongs_elsewhere_is_refused_with_its_reason() {
    let weights = weights_of(7);
    let slot = |mark, format, sizes, run| holding(&by_hand(mark, format, 0, sizes, run, &weights));
    let right = [2, 3, 2, 2];
    let reason = |mut flash: Flash| refused(&mut flash, RUN)[0];

    assert_eq!(reason(slot(b"moteCKPU", 1, right, RUN)), Refusal::Mark);
    assert_eq!(reason(slot(b"moteCKPT", 2, right, RUN)), Refusal::Version { expected: 1, found: 2 });
    // As many blocks of weights each time, for the checksum to be where it is looked for.
    for (sizes, letter, expected, found) in
        [([4, 3, 2, 2], 'M', 2, 4), ([2, 4, 2, 0], 'D', 3, 4), ([2, 3, 3, 0], 'H', 2, 3), ([2, 3, 2, 1], 'V', 2, 1)]
    {
        let mut flash = slot(b"moteCKPT", 1, sizes, RUN);
        assert_eq!(refused(&mut flash, RUN)[0], Refusal::Shape { letter, expected, found });
    }
    assert_eq!(reason(slot(b"moteCKPT", 1, [2, 3000, 2, 2], RUN)), Refusal::Length);
    assert_eq!(reason(slot(b"moteCKPT", 1, [2, u32::MAX, u32::MAX, 2], RUN)), Refusal::Length);
    for seed in [RUN.seed + 1, RUN.seed ^ 1 << 63] {
        let flash = slot(b"moteCKPT", 1, right, RunId { seed, ..RUN });
        assert_eq!(reason(flash), Refusal::Seed { expected: RUN.seed, found: seed });
    }
    let flash = slot(b"moteCKPT", 1, right, RunId { settings: 1, ..RUN });
    assert_eq!(reason(flash), Refusal::Settings { expected: RUN.settings, found: 1 });

    assert_eq!(refused(&mut Flash::new(2, 0), RUN), [Refusal::Blank; 2]);
    assert_eq!(refused(&mut holding(&[0; 512]), RUN), [Refusal::Blank; 2]);
    let error = load(&mut holding(&[1; 64]), RUN).0.unwrap_err().to_string();
    let corrupt = format!("corrupt: expected the checksum {:08x}, found 01010101", crc(&[1; 60]));
    assert_eq!(error, format!("no checkpoint of this run: slot 0: {corrupt}; slot 1: blank"));
}

/// Another run in the same flash: its checkpoint is neither loaded nor the first to be overwritten.
#[test]
fn two_runs_share_a_flash_until_one_needs_both_slots() {
    let other = RunId { seed: 5, ..RUN };
    let mut flash = Flash::new(2, 0);
    save(&mut flash, RUN, 1, 10).unwrap();
    save(&mut flash, RUN, 2, 20).unwrap();
    assert_eq!(save(&mut flash, other, 3, 30).unwrap().sequence, 2);
    loaded(&mut flash, RUN, 2, 20);
    loaded(&mut flash, other, 3, 30);
    save(&mut flash, other, 4, 40).unwrap();
    loaded(&mut flash, other, 4, 40);
    assert_eq!(refused(&mut flash, RUN), [Refusal::Seed { expected: RUN.seed, found: 5 }; 2]);
}

/// The sequence number goes round; the newest is still the newest. Step 0 is a checkpoint too.
#[test]
fn the_newest_is_loaded_across_the_wrap() {
    let mut flash = holding(&by_hand(b"moteCKPT", 1, u32::MAX - 1, [2, 3, 2, 2], RUN, &weights_of(7)));
    for (seed, sequence) in [(0, u32::MAX), (1, 0), (2, 1), (3, 2)] {
        assert_eq!(save(&mut flash, RUN, seed, seed as u32).unwrap().sequence, sequence);
        assert_eq!(loaded(&mut flash, RUN, seed, seed as u32).sequence, sequence);
        let slots = store(&mut flash).slots().map(|slot| slot.unwrap().sequence);
        assert!(slots.contains(&sequence) && slots.contains(&sequence.wrapping_sub(1)), "{slots:?}");
    }
}

/// Without a seal, the newer one may be a save whose last bits are weak: the older one goes first, the newer one still
/// counts. With one seal each, the newer one's may be weak.
#[test]
fn a_sealed_checkpoint_goes_before_a_newer_unsealed_one() {
    let mut flash = Flash::new(2, 0);
    save(&mut flash, RUN, 1, 10).unwrap();
    save(&mut flash, RUN, 2, 20).unwrap();
    let seals = |flash: &Flash| store(flash.clone()).slots().map(|slot| slot.unwrap().seals);
    assert_eq!(seals(&flash), [2, 2]);
    let mut both = flash.clone();
    both.cells_mut()[224..256].fill(0xff);
    assert_eq!(seals(&both), [1, 2]);
    loaded(&mut both, RUN, 1, 10);
    both.cells_mut()[256 + 224..].fill(0xff);
    assert_eq!(seals(&both), [1, 1]);
    loaded(&mut both, RUN, 1, 10);
    both.cells_mut()[192] = 0x10;
    both.cells_mut()[256 + 192] = 0x10;
    assert_eq!(seals(&both), [0, 0]);
    loaded(&mut both, RUN, 2, 20);

    flash.cells_mut()[192..256].fill(0xff);
    assert_eq!(seals(&flash), [0, 2]);
    loaded(&mut flash, RUN, 1, 10);
    let mut alone = flash.clone();
    alone.cells_mut()[300] ^= 1;
    loaded(&mut alone, RUN, 2, 20);
    save(&mut flash, RUN, 3, 30).unwrap();
    loaded(&mut flash, RUN, 3, 30);
    flash.cells_mut()[70] ^= 1;
    loaded(&mut flash, RUN, 1, 10); // the sealed one was not the one overwritten
}

/// A bit that cannot be programmed is noticed by the save, wherever it lies, and the better slot is left.
#[test]
fn a_worn_bit_is_noticed_when_it_is_written() {
    let (mut stored, mut lost) = (0, 0);
    for byte in 0..256 {
        let mut flash = Flash::new(2, 0);
        flash.stuck = Some((byte, 0x08));
        save(&mut flash, RUN, 1, 10).unwrap(); // slot 1
        match save(&mut flash, RUN, 2, 20) {
            Ok(_) => {
                stored += 1;
                loaded(&mut flash, RUN, 2, 20);
            }
            Err(error) => {
                assert_eq!(error, CheckpointError::NotStored);
                lost += 1;
                loaded(&mut flash, RUN, 1, 10);
            }
        }
    }
    println!("of 256 worn bits, {lost} spoilt the save and {stored} were to be 1 anyway or are spare");
    assert!(lost > 60 && stored > 60, "{lost} {stored}");
}

/// A flash that answers one read with a flipped bit, as a weak cell may.
struct Flaky {
    flash: Flash,
    reads: usize,
    flipped_read: usize,
    bit: usize,
}

impl ErrorType for Flaky {
    type Error = NorError;
}

impl ReadNorFlash for Flaky {
    const READ_SIZE: usize = 4;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), NorError> {
        self.flash.read(offset, bytes)?;
        if self.reads == self.flipped_read {
            let byte = self.bit / 8 % bytes.len();
            bytes[byte] ^= 1 << (self.bit % 8);
        }
        self.reads += 1;
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.flash.capacity()
    }
}

impl NorFlash for Flaky {
    const WRITE_SIZE: usize = 4;
    const ERASE_SIZE: usize = 256;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), NorError> {
        self.flash.erase(from, to)
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), NorError> {
        self.flash.write(offset, bytes)
    }
}

/// Every bit of every read of a load, with one checkpoint and with two: the weights are those of a whole checkpoint, or
/// they are not touched, or they are 0 and the error says so.
#[test]
fn a_bit_that_reads_differently_twice_fools_nobody() {
    let (mut whole, mut untouched, mut zeroed) = (0, 0, 0);
    for saves in [1, 2] {
        let mut flash = Flash::new(2, 0);
        for n in 1..=saves {
            save(&mut flash, RUN, n, 10 * n as u32).unwrap();
        }
        for flipped_read in 0..6 + 5 * saves as usize {
            for bit in 0..512 {
                let mut flaky = Flaky { flash: flash.clone(), reads: 0, flipped_read, bit };
                let (result, last, found) = load(&mut flaky, RUN);
                let step = last.map_or(0, |last| last.step);
                let (count, expected) = match result {
                    Ok(_) => (&mut whole, weights_of(u64::from(step / 10))),
                    Err(CheckpointError::Unstable) => (&mut zeroed, vec![0; 20]),
                    Err(_) => (&mut untouched, weights_of(99)),
                };
                *count += 1;
                assert_eq!(found, expected, "read {flipped_read} bit {bit}: {result:?}");
                let steps: &[u32] = match result {
                    Ok(_) => &[10, 20],
                    Err(CheckpointError::Unstable) => &[0],
                    Err(_) => &[99],
                };
                assert!(steps.contains(&step) && (result.is_ok() || saves == 1), "{result:?} at step {step}");
            }
        }
    }
    println!("one bit read wrong once: {whole} loads whole, {untouched} refused, {zeroed} unstable and set to 0");
    assert!(whole > 5_000 && untouched > 1_000 && zeroed > 1_000);
}

#[test]
fn a_region_that_cannot_hold_two_is_refused() {
    let shape = Shape::new(2, 3, 2, 2);
    assert_eq!(region_bytes(shape, 256), Some(512));
    let new = |start, bytes| Store::new(Nor::<4, 128>::new(5, 0), start, bytes, shape).err();
    assert_eq!(new(0, 512), None);
    assert_eq!(new(128, 512), None);
    assert_eq!(new(0, 511), Some(CheckpointError::Region { needed: 256, available: 128 }));
    assert_eq!(new(64, 512), Some(CheckpointError::Flash(NorFlashErrorKind::NotAligned)));
    assert_eq!(new(256, 512), Some(CheckpointError::Flash(NorFlashErrorKind::OutOfBounds)));
    assert_eq!(new(u32::MAX - 127, 512), Some(CheckpointError::Flash(NorFlashErrorKind::OutOfBounds)));
    let huge = Shape::new(1, usize::MAX / 2, 2, 2);
    let error = Store::new(Nor::<4, 128>::new(5, 0), 0, 512, huge).err();
    assert_eq!(error, Some(CheckpointError::Region { needed: u32::MAX, available: 256 }));
    // A trainer of another model than the store was made for writes nothing.
    let mut flash = Flash::new(2, 0);
    let mut memory = Fixed::<2, 64, 8, 8>::zeroed();
    let error = store(&mut flash).save(RUN, &mut trainer(&mut memory, 1, 1));
    assert_eq!(error, Err(CheckpointError::Region { needed: 6336, available: 256 }));
    assert_eq!(flash.operations, 0);
}

/// The presets' models on parts of every kind, NaN losses and all.
#[test]
fn any_model_on_any_part() {
    fn round<S: Memory, const WRITE: usize, const PAGE: usize>(mut from: S, mut to: S) {
        let shape = from.shape();
        let bytes = region_bytes(shape, PAGE).unwrap();
        // Not at the beginning of the flash, and not to its end.
        let flash = Nor::<WRITE, PAGE>::new(bytes / PAGE + 2, 0);
        let mut store = Store::new(flash, PAGE as u32, bytes as u32, shape).unwrap();
        let mut source = trainer(&mut from, 3, 12);
        source.resume_after(Some(StepReport { step: 12, train_loss: f32::NAN }));
        for _ in 0..3 {
            store.save(RUN, &mut source).unwrap();
        }
        let mut target = trainer(&mut to, 4, 0);
        let saved = store.load(RUN, &mut target).unwrap();
        assert_eq!((saved.sequence, saved.shape, saved.run), (2, shape, RUN));
        assert_eq!(target.last_step().unwrap().step, 12);
        assert_eq!(bits(&mut target), bits(&mut source));
        let mut flash = store.release();
        let length = flash.cells_mut().len();
        assert!(flash.cells_mut()[..PAGE].iter().all(|byte| *byte == 0xff));
        assert!(flash.cells_mut()[length - PAGE..].iter().all(|byte| *byte == 0xff));
    }
    round::<_, 1, 4096>(Fixed::<4, 64, 8, 8>::zeroed(), Fixed::zeroed());
    round::<_, 4, 1024>(Fixed::<4, 32, 4, 4>::zeroed(), Fixed::zeroed());
    round::<_, 8, 2048>(Fixed::<1, 1, 1, 1>::zeroed(), Fixed::zeroed());
    round::<_, 16, 512>(Fixed::<7, 2, 3, 1>::zeroed(), Fixed::zeroed());
    round::<_, 32, 64>(Fixed::<3, 3, 2, 1>::zeroed(), Fixed::zeroed());
    round::<_, 32, 128>(Fixed::<3, 5, 11, 13>::zeroed(), Fixed::zeroed());
}
