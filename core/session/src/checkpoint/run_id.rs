//! Which run a checkpoint belongs to.

use crate::runs::presets::PresetRun;
use mote_core::data::Form;
use mote_core::params::Init;
use mote_protocol::crc::CRC;

/// What a run's weights depend on besides the model's shape: a checkpoint of another run is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RunId {
    /// Seed of data and weights.
    pub seed: u64,
    /// CRC-32 over all else that decides the bits.
    pub settings: u32,
}

impl RunId {
    /// The identity of a run on data of its seed: engine and its `exp`, data distribution, `N`, initial weights,
    /// learning rate, stop rule, and whether `w_O` is trained. Its name, its tests and its `max_steps` do not
    /// count: a run may be resumed to go further.
    pub fn of(run: &PresetRun) -> Self {
        let (form, [a, b]) = match run.distribution.form {
            Form::Paper { big, small } => (0, [big, small]),
            Form::Uniform { sigma } => (1, [sigma, 0.0]),
        };
        let (init, [c, d]) = match run.init {
            Init::FanIn { divisor } => (0, [divisor, 0.0]),
            Init::Gaussian { query_key_std, value_std } => (1, [query_key_std, value_std]),
        };
        let counts = [form, init, run.settings.train_output.into(), run.samples as u32];
        let numbers = [a, b, c, d, run.distribution.signal_norm, run.distribution.flip]
            .into_iter()
            .chain([run.settings.learning_rate, run.stop_loss]);
        let mut digest = CRC.digest();
        digest.update(mote_core::VERSION.as_bytes());
        digest.update(mote_core::math::NAME.as_bytes());
        for word in counts.into_iter().chain(numbers.map(f32::to_bits)) {
            digest.update(&word.to_le_bytes());
        }
        Self { seed: run.seed, settings: digest.finalize() }
    }

    /// The identity of whatever a session of this engine saves: its runs come and go, and the one that is asked for
    /// next goes on from the weights, whichever made them.
    pub fn session() -> Self {
        let mut digest = CRC.digest();
        digest.update(mote_core::VERSION.as_bytes());
        digest.update(mote_core::math::NAME.as_bytes());
        digest.update(b"session");
        Self { seed: 0, settings: digest.finalize() }
    }

    /// The identity of the same run on data that do not come from its seed, by a digest of theirs.
    pub fn with_data(self, data: u32) -> Self {
        let mut digest = CRC.digest();
        digest.update(&self.settings.to_le_bytes());
        digest.update(&data.to_le_bytes());
        Self { settings: digest.finalize(), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runs::presets::Preset;
    use mote_core::data::Distribution;
    use mote_core::train::Settings;

    /// Every field that decides the bits, changed alone.
    #[test]
    fn a_run_is_another_if_its_bits_could_be() {
        let run = Preset::by_name("tiny").unwrap().runs[0];
        let PresetRun { distribution, settings, .. } = run;
        let form = |form| PresetRun { distribution: Distribution { form, ..distribution }, ..run };
        let init = |init| PresetRun { init, ..run };
        let others = [
            PresetRun { seed: 2, ..run },
            PresetRun { samples: 18, ..run },
            PresetRun { stop_loss: 0.02, ..run },
            PresetRun { settings: Settings { learning_rate: 0.25, ..settings }, ..run },
            PresetRun { settings: Settings { train_output: true, ..settings }, ..run },
            PresetRun { distribution: Distribution { signal_norm: 3.0, ..distribution }, ..run },
            PresetRun { distribution: Distribution { flip: 0.1, ..distribution }, ..run },
            form(Form::Uniform { sigma: 1.0 }),
            form(Form::Paper { big: distribution.form.reference_std(), small: 0.0 }),
            form(Form::Paper { big: distribution.form.reference_std(), small: 1.0 }),
            init(Init::Gaussian { query_key_std: 0.03, value_std: 1e-3 }),
            init(Init::Gaussian { query_key_std: 0.02, value_std: 0.0 }),
            init(Init::FanIn { divisor: 0.02 }),
        ];
        let ids = others.map(|other| RunId::of(&other));
        for (i, id) in ids.iter().enumerate() {
            assert_ne!(*id, RunId::of(&run), "{:?}", others[i]);
            assert!(!ids[..i].contains(id), "{:?}", others[i]);
        }
        let same = PresetRun { name: "other", test_samples: 1, max_steps: 1, eval_every: 1, ..run };
        assert_eq!(RunId::of(&same), RunId::of(&run));
        assert_ne!(RunId::of(&run).with_data(1), RunId::of(&run).with_data(2));
        assert_ne!(RunId::of(&run).with_data(0), RunId::of(&run));
    }
}
