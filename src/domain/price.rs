//! What something costs, in whatever money people count in.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, Mul};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How many parts of the money's unit are told apart.
const PARTS: u64 = 1_000_000;

/// An amount of money, exact to its millionth; in which money, nobody asks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "Written")]
pub struct Price(u64);

impl FromStr for Price {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (whole, parts) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let wrong = || format!("{text:?} is no amount of money like 0.192; six digits after the point at most");
        if !digits(whole) || !digits(parts) || parts.len() > 6 {
            return Err(wrong());
        }
        let whole: u64 = whole.parse().map_err(|_| wrong())?;
        let parts: u64 = format!("{parts:0<6}").parse().map_err(|_| wrong())?;
        whole.checked_mul(PARTS).and_then(|whole| whole.checked_add(parts)).map(Self).ok_or_else(wrong)
    }
}

/// A price as files may have it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Whole(u64),
    Number(f64),
    Text(String),
}

impl TryFrom<Written> for Price {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        match written {
            Written::Whole(number) => number.to_string().parse(),
            // As it was written: the shortest text that is this number.
            Written::Number(number) => number.to_string().parse(),
            Written::Text(text) => text.parse(),
        }
    }
}

impl From<Price> for String {
    fn from(price: Price) -> Self {
        price.to_string()
    }
}

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, parts) = (self.0 / PARTS, self.0 % PARTS);
        if parts == 0 {
            return whole.fmt(f);
        }
        let parts = format!("{parts:06}");
        write!(f, "{whole}.{}", parts.trim_end_matches('0'))
    }
}

impl Add for Price {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sum for Price {
    fn sum<I: Iterator<Item = Self>>(prices: I) -> Self {
        prices.fold(Self::default(), Add::add)
    }
}

impl Mul<u32> for Price {
    type Output = Self;

    fn mul(self, times: u32) -> Self {
        Self(self.0.saturating_mul(times.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_exact() {
        for (text, shown) in
            [("0.192", "0.192"), ("3", "3"), ("3.50", "3.5"), ("0.000001", "0.000001"), ("007.10", "7.1")]
        {
            let price: Price = text.parse().unwrap();
            assert_eq!(price.to_string(), shown);
            assert_eq!(serde_json::from_str::<Price>(&serde_json::to_string(&price).unwrap()).unwrap(), price);
        }
        assert_eq!(serde_json::from_str::<Vec<Price>>("[2, 0.192, \"0.192\"]").unwrap()[1].to_string(), "0.192");
        let tenth: Price = "0.1".parse().unwrap();
        assert_eq!((tenth * 3).to_string(), "0.3");
        for wrong in ["", ".", "1.", ".5", "-1", "1e3", "1,5", "0.0000001", "99999999999999999999", "$1", "NaN"] {
            assert!(wrong.parse::<Price>().is_err(), "{wrong:?}");
        }
    }
}
