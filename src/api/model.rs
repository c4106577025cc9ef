//! What answers look like. The OpenAPI document is made from these types.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What is going on, at a glance and in full.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Status {
    /// When this was said, RFC 3339.
    pub at: String,
    /// Who says it.
    pub agent: Agent,
    /// Who leads, as far as this agent knows. Only that one knows of resources.
    pub leader: Option<Peer>,
    /// All agents that were heard of in the last two minutes.
    pub agents: Vec<Peer>,
    /// What needs a person, the worst first, in sentences.
    pub attention: Vec<String>,
    /// What is wrong with servers and views.
    pub troubles: Vec<String>,
    /// What is watched, and when it was last answered. Empty on an agent that stands by.
    #[serde(default)]
    pub views: Vec<View>,
    /// Worker pools and task groups, by name. Empty on an agent that stands by.
    pub resources: Vec<Resource>,
    /// Whom alerts go to, and how they are doing.
    pub receivers: Vec<Receiver>,
}

/// Something that is watched.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct View {
    /// What: `jobs`, `nodes`, `allocations`, `deployments`, `states`, `pool policies`, `work that waits for room`.
    pub name: String,
    /// When it was last answered, RFC 3339. An answer counts for 85 seconds.
    pub answered: String,
}

/// The agent that answers.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Agent {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// When it started, RFC 3339.
    pub started: String,
    /// `leads`, `stands_by` or `campaigns`.
    pub role: Role,
}

/// What an agent is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// It scales.
    Leads,
    /// Another does.
    StandsBy,
    /// Nobody does, as far as it knows, and it would.
    Campaigns,
}

/// An agent, as it said itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Peer {
    /// Its name.
    pub name: String,
    /// Where its API is, where it has one: `http://host:port`.
    pub address: Option<String>,
    /// Its version.
    pub version: String,
    /// Whether it leads, by its own word.
    pub leads: bool,
    /// When it last said so, RFC 3339.
    pub seen: String,
}

/// A worker pool or a task group.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Resource {
    /// In words: `pool workers`, `group web/front`.
    pub name: String,
    /// `worker_pool` or `job_group`.
    pub kind: Kind,
    /// The pool; of a group nothing.
    pub pool: Option<String>,
    /// The job; of a pool nothing.
    pub job: Option<String>,
    /// The task group; of a pool nothing.
    pub group: Option<String>,
    /// The namespace of the job; of a pool nothing.
    pub namespace: Option<String>,
    /// In a sentence: how it stands.
    pub summary: String,
    /// The count, or the desired capacity, where it was seen.
    pub size: Option<u32>,
    /// The fewest that there may be.
    pub min: Option<u32>,
    /// The most that there may be.
    pub max: Option<u32>,
    /// Whether its policy lets it be scaled. Nothing where the policy is wrong.
    pub enabled: Option<bool>,
    /// Its policy, in Replicator's own form: spans in seconds.
    #[schema(value_type = Option<Object>)]
    pub policy: Option<serde_json::Value>,
    /// What is wrong with its policy.
    pub policy_problem: Option<String>,
    /// What was last observed.
    pub observation: Option<Observation>,
    /// The last decision.
    pub decision: Option<Decision>,
    /// Why nothing could be decided at the last look.
    pub undecided: Option<String>,
    /// Why the last evaluation could not be finished.
    pub trouble: Option<String>,
    /// What lasts, and should not go unsaid.
    pub lasting: Vec<Lasting>,
    /// How many seconds of the cooldown are left.
    pub cooldown_left: u64,
    /// Whether it is in failsafe: nobody scales it then.
    pub failsafe: Option<Failsafe>,
    /// What an operator holds of it, or of everything.
    #[serde(default)]
    pub hold: Option<Hold>,
    /// How many operations in a row failed.
    pub failures: u32,
    /// When it was last scaled, RFC 3339.
    pub last_scaled: Option<String>,
    /// What is under way.
    pub operation: Option<Operation>,
    /// The key of its state in Consul.
    pub state_path: String,
    /// When it was last looked at, RFC 3339.
    pub looked: Option<String>,
}

/// What kind of resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A worker pool.
    WorkerPool,
    /// A task group.
    JobGroup,
}

/// What was seen of a resource when it was last decided on.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Observation {
    /// When, RFC 3339.
    pub at: String,
    /// Of a pool: its nodes.
    pub nodes: Option<u64>,
    /// Of a pool: nodes on their way.
    pub coming: Option<u32>,
    /// Of a pool: allocations that wait for room that it would give.
    pub waiting: Option<u32>,
    /// Of a pool: what its nodes offer.
    pub capacity: Option<Amount>,
    /// Of a pool: what is allocated on them.
    pub used: Option<Amount>,
    /// Of a pool: what is kept free for one more of each group.
    pub reserve: Option<Amount>,
    /// Of a group: how many of its allocations run.
    pub running: Option<u64>,
    /// Of a group: whether a deployment of its job is active.
    pub deploying: Option<bool>,
    /// Of a group: what each task uses, in percent of what it asks for.
    pub tasks: Vec<Task>,
}

/// An amount of CPU and memory.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
pub struct Amount {
    /// MHz.
    pub cpu: u64,
    /// MiB.
    pub memory: u64,
}

/// What a task uses on average.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Task {
    /// The task.
    pub name: String,
    /// CPU, in percent of what it asks for; nothing where nobody knows.
    pub cpu: Option<f64>,
    /// Memory, in percent of what it asks for; nothing where nobody knows.
    pub memory: Option<f64>,
}

/// A decision, with all that it rests on.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Decision {
    /// When, RFC 3339.
    pub at: String,
    /// What it comes to.
    pub verdict: Verdict,
    /// Which way a step is asked for, taken or not.
    pub direction: Option<Direction>,
    /// The number now.
    pub from: Option<u32>,
    /// The number asked for.
    pub to: Option<u32>,
    /// In a sentence.
    pub sentence: String,
    /// What stops the step.
    pub stops: Vec<Stop>,
    /// The comparisons that it rests on, for both directions.
    pub findings: Vec<Finding>,
    /// How many evaluations in a row asked for fewer.
    pub scalein_requests: u32,
    /// How many evaluations in a row asked for more.
    pub scaleout_requests: u32,
}

/// What a decision comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// There is nothing to measure.
    Undecided,
    /// All is well as it is.
    Stay,
    /// A step is asked for, and something stops it.
    Hold,
    /// The step is taken.
    Act,
    /// The step would be taken if the policy were enabled.
    WouldAct,
}

/// Which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Fewer.
    In,
    /// More.
    Out,
}

/// Something that stops a step.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Stop {
    /// The rule of the book.
    pub rule: String,
    /// In words.
    pub sentence: String,
}

/// A comparison.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Finding {
    /// The rule of the book.
    pub rule: String,
    /// Which ways it can be a reason for.
    pub speaks_for: Vec<Direction>,
    /// What was compared, in words.
    pub quantity: String,
    /// Its unit: `%`, `MHz`, `MiB`, or nothing.
    pub unit: String,
    /// The number; nothing where it is without end.
    pub measured: Option<f64>,
    /// `above`, `below` or `at_least`.
    pub relation: String,
    /// What it was held against; nothing where it is without end.
    pub limit: Option<f64>,
    /// How far the number is above the limit: by how much it would have to change for the comparison to turn.
    pub margin: Option<f64>,
    /// Whether the comparison holds.
    pub holds: bool,
    /// In words.
    pub sentence: String,
}

/// Something that lasts.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Lasting {
    /// What it is, in one word.
    pub matter: String,
    /// Since when, RFC 3339.
    pub since: String,
    /// In words.
    pub words: String,
}

/// A failsafe.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Failsafe {
    /// Whether an operator entered it.
    pub by_operator: bool,
    /// Who, where that is known.
    pub by: Option<String>,
    /// Why, where that is known.
    pub reason: Option<String>,
    /// When agents entered it themselves, RFC 3339.
    pub since: Option<String>,
    /// Who has been told of it so far, by an alert.
    pub told: Vec<String>,
}

/// What an operator holds back for a while.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Hold {
    /// Until when scaling in is held: RFC 3339, or `released`. Nothing where it is not.
    #[serde(rename = "in")]
    pub scaling_in: Option<String>,
    /// Until when scaling out is held, likewise.
    #[serde(rename = "out")]
    pub scaling_out: Option<String>,
    /// Who, where it is about this resource alone and that is known.
    pub by: Option<String>,
    /// Why, where it is about this resource alone and that is known.
    pub reason: Option<String>,
}

/// What is under way on a resource.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Operation {
    /// Which way.
    pub direction: Direction,
    /// From what, where that is known.
    pub from: Option<u32>,
    /// To what, where that is known.
    pub to: Option<u32>,
    /// The phase.
    pub phase: String,
    /// The node and the instance that it is about; empty of a group.
    pub about: String,
    /// When it began, RFC 3339.
    pub started: String,
    /// When the time limit of the phase began to run, RFC 3339.
    pub since: String,
    /// Who began it.
    pub agent: String,
}

/// Somebody whom alerts go to.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Receiver {
    /// `pagerduty`, `opsgenie`, `slack` or `webhook`.
    pub name: String,
    /// How many messages wait.
    pub waiting: u64,
    /// How many it took.
    pub sent: u64,
    /// How often it did not take one.
    pub failed: u64,
    /// How many it will never get.
    pub lost: u64,
    /// When it last took one, RFC 3339.
    pub last_sent: Option<String>,
    /// What is wrong; nothing once it takes messages again.
    pub trouble: Option<String>,
}

/// How a resource went lately.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Series {
    /// Which.
    pub resource: String,
    /// The oldest first: an hour or more of them where there are few resources, fewer where there are many.
    pub samples: Vec<Sample>,
}

/// How a resource stood at a moment.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Sample {
    /// When, RFC 3339.
    pub at: String,
    /// The count, or the desired capacity.
    pub size: u32,
    /// The fewest that there may be.
    pub min: u32,
    /// The most that there may be, where that is limited.
    pub max: Option<u32>,
    /// CPU: of a pool in MHz, of a group the busiest task's in percent.
    pub cpu: Option<Held>,
    /// Memory: of a pool in MiB, of a group the fullest task's in percent.
    pub memory: Option<Held>,
}

/// What is used, and what it was held against.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
pub struct Held {
    /// What is used.
    pub used: f64,
    /// Of a pool what is allowed, of a group the threshold for more.
    pub limit: f64,
}

/// What changed something.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct History {
    /// The oldest first.
    pub happenings: Vec<Happening>,
    /// The number of the last one that there is; ask for what comes `after` it.
    pub last: u64,
}

/// Something that changed something.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Happening {
    /// Counts up, by agent; what happened before the agent started, as far as it is remembered, has numbers up to 1000.
    pub id: u64,
    /// When, RFC 3339.
    pub at: String,
    /// About what, where it is about one resource.
    pub resource: Option<String>,
    /// What kind of thing: `began`, `phase`, `finished`, `failsafe` and so on.
    pub kind: String,
    /// In words.
    pub words: String,
}

/// Who leads, as the Go daemon's version 1.1 says it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Leader {
    /// The node of Consul whose agent holds the session.
    #[serde(rename = "NodeID")]
    pub node_id: String,
    /// The session that holds the lock.
    #[serde(rename = "SessionID")]
    pub session_id: String,
}

/// A failsafe that is to be entered or lifted.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FailsafeChange {
    /// Of what: `pool <name>` or `group <job>/<group>`, as the status names it.
    #[schema(
        pattern = "^(pool [^\\u0000-\\u001f\\u007f-\\u009f]{1,200}|group [^\\u0000-\\u001f\\u007f-\\u009f]{1,200}/[^\\u0000-\\u001f\\u007f-\\u009f]{1,200})$"
    )]
    pub resource: String,
    /// Whether to enter failsafe; if not, it is lifted, and its failures are forgotten.
    pub enable: bool,
    /// Why, in one line.
    #[schema(max_length = 500, pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]*$")]
    pub reason: Option<String>,
    /// Who says so.
    #[schema(max_length = 500, pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]*$")]
    pub by: Option<String>,
}

/// What is to be held.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HoldChange {
    /// Of what: `everything`, `pool <name>` or `group <job>/<group>`.
    #[schema(
        pattern = "^(everything|pool [^\\u0000-\\u001f\\u007f-\\u009f]{1,200}|group [^\\u0000-\\u001f\\u007f-\\u009f]{1,200}/[^\\u0000-\\u001f\\u007f-\\u009f]{1,200})$"
    )]
    pub resource: String,
    /// In which direction; both where there is none.
    pub direction: Option<Direction>,
    /// For how long, such as `2h`; until it is released where there is nothing.
    #[serde(rename = "for")]
    #[schema(pattern = "^[1-9][0-9]{0,3}[smhd]$")]
    pub lasting: Option<String>,
    /// Why, in one line.
    #[schema(max_length = 500, pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]*$")]
    pub reason: Option<String>,
    /// Who says so.
    #[schema(max_length = 500, pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]*$")]
    pub by: Option<String>,
}

/// What is to be released.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReleaseChange {
    /// Of what: `everything`, `pool <name>` or `group <job>/<group>`.
    #[schema(
        pattern = "^(everything|pool [^\\u0000-\\u001f\\u007f-\\u009f]{1,200}|group [^\\u0000-\\u001f\\u007f-\\u009f]{1,200}/[^\\u0000-\\u001f\\u007f-\\u009f]{1,200})$"
    )]
    pub resource: String,
    /// Who says so.
    #[schema(max_length = 500, pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]*$")]
    pub by: Option<String>,
}

/// What became of a change.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Changed {
    /// Whether something was changed; it may have stood so already.
    pub changed: bool,
    /// How it stands now, in words.
    pub what: String,
}

/// Whether the agent is alive, or ready.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// Whether it is.
    pub ok: bool,
    /// What is wrong, in sentences.
    pub problems: Vec<String>,
}

/// Why a request was not answered.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// What was wrong, and what to do.
    pub error: String,
}
