//! The last pages of the micro:bit's flash, for checkpoints (nRF51 Series Reference Manual 3.0, section 6).

use super::table::{CHECKPOINTS_BYTES as BYTES, CHECKPOINTS_START as START, PAGE_BYTES};
use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashErrorKind, ReadNorFlash, check_erase, check_read, check_write,
};

const NVMC: *mut u32 = 0x4001_E000 as *mut u32;

/// What the controller lets through (CONFIG, 0x504).
#[derive(Clone, Copy)]
enum Mode {
    Read = 0,
    Write = 1,
    Erase = 2,
}

/// The pages, at offsets from [`START`]: no offset reaches the program.
#[derive(Debug)]
pub struct Flash(pub(super) ());

impl Flash {
    /// Bytes of all pages.
    pub const BYTES: usize = BYTES as usize;

    /// How often a page may be erased (nRF51822 Product Specification, endurance of the flash).
    pub const ERASURES: u32 = 20_000;

    /// Waits until the controller is free, then lets it write, erase, or neither.
    fn set(mode: Mode) {
        // SAFETY: NVMC, section 6.2: READY (0x400) is 1 when no operation runs, CONFIG (0x504) may be written then.
        unsafe {
            while NVMC.byte_add(0x400).read_volatile() & 1 == 0 {}
            NVMC.byte_add(0x504).write_volatile(mode as u32);
        }
    }

    /// The words from an offset on.
    fn words(offset: u32) -> impl Iterator<Item = *mut u32> {
        (START + offset..START + BYTES).step_by(size_of::<u32>()).map(|address| address as *mut u32)
    }
}

impl ErrorType for Flash {
    type Error = NorFlashErrorKind;
}

impl ReadNorFlash for Flash {
    const READ_SIZE: usize = size_of::<u32>();

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), NorFlashErrorKind> {
        check_read(self, offset, bytes.len())?;
        for (word, bytes) in Self::words(offset).zip(bytes.as_chunks_mut().0) {
            // SAFETY: an aligned word of flash that nothing else in the program names, so it belongs to no object;
            // volatile, because the controller changes it behind the compiler's back.
            *bytes = unsafe { word.read_volatile() }.to_le_bytes();
        }
        Ok(())
    }

    fn capacity(&self) -> usize {
        BYTES as usize
    }
}

impl NorFlash for Flash {
    const WRITE_SIZE: usize = size_of::<u32>();
    const ERASE_SIZE: usize = PAGE_BYTES as usize;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), NorFlashErrorKind> {
        check_erase(self, from, to)?;
        Self::set(Mode::Erase);
        for page in (START + from..START + to).step_by(Self::ERASE_SIZE) {
            // SAFETY: NVMC, section 6.2: ERASEPAGE (0x508) takes the address of a page, here one of the last four,
            // and READY (0x400) rises when it is erased.
            unsafe {
                NVMC.byte_add(0x508).write_volatile(page);
                while NVMC.byte_add(0x400).read_volatile() & 1 == 0 {}
            }
        }
        Self::set(Mode::Read);
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), NorFlashErrorKind> {
        check_write(self, offset, bytes.len())?;
        Self::set(Mode::Write);
        for (word, bytes) in Self::words(offset).zip(bytes.as_chunks().0) {
            // SAFETY: an aligned word of flash that nothing else in the program names; with CONFIG at 1 a store to it
            // programs it, and READY (0x400) rises when it is done.
            unsafe {
                word.write_volatile(u32::from_le_bytes(*bytes));
                while NVMC.byte_add(0x400).read_volatile() & 1 == 0 {}
            }
        }
        Self::set(Mode::Read);
        Ok(())
    }
}
