//! Which Nomad is shown.

use std::fmt;
use std::str::FromStr;

/// A version of Nomad whose API is served.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum NomadVersion {
    /// 1.1.2.
    #[default]
    V1_1,
    /// 2.0.5.
    V2_0,
}

impl NomadVersion {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::V1_1, Self::V2_0];

    /// As one writes it: `1.1`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V1_1 => "1.1",
            Self::V2_0 => "2.0",
        }
    }

    /// The release that was recorded, and is shown: `1.1.2`.
    #[must_use]
    pub fn release(self) -> &'static str {
        match self {
            Self::V1_1 => "1.1.2",
            Self::V2_0 => "2.0.5",
        }
    }
}

impl fmt::Display for NomadVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A version that is not served.
#[derive(Debug, thiserror::Error)]
#[error("Nomad {0} is not served; 1.1 and 2.0 are")]
pub struct UnknownVersion(String);

impl FromStr for NomadVersion {
    type Err = UnknownVersion;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let named = Self::ALL.into_iter().find(|version| [version.as_str(), version.release()].contains(&text));
        named.ok_or_else(|| UnknownVersion(text.to_owned()))
    }
}
