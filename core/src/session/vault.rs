//! Where weights outlast a power cut: the seam to whatever memory a board has for it.

use crate::command::Fault;
use crate::params::Params;

/// Keeps weights.
pub trait Vault {
    /// Keeps the weights that `step` steps have made.
    ///
    /// # Errors
    ///
    /// [`Fault::NoFlash`] or [`Fault::SaveFailed`]; what was kept before is still kept.
    fn save(&mut self, step: u32, params: &Params) -> Result<(), Fault>;

    /// Puts the weights back that were kept last, and returns their steps.
    ///
    /// # Errors
    ///
    /// [`Fault::NoFlash`], [`Fault::NothingSaved`], [`Fault::SavedCorrupt`] or [`Fault::SavedOther`]; the
    /// weights are as before.
    fn resume(&mut self, params: &mut Params) -> Result<u32, Fault>;
}

/// A board without such memory.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoVault;

impl Vault for NoVault {
    fn save(&mut self, _: u32, _: &Params) -> Result<(), Fault> {
        Err(Fault::NoFlash)
    }

    fn resume(&mut self, _: &mut Params) -> Result<u32, Fault> {
        Err(Fault::NoFlash)
    }
}
