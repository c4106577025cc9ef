//! Numbers from outside: an amount may be anything, and only one that can be is believed.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// No amount of anything is above this: not of MHz, MiB, ports or allocations.
const LARGEST: u64 = 1 << 40;

/// An amount as it was sent. Reading one never fails, so that an odd one is a problem of the thing that it belongs to,
/// and of nothing else.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Amount {
    /// Not sent, or null.
    #[default]
    Absent,
    /// Sent, and possible.
    Known(u64),
    /// Sent, and no amount: negative, absurdly large, a fraction, a text.
    Odd(String),
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        Ok(match value.as_u64() {
            Some(amount) if amount <= LARGEST => Self::Known(amount),
            None if value.is_null() => Self::Absent,
            _ => Self::Odd(value.to_string()),
        })
    }
}

impl Amount {
    /// The amount, if one was sent.
    ///
    /// # Errors
    ///
    /// When what was sent is none; `what` names it.
    pub(super) fn told(&self, what: &str) -> Result<Option<u64>, String> {
        match self {
            Self::Absent => Ok(None),
            Self::Known(amount) => Ok(Some(*amount)),
            Self::Odd(sent) => Err(format!("its {what} is {sent}, which is no amount")),
        }
    }

    /// The amount, 0 where none was sent.
    ///
    /// # Errors
    ///
    /// As [`Self::told`].
    pub(super) fn or_zero(&self, what: &str) -> Result<u64, String> {
        self.told(what).map(Option::unwrap_or_default)
    }

    /// The amount as a number of things.
    ///
    /// # Errors
    ///
    /// As [`Self::told`], and when there are too many of them.
    pub(super) fn count(&self, what: &str) -> Result<Option<u32>, String> {
        let told = self.told(what)?;
        told.map(|count| u32::try_from(count).map_err(|_| format!("its {what} is {count}, which is too many")))
            .transpose()
    }

    /// The amount as a port; nothing where none was sent, or 0, which stands for one that is not chosen yet.
    ///
    /// # Errors
    ///
    /// As [`Self::told`], and when it is above all ports.
    pub(super) fn port(&self) -> Result<Option<u16>, String> {
        let told = self.told("port")?.filter(|port| *port > 0);
        told.map(|port| u16::try_from(port).map_err(|_| format!("its port {port} is none"))).transpose()
    }
}

/// An index of the servers' state. What exists has one above 0.
///
/// # Errors
///
/// When there is none; `what` names it.
pub(super) fn index(sent: Option<u64>, what: &str) -> Result<u64, String> {
    sent.filter(|index| *index > 0).ok_or_else(|| format!("it has no {what}"))
}
