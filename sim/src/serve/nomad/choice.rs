//! Which entries of a list are wanted: by an expression, and so many at a time.

use serde_json::Value;

use super::super::exchange::{Asked, Reply};
use super::filter::Filter;

/// What is wanted of a list.
pub(super) struct Choice {
    filter: Option<Filter>,
    /// How many at most; 0: all.
    most: usize,
    /// The first one wanted.
    from: String,
    /// Whether entries are of jobs, which are told apart by namespace, too.
    of_jobs: bool,
}

impl Choice {
    pub(super) fn read(asked: &Asked, of_jobs: bool) -> Result<Self, Reply> {
        let filter = match asked.param("filter") {
            "" => None,
            text => Some(
                Filter::parse(text)
                    .map_err(|words| Reply::text(400, format!("failed to create result paginator: {words}")))?,
            ),
        };
        let most = match asked.param("per_page") {
            "" => 0,
            text => text.parse().map_err(|_| Reply::text(400, "Failed to parse value of \"per_page\" as a number"))?,
        };
        Ok(Self { filter, most, from: asked.param("next_token").to_owned(), of_jobs })
    }

    /// What an entry is found by when a list goes on.
    fn token(&self, entry: &Value) -> String {
        let text = |name: &str| entry[name].as_str().unwrap_or_default();
        if self.of_jobs { format!("{}.{}", text("Namespace"), text("ID")) } else { text("ID").to_owned() }
    }

    /// Those of the entries that are wanted, and where the list goes on. What is told by `whole` is what the expression asks.
    pub(super) fn of(
        &self,
        mut entries: Vec<Value>,
        whole: impl Fn(&Value) -> Option<Value>,
    ) -> Result<(Vec<Value>, Option<String>), Reply> {
        if let Some(filter) = &self.filter {
            let mut chosen = Vec::new();
            for entry in entries {
                let whole = whole(&entry).unwrap_or_else(|| entry.clone());
                let holds = filter.holds(&whole);
                if holds.map_err(|words| Reply::text(400, format!("failed to read result page: {words}")))? {
                    chosen.push(entry);
                }
            }
            entries = chosen;
        }
        if self.most == 0 && self.from.is_empty() {
            return Ok((entries, None));
        }
        entries.sort_by_cached_key(|entry| self.token(entry));
        entries.retain(|entry| self.token(entry) >= self.from);
        let next = entries.get(self.most).filter(|_| self.most > 0).map(|entry| self.token(entry));
        if next.is_some() {
            entries.truncate(self.most);
        }
        Ok((entries, next))
    }
}
