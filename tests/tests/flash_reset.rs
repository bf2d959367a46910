//! The emulated micro:bit is reset at random moments of training and of saving, and goes on from its own flash: it ends
//! with the bits of a run that was not disturbed, and of the host.
//!
//! The flash lives in the emulator, so the emulator lives on and only the machine is reset, over its control socket.

use anyhow::{Context, ensure};
use embedded_storage::nor_flash::{ErrorType, NorFlash, NorFlashErrorKind, ReadNorFlash};
use mote_core::data::Synthetic;
use mote_core::memory::Fixed;
use mote_core::rng::{Purpose, Stream};
use mote_core::train::Trainer;
use mote_host::board::model::FirmwareModel;
use mote_host::board::provision::QEMU;
use mote_host::board::{build, machine};
use mote_protocol::crc::checksum;
use mote_runtime::checkpoint::{Refusal, Store};
use mote_runtime::runs::presets::Preset;
use mote_runtime::runs::training_run::weights_crc32;
use mote_tests::volume::pick;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// Resets in training and in saving.
fn resets() -> (usize, usize) {
    pick((30, 40), (30, 40), (150, 150))
}
/// Resets that must meet a save half done, in training and in saving each; tried on until they have.
const HALF_DONE: usize = 2;
/// No more resets than these, should none meet one.
const RESETS_AT_MOST: usize = 300;
const STEPS: u32 = 600;
/// From here on, a run may end before the next reset.
const NEARLY_OVER: u32 = 450;
/// Where the chip keeps its checkpoints, as `microbit_flash.rs` says.
const FLASH: (u64, usize) = (0x3_F000, 0x1000);
const PATIENCE: Duration = Duration::from_secs(60);

/// An emulated micro:bit that can be reset. Killed when dropped.
struct Chip {
    child: Child,
    input: ChildStdin,
    lines: Receiver<String>,
    control: BufReader<UnixStream>,
    folder: tempfile::TempDir,
}

impl Chip {
    fn start(elf: &Path) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let socket = folder.path().join("control");
        let mut child = Command::new(QEMU)
            .args(["-M", "microbit", "-display", "none", "-monitor", "none", "-serial", "stdio"])
            .args(["-semihosting-config", "enable=on,target=native"])
            .args(["-icount", "shift=7,align=off,sleep=off"])
            .arg("-qmp")
            .arg(format!("unix:{},server=on,wait=off", socket.display()))
            .arg("-kernel")
            .arg(elf)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context(QEMU)?;
        let (input, stdout) = (child.stdin.take().context("input")?, child.stdout.take().context("output")?);
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            let mut reader = BufReader::new(stdout);
            let mut line = Vec::new();
            while matches!(reader.read_until(b'\n', &mut line), Ok(count) if count > 0) {
                if sender.send(String::from_utf8_lossy(line.trim_ascii_end()).into_owned()).is_err() {
                    break;
                }
                line.clear();
            }
        });
        let until = Instant::now() + PATIENCE;
        let control = loop {
            match UnixStream::connect(&socket) {
                Ok(control) => break control,
                Err(error) if Instant::now() > until => {
                    let _ = child.kill();
                    return Err(error).context("the emulator's control socket");
                }
                Err(_) => std::thread::sleep(Duration::from_millis(10)),
            }
        };
        control.set_read_timeout(Some(PATIENCE))?;
        let mut chip = Self { child, input, lines, control: BufReader::new(control), folder };
        chip.order("qmp_capabilities", "")?;
        Ok(chip)
    }

    /// Gives an order to the emulator, and waits until it is carried out.
    fn order(&mut self, order: &str, arguments: &str) -> anyhow::Result<()> {
        let message = format!("{{\"execute\": \"{order}\", \"arguments\": {{{arguments}}}}}\n");
        self.control.get_mut().write_all(message.as_bytes())?;
        loop {
            let mut line = String::new();
            ensure!(self.control.read_line(&mut line)? > 0, "{order}: the emulator has ended");
            ensure!(!line.contains("\"error\""), "{order}: {line}");
            if line.contains("\"return\"") {
                return Ok(());
            }
        }
    }

    /// Resets the machine. Gives back what its flash held at that moment.
    fn reset(&mut self) -> anyhow::Result<Vec<u8>> {
        let dump: PathBuf = self.folder.path().join("flash");
        self.order("stop", "")?;
        let (start, bytes) = FLASH;
        let place = format!("\"val\": {start}, \"size\": {bytes}, \"filename\": \"{}\"", dump.display());
        // Through the processor: the chip has a memory of its own, and that of the machine is empty.
        self.order("memsave", &place)?;
        self.order("system_reset", "")?;
        self.order("cont", "")?;
        Ok(std::fs::read(dump)?)
    }

    fn print_line(&mut self, command: &str) -> anyhow::Result<()> {
        writeln!(self.input, "{command} *{:08x}", checksum(command.as_bytes()))?;
        Ok(self.input.flush()?)
    }

    /// The next line that has one of these in it. What stood before a reset may run into it.
    fn hear(&mut self, any_of: &[&str]) -> anyhow::Result<String> {
        let until = Instant::now() + PATIENCE;
        loop {
            let line = self.lines.recv_timeout(until.saturating_duration_since(Instant::now()));
            let line = line.with_context(|| format!("waiting for {any_of:?}"))?;
            if any_of.iter().any(|part| line.contains(part)) {
                return Ok(line);
            }
        }
    }

    /// Forgets what was heard so far.
    fn forget(&mut self) {
        while self.lines.try_recv().is_ok() {}
    }
}

impl Drop for Chip {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A copy of the chip's flash, to look at.
struct Copy(Vec<u8>);

impl ErrorType for Copy {
    type Error = NorFlashErrorKind;
}

impl ReadNorFlash for Copy {
    const READ_SIZE: usize = 4;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), NorFlashErrorKind> {
        let offset = offset as usize;
        bytes.copy_from_slice(self.0.get(offset..offset + bytes.len()).ok_or(NorFlashErrorKind::OutOfBounds)?);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.0.len()
    }
}

impl NorFlash for Copy {
    const WRITE_SIZE: usize = 4;
    const ERASE_SIZE: usize = 1024;

    fn erase(&mut self, _: u32, _: u32) -> Result<(), NorFlashErrorKind> {
        Err(NorFlashErrorKind::Other)
    }

    fn write(&mut self, _: u32, _: &[u8]) -> Result<(), NorFlashErrorKind> {
        Err(NorFlashErrorKind::Other)
    }
}

/// What resets have met.
#[derive(Debug, Default)]
struct Tally {
    resets: usize,
    /// A slot was half written, or its seals were not both there.
    in_a_save: usize,
    resumed: usize,
    from_scratch: usize,
}

impl Tally {
    fn look(&mut self, flash: Vec<u8>) {
        self.resets += 1;
        let shape = Preset::by_name("tiny").unwrap().shape;
        let is_old = flash.iter().all(|byte| *byte == 0);
        let mut store = Store::new(Copy(flash), 0, FLASH.1 as u32, shape).unwrap();
        let [first, second] = store.slots();
        let torn = |slot: &Result<mote_runtime::checkpoint::Saved, Refusal>| match slot {
            Ok(saved) => saved.seals < 2,
            Err(Refusal::Blank) => false,
            Err(_) => true,
        };
        // An erased slot beside a whole one, too, once both were written: so only what can be seen is counted.
        self.in_a_save += usize::from(!is_old && (torn(&first) || torn(&second)));
    }
}

/// The settings of both, as a command and on the host.
fn command(init: &str) -> String {
    format!("train n=4 snr=1 test=0 eval=0 steps={STEPS} stop_loss=0 report=100 save_every=1 force=1{init}")
}

/// The same run on the host: digest of the last weights.
fn on_the_host() -> u32 {
    let preset = Preset::by_name("tiny").unwrap();
    let run = preset.runs[0];
    let mut memory = Fixed::<4, 32, 4, 4>::zeroed();
    let mut trainer = Trainer::new(&mut memory, run.settings).unwrap();
    trainer.init(run.init, run.seed).unwrap();
    let size = (preset.shape.tokens, preset.shape.dim);
    let mut data = Synthetic::new(run.distribution, size, 4, run.seed, Purpose::Train).unwrap();
    for _ in 0..STEPS {
        trainer.step(&mut data).unwrap();
    }
    weights_crc32(&trainer.params())
}

/// Goes on from the flash, or begins: also once a run is nearly over. Answers from which step.
fn go_on(chip: &mut Chip, tally: &mut Tally) -> anyhow::Result<u32> {
    chip.print_line("resume")?;
    let line = chip.hear(&["cmd=resume"])?;
    let step = match line.split_once("ok cmd=resume numbers=") {
        Some((_, rest)) => {
            tally.resumed += 1;
            let step = rest.split(' ').next().and_then(|step| step.parse().ok()).context("a step")?;
            if step < NEARLY_OVER { step } else { 0 }
        }
        None => {
            ensure!(line.contains("code=nothing-saved") || line.contains("code=saved-corrupt"), "{line}");
            tally.from_scratch += 1;
            0
        }
    };
    chip.print_line(&command(if step > 0 { " init=keep" } else { "" }))?;
    chip.hear(&["ok cmd=train"])?;
    Ok(step)
}

/// The digest of the weights at the end of the run.
fn end(chip: &mut Chip) -> anyhow::Result<u32> {
    let line = chip.hear(&[&format!("digest what=weights step={STEPS} ")])?;
    let (_, crc) = line.split_once("crc=").context("a digest")?;
    Ok(u32::from_str_radix(crc.split(' ').next().unwrap_or_default(), 16)?)
}

fn wait(chance: &mut Stream, most_us: u32) {
    std::thread::sleep(Duration::from_micros(u64::from(chance.next_u32() % most_us)));
}

/// Has the chip save, and answers when it has read the command: one that waits on the line would be obeyed after the
/// reset, when the weights are 0. The echo tells.
fn begin_a_save(chip: &mut Chip) -> anyhow::Result<Instant> {
    chip.print_line("echo on=1")?;
    chip.hear(&["ok cmd=echo"])?;
    chip.print_line("save")?;
    chip.hear(&["save *"])?;
    Ok(Instant::now())
}

fn session_elf() -> anyhow::Result<PathBuf> {
    let machine = machine::by_name("microbit")?;
    Ok(build::build_session(machine, &FirmwareModel::choose(machine, Some("tiny"), None)?, false)?.elf)
}

#[test]
#[ignore = "needs the emulator; cargo verify runs it"]
fn a_chip_that_is_reset_goes_on_from_its_own_flash() -> anyhow::Result<()> {
    let elf = session_elf()?;
    let expected = on_the_host();

    let mut chip = Chip::start(&elf)?;
    let start = Instant::now();
    chip.print_line(&command(""))?;
    assert_eq!(end(&mut chip)?, expected, "undisturbed");
    // A step and its save, as this machine emulates them.
    let step_us = (start.elapsed() / STEPS).as_micros().clamp(1, 1_000_000) as u32;
    drop(chip);

    let mut chip = Chip::start(&elf)?;
    let (mut chance, mut tally) = (Stream::new(4, Purpose::Test, 0, 0), Tally::default());
    let mut last = go_on(&mut chip, &mut tally)?;
    while tally.resets < resets().0 || tally.in_a_save < HALF_DONE {
        ensure!(tally.resets < RESETS_AT_MOST, "{tally:?}");
        let is_first = tally.resets < 3;
        if !is_first {
            chip.hear(&["digest what=saved"])?;
        }
        wait(&mut chance, 2 * step_us);
        tally.look(chip.reset()?);
        chip.forget();
        let step = go_on(&mut chip, &mut tally)?;
        let is_anew = step == 0 && (last == 0 || last + STEPS / 4 >= NEARLY_OVER);
        ensure!(step >= last || is_anew, "reset {}: step {step} after {last}", tally.resets);
        last = step;
    }
    let found = end(&mut chip)?;
    println!("in training: {tally:?}; the last from step {last} of {STEPS}");
    assert_eq!(found, expected, "after {} resets", tally.resets);
    ensure!(tally.resumed >= 20, "{tally:?}");

    // The command, whose work is all saving. A reset falls between its beginning and its end as this machine shows
    // them.
    let mut saving = Tally::default();
    let answer = format!("numbers={STEPS} crc={expected:08x}");
    let mut times = [Duration::ZERO; 5];
    for time in &mut times {
        let begun = begin_a_save(&mut chip)?;
        ensure!(chip.hear(&["cmd=save"])?.contains(&answer));
        *time = begun.elapsed();
    }
    times.sort();
    let usual_us = times[2].as_micros().clamp(1, 1_000_000) as u32;
    while saving.resets < resets().1 || saving.in_a_save < HALF_DONE {
        ensure!(saving.resets < RESETS_AT_MOST, "{saving:?}");
        begin_a_save(&mut chip)?;
        wait(&mut chance, usual_us);
        saving.look(chip.reset()?);
        chip.forget();
        chip.print_line("resume")?;
        let line = chip.hear(&["cmd=resume"])?;
        ensure!(line.contains(&answer), "{line}");
        saving.resumed += 1;
    }
    println!("in saving: {saving:?}; a step takes {step_us} us, a save {usual_us} us");
    Ok(())
}
