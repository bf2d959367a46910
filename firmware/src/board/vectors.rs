//! The interrupt part of the vector table. The firmware polls and enables no interrupt, so 32 entries,
//! all that a Cortex-M0 can have, are plenty; the 240 of a nameless device would cost 960 bytes of flash.

unsafe extern "C" {
    /// The handler of cortex-m-rt for whatever has no handler of its own.
    fn DefaultHandler();
}

/// External interrupts 0 to 31.
// SAFETY: cortex-m-rt (feature `device`) places this section right behind the system exceptions, where
// the hardware looks for the external interrupts (ARMv7-M ARM, B1.5.3; ARMv6-M ARM, B1.5.3).
#[unsafe(link_section = ".vector_table.interrupts")]
// SAFETY: the name is the one cortex-m-rt reserves for this table; nothing else defines it.
#[unsafe(no_mangle)]
static __INTERRUPTS: [unsafe extern "C" fn(); 32] = [DefaultHandler; 32];
