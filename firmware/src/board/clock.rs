//! Time, as every board gives it.

use super::chosen;

/// A counter that only runs upwards.
pub struct Counter {
    last_micros: u32,
    rest_micros: u32,
    millis: u32,
}

impl Counter {
    /// The counter of a started board, at 0 ms.
    pub(super) fn new() -> Self {
        Self { last_micros: chosen::micros(), rest_micros: 0, millis: 0 }
    }

    /// Ticks of [`TICK_HZ`](super::TICK_HZ), wrapping.
    pub fn ticks(&self) -> u32 {
        chosen::ticks()
    }

    /// Milliseconds since the start, wrapping after 49 days. Must be asked at least once in 71 minutes, when the
    /// microseconds behind it wrap.
    pub fn millis(&mut self) -> u32 {
        let now = chosen::micros();
        let passed = now.wrapping_sub(self.last_micros);
        self.last_micros = now;
        self.rest_micros += passed % 1000;
        self.millis = self.millis.wrapping_add(passed / 1000 + self.rest_micros / 1000);
        self.rest_micros %= 1000;
        self.millis
    }
}
