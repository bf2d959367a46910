//! When a run stops.

/// The stop rule of (J): after each step, a run stops if the training loss before that step was below `loss`; and after
/// `max_steps` steps whatever the loss.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StopRule<T> {
    /// The loss below which it stops; at 0 it never does.
    pub loss: T,
    /// The most steps.
    pub max_steps: u32,
}

/// Why a run stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// The training loss was below the limit.
    Loss,
    /// All steps are done.
    Steps,
}

impl<T: PartialOrd + Copy> StopRule<T> {
    /// Whether a run stops after so many steps, with the training loss before the last of them where it is known.
    #[inline]
    pub fn check(&self, steps: u32, train_loss: Option<T>) -> Option<StopReason> {
        if train_loss.is_some_and(|loss| loss < self.loss) {
            return Some(StopReason::Loss);
        }
        (steps >= self.max_steps).then_some(StopReason::Steps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loss_speaks_first_and_must_be_below() {
        let rule = StopRule { loss: 0.5, max_steps: 3 };
        assert_eq!(rule.check(2, Some(0.5)), None);
        assert_eq!(rule.check(2, Some(0.49)), Some(StopReason::Loss));
        assert_eq!(rule.check(3, Some(0.49)), Some(StopReason::Loss));
        assert_eq!(rule.check(3, Some(0.5)), Some(StopReason::Steps));
        assert_eq!(rule.check(2, Some(f64::NAN)), None);
        assert_eq!(StopRule { loss: 0.0, max_steps: 1 }.check(0, None), None);
    }
}
