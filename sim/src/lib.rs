//! Replicator's simulator: the scaling core, bound to a virtual cluster that is the same every time.
//!
//! Rooms, each built on those before it:
//!
//! - `kernel`: time, randomness, the queue of what happens.
//! - [`plan`]: the nouns of a run, and the drafts that people and programs write them in.
//! - [`judge`]: what happened, how good it was, what must never happen.
//! - [`scenario`]: scenario files, each of which is a draft as text.
//! - `world`: Nomad, Auto Scaling groups and Consul as a discrete-event model, and the core's ports bound to it.
//! - [`drive`]: that world with its agents, and the executor that plays it.
//! - [`show`]: text, JSON, CSV, pictures.
//! - [`serve`]: the world behind the HTTP APIs of Nomad, Consul and AWS.
//! - [`search`]: many runs: the hunt.
//! - [`replay`]: the decisions of a recorded agent, repeated.
//! - [`command`]: the command line.
//!
//! # A test of a policy of your own
//!
//! What a scenario file says can be said in code as well, run, and asked about:
//!
//! ```
//! use std::time::Duration;
//!
//! use replicator_sim::drive::run::run;
//! use replicator_sim::plan::draft::{Draft, Event, Group, Job, KillNode, Load, Pool, Problem, Shape, Size, Spike, Task};
//!
//! let minutes = |count: u64| Duration::from_secs(count * 60);
//! let pool = Pool::new(Size::of(4000, 8192), 3).between(2, 8).meta("replicator_cooldown", 60);
//! let shop = Group::new(6, Task::new(500, 512))
//!     .scaled(4, 40)
//!     .meta("replicator_scaleout_cpu", 80)
//!     .meta("replicator_scalein_cpu", 30)
//!     .meta("replicator_scaleout_mem", 80)
//!     .meta("replicator_scalein_mem", 30);
//! let (rise, hold, fall) = (minutes(5).into(), minutes(20).into(), minutes(5).into());
//! let spike = Spike { at: minutes(30).into(), by: 6000.0, rise, hold, fall, every: None };
//! let draft = Draft::new("A spike, and a node dies in it", minutes(120))
//!     .pool("workers", pool)
//!     .job("shop", Job::service("front", shop))
//!     .load(Load::cpu("shop/front", [Shape::Constant(1500.0), Shape::Spike(spike)]))
//!     .event(Event {
//!         kill_node: Some(KillNode { pool: "workers".to_owned(), count: Some(1) }),
//!         ..Event::at(minutes(40))
//!     });
//! let outcome = run(&draft.plan()?);
//! assert!(outcome.is_good(), "no invariant broke");
//! let unmet = outcome.measures["group.shop/front.unmet_cpu_share"];
//! assert!(unmet < 10.0, "{unmet} % of the CPU asked for was not there");
//! assert!(outcome.measures["run.cost_ratio"] < 4.0);
//! # Ok::<(), Problem>(())
//! ```

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::float_cmp, reason = "a test may panic; its numbers are exact"))]

pub mod command;
pub mod drive;
pub mod judge;
mod kernel;
pub mod plan;
pub mod replay;
pub mod scenario;
pub mod search;
pub mod serve;
pub mod show;
mod world;

pub use judge::invariants::Violation;
pub use kernel::time;
