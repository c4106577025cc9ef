//! What changed something, as it is kept in Consul (S18): an entry a change, written in the same transaction as the state that
//! it is about, so that none is lost and none is made up whoever is killed when.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How much of the history is kept, keys included, in bytes.
const HISTORY_BYTES: usize = 512 * 1024;
/// After how many entries a leader looks whether there is too much.
pub const HISTORY_SLACK: u32 = 200;
/// The longest that the words of an entry may be, in characters.
const LONGEST_WORDS: usize = 600;

/// Below this prefix is the history.
#[must_use]
pub fn history_prefix(root: &str) -> String {
    format!("{root}/history/")
}

/// Something that changed something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryEntry {
    /// When, by the clock of who wrote it.
    pub at: Timestamp,
    /// Who wrote it: an agent, or an operator.
    pub by: String,
    /// About what, in words; nothing where it is about no resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// What kind of thing: `began`, `phase`, `finished`, `failsafe`, `hold`, `leadership`.
    pub kind: String,
    /// In words.
    pub words: String,
}

/// An entry with its key, as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Noted {
    /// The key: in the order of time.
    pub key: String,
    /// The JSON.
    pub value: Vec<u8>,
}

impl HistoryEntry {
    /// The entry as it is written below a root. `about` tells it from what else happens at that moment.
    #[must_use]
    pub fn noted(mut self, root: &str, about: &str) -> Noted {
        if let Some((end, _)) = self.words.char_indices().nth(LONGEST_WORDS) {
            self.words.truncate(end);
            self.words.push('…');
        }
        let key = format!("{}{}/{about}", history_prefix(root), self.at.strftime("%Y-%m-%dT%H:%M:%S.%9fZ"));
        // Texts only: there is nothing that JSON could not hold.
        Noted { key, value: serde_json::to_vec(&self).unwrap_or_default() }
    }

    /// Reads an entry; nothing where it is none.
    #[must_use]
    pub fn read(value: &[u8]) -> Option<Self> {
        serde_json::from_slice(value).ok()
    }
}

/// Which of these entries, given as their sizes in the order of time, are too much: so many of the oldest.
#[must_use]
pub fn too_much(sizes: &[usize]) -> usize {
    let mut left = HISTORY_BYTES;
    let fits = |size: &&usize| {
        let still = left.checked_sub(**size);
        left = still.unwrap_or(0);
        still.is_some()
    };
    sizes.len() - sizes.iter().rev().take_while(fits).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(second: i64, words: &str) -> HistoryEntry {
        HistoryEntry {
            at: Timestamp::from_second(second).unwrap(),
            by: "agent-0".to_owned(),
            resource: Some("pool workers".to_owned()),
            kind: "began".to_owned(),
            words: words.to_owned(),
        }
    }

    #[test]
    fn s18_entries_are_kept_in_the_order_of_time() {
        let keys: Vec<String> = [-62_000_000, 9, 10, 1_000_000_000, 2_000_000_000]
            .map(|second| entry(second, "x").noted("root", "pool workers/began").key)
            .into();
        assert_eq!(keys[1], "root/history/1970-01-01T00:00:09.000000000Z/pool workers/began");
        assert!(keys.is_sorted(), "{keys:?}");
        let noted = entry(9, "pool workers: begins").noted("root", "a");
        assert_eq!(HistoryEntry::read(&noted.value), Some(entry(9, "pool workers: begins")));
        assert_eq!(HistoryEntry::read(b"{}"), None);
        let long = entry(9, &"ü".repeat(5000)).noted("root", "a");
        assert!(long.value.len() < 1500 && HistoryEntry::read(&long.value).unwrap().words.ends_with('…'));
    }

    #[test]
    fn s18_the_oldest_go_first() {
        assert_eq!((too_much(&[]), too_much(&[400; 100])), (0, 0));
        let many = vec![1024; 600];
        assert_eq!(too_much(&many), 600 - HISTORY_BYTES / 1024);
        assert_eq!(too_much(&[10, HISTORY_BYTES + 1, 10]), 2);
    }
}
