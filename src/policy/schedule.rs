//! Bounds by calendar: at these hours of these days at least so many, or at most (J34).

use std::fmt;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

/// Minutes of a day.
const DAY: u16 = 24 * 60;

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Entries such as `mon-fri 08:00-18:00 Europe/Berlin min=10`, with semicolons between them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Schedule {
    entries: Vec<Entry>,
}

/// Bounds at some hours of some days.
#[derive(Debug, Clone, PartialEq)]
struct Entry {
    /// As it was written.
    text: String,
    /// Of the days from Monday on, those at which it begins.
    days: [bool; 7],
    /// From and to which minute of the day. Where it ends before it begins, it ends on the next day.
    hours: (u16, u16),
    zone: TimeZone,
    min: Option<u32>,
    max: Option<u32>,
}

/// What a schedule says at a moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InForce {
    /// At least so many: the most that an entry says.
    pub min: Option<u32>,
    /// At most so many: the fewest that an entry says.
    pub max: Option<u32>,
    /// The entries that say so.
    pub entries: Vec<String>,
}

impl Schedule {
    /// Reads entries; an error says which one is wrong, and how.
    ///
    /// # Errors
    ///
    /// In words.
    pub fn read(text: &str) -> Result<Self, String> {
        let entries = text.split(';').map(str::trim).filter(|entry| !entry.is_empty());
        let entries: Vec<Entry> = entries.map(Entry::read).collect::<Result<_, _>>()?;
        if entries.is_empty() { Err("it has no entry".to_owned()) } else { Ok(Self { entries }) }
    }

    /// What holds at a moment.
    #[must_use]
    pub fn at(&self, now: Timestamp) -> InForce {
        let mut all = InForce::default();
        for entry in self.entries.iter().filter(|entry| entry.holds(now)) {
            all.min = all.min.max(entry.min);
            all.max = [all.max, entry.max].into_iter().flatten().min();
            all.entries.push(entry.text.clone());
        }
        all
    }

    /// The first bound for which the test fails, with its entry.
    pub(super) fn bound_that_is_not(&self, fits: impl Fn(u32) -> bool) -> Option<(u32, &str)> {
        let bounds = self
            .entries
            .iter()
            .flat_map(|entry| [entry.min, entry.max].into_iter().flatten().map(|bound| (bound, entry.text.as_str())));
        bounds.into_iter().find(|(bound, _)| !fits(*bound))
    }
}

impl Entry {
    fn read(text: &str) -> Result<Self, String> {
        let wrong = |word: &str, what: &str| format!("{word:?} in {text:?} is {what}");
        let mut entry = Self {
            text: text.split_whitespace().collect::<Vec<_>>().join(" "),
            days: [true; 7],
            hours: (0, DAY),
            zone: TimeZone::UTC,
            min: None,
            max: None,
        };
        for word in text.split_whitespace() {
            let lower = word.to_ascii_lowercase();
            let count = |digits: &str| digits.parse().map(Some).map_err(|_| wrong(word, "no count"));
            if let Some(digits) = lower.strip_prefix("min=") {
                entry.min = count(digits)?;
            } else if let Some(digits) = lower.strip_prefix("max=") {
                entry.max = count(digits)?;
            } else if let Some(days) = days(&lower) {
                entry.days = days;
            } else if word.contains(':') {
                entry.hours = hours(word).ok_or_else(|| wrong(word, "no span of hours like 08:00-18:00"))?;
            } else {
                let unknown = "no day, no span of hours, no bound and no time zone like Europe/Berlin";
                entry.zone = TimeZone::get(word).map_err(|_| wrong(word, unknown))?;
            }
        }
        match (entry.min, entry.max) {
            (None, None) => Err(format!("{text:?} says neither min= nor max=")),
            // Nothing of ours ever sets 0 (J24), and no rule would lead back from it.
            (_, Some(0)) => Err(format!("{text:?} leaves room for nothing: a group is not scaled in below 1")),
            (Some(min), Some(max)) if min > max => Err(format!("{text:?} has more at the least than at the most")),
            _ => Ok(entry),
        }
    }

    fn holds(&self, now: Timestamp) -> bool {
        let local = now.to_zoned(self.zone.clone());
        let minute = u16::try_from(i32::from(local.hour()) * 60 + i32::from(local.minute())).unwrap_or(0);
        let today = usize::from(local.weekday().to_monday_zero_offset().unsigned_abs());
        let (from, to) = self.hours;
        let yesterday = (today + 6) % 7;
        if from < to {
            self.days[today] && (from..to).contains(&minute)
        } else {
            self.days[today] && minute >= from || self.days[yesterday] && minute < to
        }
    }
}

/// `mon-fri`, `sat,sun`, `daily`.
fn days(text: &str) -> Option<[bool; 7]> {
    if text == "daily" {
        return Some([true; 7]);
    }
    let place = |name: &str| DAYS.iter().position(|day| *day == name);
    let mut days = [false; 7];
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (mut day, last) = (place(first)?, place(last)?);
        days[day] = true;
        while day != last {
            day = (day + 1) % 7;
            days[day] = true;
        }
    }
    Some(days)
}

/// `08:00-18:00`, `22:00-06:00`, `18:00-24:00`.
fn hours(text: &str) -> Option<(u16, u16)> {
    let minute = |text: &str| {
        let (hours, minutes) = text.split_once(':')?;
        let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
        Some(hours * 60 + minutes).filter(|minute| minutes < 60 && hours <= 24 && *minute <= DAY)
    };
    let (from, to) = text.split_once('-')?;
    let (from, to) = (minute(from)?, minute(to)?);
    (from != to && from < DAY).then_some((from, to))
}

impl TryFrom<String> for Schedule {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::read(&text)
    }
}

impl From<Schedule> for String {
    fn from(schedule: Schedule) -> Self {
        schedule.to_string()
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entries: Vec<&str> = self.entries.iter().map(|entry| entry.text.as_str()).collect();
        f.write_str(&entries.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(schedule: &str, time: &str) -> (Option<u32>, Option<u32>) {
        let in_force = Schedule::read(schedule).unwrap().at(time.parse().unwrap());
        (in_force.min, in_force.max)
    }

    #[test]
    fn j34_bounds_hold_at_their_hours_of_their_days() {
        let office = "mon-fri 08:00-18:00 min=10; sat,sun max=4";
        // 2026-11-27 is a Friday.
        assert_eq!(at(office, "2026-11-27T07:59:59Z"), (None, None));
        assert_eq!(at(office, "2026-11-27T08:00:00Z"), (Some(10), None));
        assert_eq!(at(office, "2026-11-27T18:00:00Z"), (None, None));
        assert_eq!(at(office, "2026-11-28T12:00:00Z"), (None, Some(4)));
        assert_eq!(at("sun-mon min=3", "2026-11-30T12:00:00Z"), (Some(3), None), "over the end of the week");
        assert_eq!(at("fri 18:00-24:00 min=3", "2026-11-27T23:59:59Z"), (Some(3), None));
    }

    #[test]
    fn j34_what_begins_in_the_evening_ends_in_the_morning() {
        let night = "fri 22:00-06:00 max=2";
        assert_eq!(at(night, "2026-11-27T05:00:00Z"), (None, None), "that was Thursday's night");
        assert_eq!(at(night, "2026-11-27T22:00:00Z"), (None, Some(2)));
        assert_eq!(at(night, "2026-11-28T05:59:00Z"), (None, Some(2)));
        assert_eq!(at(night, "2026-11-28T22:00:00Z"), (None, None));
    }

    #[test]
    fn j34_hours_are_those_of_the_zone_in_summer_and_in_winter() {
        let berlin = "08:00-18:00 Europe/Berlin min=10";
        assert_eq!(at(berlin, "2026-07-01T06:00:00Z"), (Some(10), None), "two hours ahead in July");
        assert_eq!(at(berlin, "2026-12-01T06:00:00Z"), (None, None));
        assert_eq!(at(berlin, "2026-12-01T07:00:00Z"), (Some(10), None), "one in December");
    }

    #[test]
    fn j34_of_several_the_tighter_ones_hold() {
        let both = "daily min=3 max=9; fri 10:00-12:00 min=5; fri max=7";
        assert_eq!(at(both, "2026-11-27T11:00:00Z"), (Some(5), Some(7)));
        assert_eq!(at(both, "2026-11-26T11:00:00Z"), (Some(3), Some(9)));
        let in_force = Schedule::read(both).unwrap().at("2026-11-27T13:00:00Z".parse().unwrap());
        assert_eq!(in_force.entries, ["daily min=3 max=9", "fri max=7"]);
    }

    #[test]
    fn j3_j24_j34_an_entry_that_cannot_be_read_is_named() {
        let wrong = |text: &str| Schedule::read(text).unwrap_err();
        assert_eq!(wrong(" ; "), "it has no entry");
        assert_eq!(wrong("mon-fri 08:00-18:00"), "\"mon-fri 08:00-18:00\" says neither min= nor max=");
        assert!(wrong("mon-fry min=3").starts_with("\"mon-fry\" in \"mon-fry min=3\" is no day"));
        assert!(wrong("08:00-25:00 min=3").contains("is no span of hours like"));
        assert!(wrong("08:00-08:00 min=3").contains("is no span of hours like"));
        assert!(wrong("Europe/Bearlin min=3").contains("time zone"));
        assert!(wrong("min=three").contains("is no count"));
        assert!(wrong("sat,sun max=0").contains("leaves room for nothing"));
        assert!(wrong("min=3 max=2").contains("more at the least"));
    }

    #[test]
    fn a_schedule_is_written_as_it_was_read() {
        let text = "mon-fri 08:00-18:00  Europe/Berlin min=10;sat max=2";
        let schedule = Schedule::read(text).unwrap();
        assert_eq!(schedule.to_string(), "mon-fri 08:00-18:00 Europe/Berlin min=10; sat max=2");
        let json = serde_json::to_string(&schedule).unwrap();
        assert_eq!(serde_json::from_str::<Schedule>(&json).unwrap(), schedule);
    }
}
