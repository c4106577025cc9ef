//! The other agents, and who of them leads: each writes a key of its own in Consul, and reads those of all.
//!
//! The key of the lock stays as the Go daemon has it, without a value; so agents say where they are below `<root>/agents/`.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::model::{Leader, Peer};
use crate::adapters::clock::TokioClock;
use crate::adapters::consul::ConsulClient;
use crate::domain::AgentName;
use crate::outlet::board::Board;
use crate::ports::{Clock, Consul, LockState, PortError};
use crate::state::{HistoryEntry, history_prefix, leader_key};

/// How often an agent looks at the others.
const EVERY: SignedDuration = SignedDuration::from_secs(5);
/// How often it looks whether it leads itself: then it says so, and looks, at once.
const GLANCE_EVERY: Duration = Duration::from_secs(1);
/// How often it says that it is still there.
const SAY_EVERY: SignedDuration = SignedDuration::from_secs(30);
/// For how long it is believed.
const BELIEVED_FOR: SignedDuration = SignedDuration::from_mins(2);
/// After how long what it said is removed, by whoever sees it.
const KEPT_FOR: SignedDuration = SignedDuration::from_hours(1);

/// What is known of the other agents. Copies are one and the same.
#[derive(Debug, Clone)]
pub struct Peers(Arc<Mutex<Known>>);

#[derive(Debug)]
struct Known {
    agents: Vec<Peer>,
    leader: Result<Leader, String>,
}

impl Default for Peers {
    fn default() -> Self {
        let known = Known { agents: vec![], leader: Err("it is not known yet who leads".to_owned()) };
        Self(Arc::new(Mutex::new(known)))
    }
}

impl Peers {
    /// The agents that were heard of lately, and which of them leads.
    #[must_use]
    pub fn known(&self, now: Timestamp) -> (Vec<Peer>, Option<Peer>) {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = known.agents.iter().filter(|peer| is_fresh(peer, now)).cloned();
        let agents: Vec<Peer> = fresh.collect();
        // Two may say so for a moment: the later word counts.
        let leader = agents.iter().filter(|peer| peer.leads).max_by(|a, b| a.seen.cmp(&b.seen)).cloned();
        (agents, leader)
    }

    /// Who holds the lock, or why nobody can tell.
    ///
    /// # Errors
    ///
    /// When nobody holds it, or Consul could not be asked.
    pub fn leader(&self) -> Result<Leader, String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).leader.clone()
    }
}

fn is_fresh(peer: &Peer, now: Timestamp) -> bool {
    // By another's clock: one that is ahead is fresh.
    peer.seen.parse::<Timestamp>().is_ok_and(|seen| now.duration_since(seen) < BELIEVED_FOR)
}

/// Says where this agent is, and learns where the others are.
pub struct Presence<'a> {
    /// The store.
    pub consul: &'a ConsulClient,
    /// The root of the keys.
    pub root: String,
    /// This agent.
    pub agent: AgentName,
    /// Where its API is, as others can reach it.
    pub address: Option<String>,
    /// What it is doing.
    pub board: Board,
    /// What is learned.
    pub peers: Peers,
}

impl Presence<'_> {
    /// For as long as the agent runs. What goes wrong is shown, and tried again.
    pub async fn keep(&self) -> std::convert::Infallible {
        let clock = TokioClock::start();
        let mut recalled = false;
        let (mut led, mut said, mut looked): (Option<bool>, Option<Timestamp>, Option<Timestamp>) = (None, None, None);
        loop {
            let now = clock.wall();
            let leads = self.board.look(crate::outlet::board::Pinned::leads);
            let is_other = led.replace(leads) != Some(leads);
            if is_other && leads {
                self.note_leadership(now).await;
            }
            let is_due = |at: Option<Timestamp>, every| at.is_none_or(|at| now.duration_since(at).abs() >= every);
            if !recalled {
                recalled = self.recall().await.is_ok();
            }
            let looks = is_other || is_due(looked, EVERY);
            // What could not be said is said again at the next look.
            if is_other || is_due(said, SAY_EVERY) && looks {
                said = self.say(now, leads).await.ok().map(|()| now);
            }
            if looks {
                self.look(now).await;
                looked = Some(now);
            }
            clock.sleep(GLANCE_EVERY).await;
        }
    }

    /// Brings to the board what happened before.
    async fn recall(&self) -> Result<(), PortError> {
        let listed = self.consul.list(&history_prefix(&self.root), None).await?;
        self.board.recall(listed.value.iter().filter_map(|entry| HistoryEntry::read(&entry.value)).collect());
        Ok(())
    }

    /// Notes in the history who leads from now on (S18).
    async fn note_leadership(&self, now: Timestamp) {
        let entry = HistoryEntry {
            at: now,
            by: self.agent.to_string(),
            resource: None,
            kind: "leadership".to_owned(),
            words: format!("{} leads", self.agent),
        };
        let noted = entry.noted(&self.root, &format!("agents/{}", self.agent));
        self.consul.put_unlocked(&noted.key, &noted.value).await.ok();
    }

    async fn look(&self, now: Timestamp) {
        let leader = self.look_for_leader().await;
        self.peers.0.lock().unwrap_or_else(PoisonError::into_inner).leader = leader;
        // Where the list cannot be had, what was known stays for as long as it is believed.
        if let Ok(agents) = self.look_around(now).await {
            self.peers.0.lock().unwrap_or_else(PoisonError::into_inner).agents = agents;
        }
    }

    /// Removes what it said, when it ends.
    pub async fn leave(&self) {
        self.consul.remove_unlocked(&self.key(self.agent.as_str())).await.ok();
    }

    fn key(&self, agent: &str) -> String {
        format!("{}/agents/{agent}", self.root)
    }

    async fn say(&self, now: Timestamp, leads: bool) -> Result<(), PortError> {
        let peer = Peer {
            name: self.agent.to_string(),
            address: self.address.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            leads,
            seen: now.to_string(),
        };
        let value = serde_json::to_vec(&peer).unwrap_or_default();
        self.consul.put_unlocked(&self.key(self.agent.as_str()), &value).await
    }

    async fn look_for_leader(&self) -> Result<Leader, String> {
        let lock = self.consul.lock(&leader_key(&self.root), None).await.map_err(|error| error.to_string())?;
        let LockState::Held(session) = lock.value else { return Err("nobody leads".to_owned()) };
        let node = self.consul.node_of(&session).await.map_err(|error| error.to_string())?;
        let node_id = node.ok_or("the session that holds the lock is gone")?;
        Ok(Leader { node_id, session_id: session.to_string() })
    }

    async fn look_around(&self, now: Timestamp) -> Result<Vec<Peer>, PortError> {
        let prefix = self.key("");
        let listed = self.consul.list(&prefix, None).await?;
        let mut agents = Vec::new();
        for entry in listed.value {
            // What somebody else wrote there is nobody's business of ours.
            let Ok(peer) = serde_json::from_slice::<Peer>(&entry.value) else { continue };
            let age = peer.seen.parse::<Timestamp>().map(|seen| now.duration_since(seen));
            if age.is_ok_and(|age| age > KEPT_FOR) {
                self.consul.remove_unlocked(&entry.key).await.ok();
            } else {
                agents.push(peer);
            }
        }
        Ok(agents)
    }
}
