//! How much of the stack was ever used. The start-up code of cortex-m-rt paints all of it.

use core::ops::Range;
use cortex_m_rt::STACK_PAINT_VALUE;

unsafe extern "C" {
    /// Where the stack begins, at its highest address.
    static _stack_start: u32;
    /// The lowest address of the stack.
    static _stack_end: u32;
}

/// The addresses of the stack, lowest first.
pub fn addresses() -> Range<usize> {
    (&raw const _stack_end).addr()..(&raw const _stack_start).addr()
}

/// Bytes of the stack that were used since the start, and bytes there are.
pub fn used_and_size() -> (usize, usize) {
    let stack = addresses();
    let is_painted = |address: &usize| {
        // SAFETY: the address is a word of the stack's own memory, below what is in use or in it; reading it changes
        // nothing.
        unsafe { (*address as *const u32).read_volatile() == STACK_PAINT_VALUE }
    };
    let unused = stack.clone().step_by(size_of::<u32>()).take_while(is_painted).count() * size_of::<u32>();
    (stack.len() - unused, stack.len())
}
