//! `replicator plan`: what would be done now. The core itself decides, on ports that change nothing.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::pin::pin;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use anyhow::bail;
use futures_util::future::{Either, select};
use jiff::Timestamp;
use tokio::time::Instant;

use super::arguments::PlanArguments;
use super::variable;
use crate::adapters::clock::TokioClock;
use crate::adapters::consul::ConsulClient;
use crate::adapters::nomad::NomadClient;
use crate::adapters::ports::RealPorts;
use crate::adapters::providers::Providers;
use crate::adapters::rehearsal::Rehearsal;
use crate::agent::{Agent, AgentConfig, Event, Observer};
use crate::api;
use crate::api::model::{Resource, Verdict};
use crate::config::{self, Mode};
use crate::decide::Case;
use crate::domain;
use crate::outlet::board::{Board, Sheet};
use crate::state::ResourceState;

/// How often everything is evaluated until all of it has been.
const INTERVAL: Duration = Duration::from_secs(1);
/// How long nothing new may come for the plan to be whole.
const QUIET: Duration = Duration::from_secs(3);
/// How long it takes at least: lists are read, and statistics.
const AT_LEAST: Duration = Duration::from_secs(5);
/// How long it takes at most.
const AT_MOST: Duration = Duration::from_mins(1);

/// Takes the first word about each resource: what comes after rests on what would have been done.
#[derive(Clone, Default)]
struct FirstWord {
    board: Board,
    heard: Rc<RefCell<BTreeSet<domain::Resource>>>,
    news: Rc<RefCell<Option<Instant>>>,
}

impl FirstWord {
    fn is_heard(&self, resource: &domain::Resource) -> bool {
        self.heard.borrow().contains(resource)
    }

    fn hear(&self, resource: &domain::Resource) {
        if self.heard.borrow_mut().insert(resource.clone()) {
            *self.news.borrow_mut() = Some(Instant::now());
        }
    }
}

impl Observer for FirstWord {
    fn observe(&self, at: Timestamp, event: &Event) {
        let about = match event {
            Event::Decided(decision) => Some(&decision.resource),
            Event::Undecided { resource, .. } | Event::Trouble { resource, .. } => Some(resource),
            Event::Policy { .. } | Event::Feed { .. } | Event::Lock { .. } | Event::Leadership(_) => None,
            // What begins here is only imagined.
            _ => return,
        };
        if about.is_none_or(|resource| !self.is_heard(resource)) {
            self.board.observe(at, event);
        }
        if let Some(resource) = about {
            self.hear(resource);
        }
    }

    fn weigh(&self, at: Timestamp, case: &dyn Fn() -> Case) {
        if !self.is_heard(&case().resource()) {
            self.board.weigh(at, case);
        }
    }

    fn see_state(&self, at: Timestamp, resource: &domain::Resource, path: &str, state: &ResourceState) {
        if !self.is_heard(resource) {
            self.board.see_state(at, resource, path, state);
        }
    }
}

pub(super) fn run(arguments: PlanArguments) -> anyhow::Result<ExitCode> {
    let json = arguments.json;
    let config = config::load(arguments.settings, &arguments.config, Mode::Production, variable)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let ports = RealPorts {
            clock: TokioClock::start(),
            nomad: Rc::new(NomadClient::new(config.nomad.clone())?),
            consul: Rc::new(ConsulClient::new(config.consul.clone())?),
            cloud: Providers::built_in(),
        };
        let setup = AgentConfig {
            job_interval: INTERVAL,
            cluster_interval: INTERVAL,
            ..config.agent(&super::agent_name(), None)
        };
        let first = FirstWord::default();
        let agent = Agent::new(Rehearsal::of(ports), first.clone(), setup);
        let stopped = std::future::pending::<()>();
        match select(pin!(agent.run(stopped)), pin!(until_whole(&first))).await {
            Either::Left(((), _)) | Either::Right(((), _)) => {}
        }
        let (resources, troubles) = api::known(&first.board);
        show(&resources, &troubles, json)
    })
}

/// Completes when nothing new has come for a while, or too much time has passed.
async fn until_whole(first: &FirstWord) {
    let began = Instant::now();
    let is_whole = || {
        let news = first.news.borrow().is_none_or(|news| news.elapsed() >= QUIET);
        // What is wrong with a policy is all that is ever said of it.
        let is_told =
            |resource: &domain::Resource, sheet: &Sheet| first.is_heard(resource) || sheet.policy_problem.is_some();
        let all = first.board.look(|pinned| pinned.resources.iter().all(|(resource, sheet)| is_told(resource, sheet)));
        began.elapsed() >= AT_LEAST && news && all
    };
    while !is_whole() && began.elapsed() < AT_MOST {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn show(resources: &[Resource], troubles: &[String], json: bool) -> anyhow::Result<ExitCode> {
    if json {
        println!("{}", serde_json::to_string_pretty(&resources)?);
    } else {
        print!("{}", words(resources));
    }
    if !troubles.is_empty() {
        bail!("the plan is not whole: {}", troubles.join("; "));
    }
    Ok(ExitCode::SUCCESS)
}

fn words(resources: &[Resource]) -> String {
    if resources.is_empty() {
        return "nothing to scale: no group has a policy, and no node says that it is in a worker pool\n".to_owned();
    }
    let acts = |resource: &&Resource| {
        resource.operation.is_none() && resource.decision.as_ref().is_some_and(|it| it.verdict == Verdict::Act)
    };
    let would: Vec<String> = resources.iter().filter(acts).map(line).collect();
    let others: Vec<String> = resources.iter().filter(|it| !acts(it)).map(line).collect();
    let mut out = String::new();
    if would.is_empty() {
        out += "nothing would be done now\n";
    } else {
        out += "would be done now, by whoever leads:\n";
        out.extend(would);
    }
    if !others.is_empty() {
        out += "\nnothing would be done about:\n";
        out.extend(others);
    }
    out
}

fn line(resource: &Resource) -> String {
    format!("  {}: {}\n", resource.name, resource.summary)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::model::Status;

    #[test]
    fn what_would_be_done_comes_first() {
        let status: Status = serde_json::from_str(include_str!("../api/status.test.json")).unwrap();
        let mut resources = status.resources;
        assert!(words(&resources).starts_with("nothing would be done now\n"), "{}", words(&resources));
        resources[1].decision.as_mut().unwrap().verdict = Verdict::Act;
        let said = words(&resources);
        let (first, rest) = said.split_once("\nnothing would be done about:\n").unwrap();
        assert!(first.contains(&resources[1].name) && rest.contains(&resources[0].name), "{said}");
        assert!(words(&[]).starts_with("nothing to scale"));
    }
}
