//! How much the tests of chance try: `MOTE_VOLUME`, which `cargo verify` sets to the name of its tier.

/// The variable.
pub const VARIABLE: &str = "MOTE_VOLUME";

/// An amount of trials, the same tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Volume {
    /// What a person waits for.
    Fast,
    /// What a change must pass before it lands; also that of a plain `cargo test`.
    Full,
    /// What takes hours.
    Nightly,
}

impl Volume {
    /// The volume of this name.
    pub fn by_name(name: &str) -> Option<Self> {
        match name {
            "fast" => Some(Self::Fast),
            "full" => Some(Self::Full),
            "nightly" => Some(Self::Nightly),
            _ => None,
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fast => "fast",
            Self::Full => "full",
            Self::Nightly => "nightly",
        }
    }

    /// The volume that the environment asks for.
    ///
    /// # Panics
    ///
    /// If it asks for one that is not known: a test must not run less than was meant.
    pub fn chosen() -> Self {
        let Ok(name) = std::env::var(VARIABLE) else { return Self::Full };
        Self::by_name(&name).unwrap_or_else(|| panic!("{VARIABLE}: expected fast, full or nightly, found \"{name}\""))
    }

    /// One of three amounts.
    pub fn pick<T>(self, fast: T, full: T, nightly: T) -> T {
        match self {
            Self::Fast => fast,
            Self::Full => full,
            Self::Nightly => nightly,
        }
    }
}

/// One of three amounts, by the volume that the environment asks for.
pub fn pick<T>(fast: T, full: T, nightly: T) -> T {
    Volume::chosen().pick(fast, full, nightly)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_volume_has_its_name_and_its_amount() {
        for (volume, amount) in [(Volume::Fast, 1), (Volume::Full, 2), (Volume::Nightly, 3)] {
            assert_eq!(Volume::by_name(volume.name()), Some(volume));
            assert_eq!(volume.pick(1, 2, 3), amount);
        }
        assert_eq!(Volume::by_name("ful"), None);
    }
}
