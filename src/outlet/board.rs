//! A board on which everything that the agent tells is pinned, for whoever asks later: the API, its page, commands.
//!
//! Nothing is worked out here. The board may be read from another thread: it is locked for as long as a pin takes, and what
//! is large hangs on it by `Arc`.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;

use crate::agent::{Course, Event, Feed, Leadership, Matter, Observer, Spoken};
use crate::decide::{Case, Decision, Verdict};
use crate::domain::Resource;
use crate::outlet::series::Series;
use crate::state::{HistoryEntry, ResourceState};

/// After how many intervals a resource that was not looked at is overdue.
const PATIENCE: u32 = 6;
/// The least time for that.
const LEAST_PATIENCE: Duration = Duration::from_mins(1);
/// How much of what happened is remembered.
const LONGEST_HISTORY: usize = 1000;

/// The board. Copies are one and the same.
#[derive(Debug, Clone)]
pub struct Board {
    pinned: Arc<Mutex<Pinned>>,
    /// How much has happened, for whoever waits for more.
    happened: Arc<watch::Sender<u64>>,
}

impl Default for Board {
    fn default() -> Self {
        let pinned = Pinned::default();
        let happened = watch::Sender::new(pinned.happened);
        Self { pinned: Arc::new(Mutex::new(pinned)), happened: Arc::new(happened) }
    }
}

/// All that hangs on the board.
#[derive(Debug, Clone)]
pub struct Pinned {
    /// The last word about leadership, and when it was said.
    pub leadership: Option<(Timestamp, Leadership)>,
    /// What is wrong with the lock.
    pub lock: Option<String>,
    /// Why this agent does not stand for the lock.
    pub aside: Option<String>,
    /// What is wrong with what is watched.
    pub feeds: BTreeMap<Feed, String>,
    /// When each view was last answered.
    pub views: BTreeMap<Feed, Timestamp>,
    /// Since when there has been nothing in the way of looking at resources, where there ever was.
    pub seeing_since: Option<Timestamp>,
    /// Jobs and nodes that cannot be read.
    pub unreadable: BTreeMap<String, String>,
    /// What is known of each resource. Only who leads knows anything.
    pub resources: BTreeMap<Resource, Sheet>,
    /// How their sizes and loads went.
    pub series: Series,
    /// What lasts and should not go unsaid, about a resource or the whole cluster, and since when.
    pub lasting: BTreeMap<(Option<Resource>, Matter), (Timestamp, String)>,
    /// What changed something, the oldest first.
    pub history: VecDeque<Happening>,
    /// How much ever happened.
    pub happened: u64,
}

/// What is known of a resource.
#[derive(Debug, Clone, Default)]
pub struct Sheet {
    /// When it was last looked at.
    pub looked: Option<Timestamp>,
    /// The key of its state.
    pub path: String,
    /// Its state.
    pub state: Option<Arc<ResourceState>>,
    /// What the last decision came from that something could come of.
    pub case: Option<(Timestamp, Arc<Case>)>,
    /// The last decision; while an operation is under way nothing comes of it.
    pub decision: Option<(Timestamp, Arc<Decision>)>,
    /// Why nothing could be decided since.
    pub undecided: Option<(Timestamp, String)>,
    /// Why the last evaluation could not be finished.
    pub trouble: Option<(Timestamp, String)>,
    /// What is wrong with its policy.
    pub policy_problem: Option<String>,
}

/// Something that changed something.
#[derive(Debug, Clone)]
pub struct Happening {
    /// Counts up.
    pub id: u64,
    /// When.
    pub at: Timestamp,
    /// About what, by its printed name, where it is about one resource.
    pub resource: Option<String>,
    /// What kind of thing.
    pub kind: Cow<'static, str>,
    /// In words.
    pub words: String,
}

impl Board {
    /// How things stand now: all that hangs there but for history and series, which are long.
    #[must_use]
    pub fn standing(&self) -> Pinned {
        let mut pinned = self.lock();
        // Set aside rather than copied; nobody sees them gone.
        let (history, series) = (std::mem::take(&mut pinned.history), std::mem::take(&mut pinned.series));
        let standing = pinned.clone();
        (pinned.history, pinned.series) = (history, series);
        standing
    }

    /// Something of it, without a copy of the rest.
    pub fn look<T>(&self, look: impl FnOnce(&Pinned) -> T) -> T {
        look(&self.lock())
    }

    /// Which resources have not been looked at for too long, by name, in sentences. `interval` is how often they should be.
    #[must_use]
    pub fn overdue(&self, interval: Duration, now: Timestamp) -> BTreeMap<String, String> {
        // An evaluation that takes long is none that hangs: statistics have a deadline of their own.
        let limit = interval.saturating_mul(PATIENCE).max(LEAST_PATIENCE);
        self.look(|pinned| {
            // While views are blind nothing is looked at, and that is said elsewhere.
            if !pinned.feeds.is_empty() || pinned.lock.is_some() {
                return BTreeMap::new();
            }
            let since = |looked: Timestamp| pinned.seeing_since.map_or(looked, |seeing| seeing.max(looked));
            let ago = |sheet: &Sheet| Duration::try_from(now.duration_since(since(sheet.looked?))).ok();
            let overdue = pinned.resources.iter().filter_map(|(resource, sheet)| Some((resource, ago(sheet)?)));
            let overdue = overdue.filter(|(_, ago)| *ago > limit);
            let words = |ago| Spoken(ago).to_string();
            overdue.map(|(it, ago)| (it.to_string(), format!("{it} was last looked at {} ago", words(ago)))).collect()
        })
    }

    fn lock(&self) -> MutexGuard<'_, Pinned> {
        // Whoever died with the lock in hand left a board as good as any.
        self.pinned.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what happened before this process; the oldest first.
    pub fn recall(&self, entries: Vec<HistoryEntry>) {
        self.lock().recall(entries);
    }

    /// Takes down what is known of resources: with another configuration others may be looked at.
    pub fn clear_resources(&self) {
        let mut pinned = self.lock();
        pinned.resources.clear();
        pinned.series.clear();
        pinned.lasting.clear();
        pinned.feeds.clear();
    }

    /// How much has happened; it changes when something else does.
    #[must_use]
    pub fn happened(&self) -> watch::Receiver<u64> {
        self.happened.subscribe()
    }
}

impl Default for Pinned {
    fn default() -> Self {
        Self {
            leadership: None,
            lock: None,
            aside: None,
            feeds: BTreeMap::new(),
            views: BTreeMap::new(),
            seeing_since: None,
            unreadable: BTreeMap::new(),
            resources: BTreeMap::new(),
            series: Series::default(),
            lasting: BTreeMap::new(),
            history: VecDeque::new(),
            // Numbers below are for what happened before this process.
            happened: LONGEST_HISTORY as u64,
        }
    }
}

impl Pinned {
    /// Whether this agent leads.
    #[must_use]
    pub fn leads(&self) -> bool {
        matches!(self.leadership, Some((_, Leadership::Won)))
    }

    fn sheet(&mut self, resource: &Resource) -> &mut Sheet {
        self.resources.entry(resource.clone()).or_default()
    }

    /// Takes what happened before this process, from the history that is kept (S18): before all that it saw itself.
    fn recall(&mut self, entries: Vec<HistoryEntry>) {
        let first = self.history.front().map_or(self.happened, |first| first.id - 1);
        let room = LONGEST_HISTORY.saturating_sub(self.history.len());
        let skip = entries.len().saturating_sub(room);
        let ids = (1..=first).rev();
        for (entry, id) in entries.into_iter().skip(skip).rev().zip(ids) {
            let HistoryEntry { at, resource, kind, words, .. } = entry;
            self.history.push_front(Happening { id, at, resource, kind: kind.into(), words });
        }
    }

    fn happen(&mut self, at: Timestamp, resource: Option<&Resource>, kind: &'static str, words: String) {
        self.happened += 1;
        let resource = resource.map(ToString::to_string);
        self.history.push_back(Happening { id: self.happened, at, resource, kind: kind.into(), words });
        let excess = self.history.len().saturating_sub(LONGEST_HISTORY);
        self.history.drain(..excess);
    }

    /// What an event means for the history, if it changed something.
    fn note(&mut self, at: Timestamp, event: &Event) {
        let Some((kind, resource)) = event.change() else { return };
        self.happen(at, resource, kind, event.to_string());
    }

    fn pin(&mut self, at: Timestamp, event: &Event) {
        match event {
            Event::Leadership(leadership) => {
                self.leadership = Some((at, *leadership));
                if !matches!(leadership, Leadership::Won) {
                    self.resources.clear();
                    self.series.clear();
                    self.lasting.clear();
                    self.feeds.clear();
                    self.unreadable.clear();
                    self.views.clear();
                }
            }
            Event::Lock { trouble } => {
                self.lock = trouble.as_ref().map(ToString::to_string);
                self.seeing_since = Some(at);
            }
            Event::Aside { trouble } => self.aside = trouble.as_ref().map(ToString::to_string),
            Event::Feed { feed, trouble } => {
                put(&mut self.feeds, *feed, trouble.as_ref().map(ToString::to_string));
                self.seeing_since = Some(at);
            }
            Event::Unreadable { what, error } => {
                put(&mut self.unreadable, what.clone(), error.as_ref().map(ToString::to_string));
            }
            Event::Policy { resource, problem } => {
                // One that is gone is in order as well, and no reason for a sheet.
                if problem.is_none() && !self.resources.contains_key(resource) {
                    return;
                }
                let sheet = self.sheet(resource);
                sheet.policy_problem.clone_from(problem);
                // With a policy that is wrong it may not be looked at any more.
                sheet.looked = None;
            }
            Event::Decided(decision) => {
                if let Some((_, case)) = self.resources.get(&decision.resource).and_then(|sheet| sheet.case.clone()) {
                    self.series.take(at, &case, decision);
                }
                let sheet = self.sheet(&decision.resource);
                (sheet.looked, sheet.undecided, sheet.trouble) = (Some(at), None, None);
                sheet.decision = Some((at, decision.clone()));
                if let Verdict::WouldAct(_) = decision.verdict {
                    self.note_dry_run(at, decision);
                }
            }
            Event::Undecided { resource, why } => {
                let sheet = self.sheet(resource);
                (sheet.looked, sheet.undecided) = (Some(at), Some((at, why.clone())));
            }
            Event::Trouble { resource, problem } => {
                let sheet = self.sheet(resource);
                (sheet.looked, sheet.trouble) = (Some(at), Some((at, problem.clone())));
            }
            Event::Lasting { resource, matter, words, course } => {
                let key = (resource.clone(), *matter);
                match course {
                    Course::IsOver { .. } => drop(self.lasting.remove(&key)),
                    Course::Begins { since } | Course::GoesOn { since } => {
                        let began = jiff::SignedDuration::try_from(*since).ok().and_then(|it| at.checked_sub(it).ok());
                        self.lasting.insert(key, (began.unwrap_or(at), words.clone()));
                    }
                }
            }
            Event::Began { .. }
            | Event::Entered { .. }
            | Event::Called { .. }
            | Event::Finished { .. }
            | Event::Failsafe { .. }
            | Event::Alert(_) => {}
        }
    }

    /// What would be done is worth a line when it changes, not at every evaluation.
    fn note_dry_run(&mut self, at: Timestamp, decision: &Decision) {
        let words = decision.to_string();
        let name = decision.resource.to_string();
        let is_same = |it: &&Happening| it.resource.as_ref() == Some(&name) && it.kind == "would_act";
        let last = self.history.iter().rev().find(is_same);
        let step = |words: &str| words.split(';').next().map(str::to_owned);
        if last.is_none_or(|last| step(&last.words) != step(&words)) {
            self.happen(at, Some(&decision.resource), "would_act", words);
        }
    }
}

fn put<K: Ord>(map: &mut BTreeMap<K, String>, key: K, value: Option<String>) {
    match value {
        Some(value) => drop(map.insert(key, value)),
        None => drop(map.remove(&key)),
    }
}

impl Observer for Board {
    fn observe(&self, at: Timestamp, event: &Event) {
        let mut pinned = self.lock();
        let before = pinned.happened;
        pinned.pin(at, event);
        pinned.note(at, event);
        if pinned.happened != before {
            self.happened.send_replace(pinned.happened);
        }
    }

    fn weigh(&self, at: Timestamp, case: &dyn Fn() -> Case) {
        let case = Arc::new(case());
        let resource = case.resource();
        self.lock().sheet(&resource).case = Some((at, case));
    }

    fn see_state(&self, at: Timestamp, resource: &Resource, path: &str, state: &ResourceState) {
        let mut pinned = self.lock();
        let sheet = pinned.sheet(resource);
        sheet.looked = Some(at);
        let is_known = sheet
            .state
            .as_ref()
            .is_some_and(|known| known.last_updated.is_some() && known.last_updated == state.last_updated);
        if !is_known {
            path.clone_into(&mut sheet.path);
            sheet.state = Some(Arc::new(state.clone()));
        }
    }

    fn see_view(&self, at: Timestamp, feed: Feed) {
        self.lock().views.insert(feed, at);
    }

    fn retain(&self, kept: &BTreeSet<Resource>) {
        let mut pinned = self.lock();
        pinned.resources.retain(|resource, _| kept.contains(resource));
        pinned.series.retain(kept);
        pinned.lasting.retain(|(resource, _), _| resource.as_ref().is_none_or(|resource| kept.contains(resource)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::LossCause;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn pool() -> Resource {
        Resource::Pool("p".into())
    }

    fn undecided(why: &str) -> Event {
        Event::Undecided { resource: pool(), why: why.to_owned() }
    }

    #[test]
    fn c14_what_is_not_looked_at_is_overdue() {
        let board = Board::default();
        board.observe(at(0), &Event::Leadership(Leadership::Won));
        board.observe(at(0), &undecided("nothing runs"));
        let interval = Duration::from_secs(20);
        assert!(board.overdue(interval, at(120)).is_empty());
        assert_eq!(board.overdue(interval, at(121))["pool p"], "pool p was last looked at 2 min 1 s ago");
        assert!(board.overdue(Duration::from_secs(1), at(60)).is_empty(), "a minute is nothing");
        board.observe(at(121), &undecided("nothing runs"));
        assert!(board.overdue(interval, at(122)).is_empty());
        board.observe(at(250), &Event::Lock { trouble: None });
        assert!(board.overdue(interval, at(251)).is_empty(), "nothing could be looked at until now");
        board.observe(at(260), &undecided("nothing runs"));
        board.observe(at(261), &Event::Policy { resource: pool(), problem: Some("wrong".to_owned()) });
        assert!(board.overdue(interval, at(900)).is_empty(), "it is not looked at any more");
        board.observe(at(300), &Event::Leadership(Leadership::Lost(LossCause::LockGone)));
        assert!(board.overdue(interval, at(900)).is_empty(), "who does not lead looks at nothing");
    }

    #[test]
    fn c14_history_is_bounded_and_counts_on() {
        let board = Board::default();
        let seen = board.happened();
        for second in 0..1500 {
            board.observe(at(second), &Event::Leadership(Leadership::Follows));
            board.observe(at(second), &undecided("an evaluation that changes nothing is no history"));
        }
        assert_eq!(*seen.borrow(), 2500);
        board.look(|pinned| {
            assert_eq!((pinned.history.len(), pinned.happened), (LONGEST_HISTORY, 2500));
            assert_eq!((pinned.history[0].id, pinned.history.back().unwrap().id), (1501, 2500));
        });
    }

    #[test]
    fn s18_what_was_before_this_process_comes_before_what_it_saw() {
        let board = Board::default();
        board.observe(at(100), &Event::Leadership(Leadership::Won));
        let entry = |second| HistoryEntry {
            at: at(second),
            by: "another".to_owned(),
            resource: Some("pool p".to_owned()),
            kind: "began".to_owned(),
            words: format!("{second}"),
        };
        board.recall((0..5).map(entry).collect());
        board.look(|pinned| {
            let ids: Vec<u64> = pinned.history.iter().map(|it| it.id).collect();
            assert_eq!(ids, [996, 997, 998, 999, 1000, 1001]);
            assert_eq!((pinned.history[0].words.as_str(), pinned.history[5].words.as_str()), ("0", "leads"));
        });
        let full = Board::default();
        (0..1500).for_each(|second| full.observe(at(second), &Event::Leadership(Leadership::Follows)));
        full.recall(vec![entry(0)]);
        assert_eq!(full.look(|pinned| pinned.history.len()), LONGEST_HISTORY, "there is no room for the past");
    }

    #[test]
    fn s15_what_is_gone_is_taken_down() {
        let board = Board::default();
        board.observe(at(0), &undecided("nothing runs"));
        board.retain(&BTreeSet::from([pool()]));
        assert_eq!(board.standing().resources.len(), 1);
        board.retain(&BTreeSet::new());
        assert!(board.standing().resources.is_empty());
    }
}
