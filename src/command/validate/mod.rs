//! `replicator validate`: what is wrong with what people wrote, before an agent reads it.
//!
//! - `written`: the policies in a file, and where their keys stand.

mod written;

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};

use super::arguments::{AskArguments, ValidateArguments};
use super::ask::Ask;
use super::variable;
use crate::config::{self, Layer, Mode};
use crate::policy::{GroupPolicy, KeyProblem, PoolPolicy, Reading, with_stored_policy};
use written::{Content, Kind, Written};

/// What was found.
#[derive(Debug, Default)]
struct Report {
    wrong: usize,
    dubious: usize,
    policies: usize,
}

impl Report {
    fn wrong(&mut self, place: &str, words: &str) {
        self.wrong += 1;
        println!("{place}: {words}");
    }

    fn dubious(&mut self, place: &str, words: &str) {
        self.dubious += 1;
        println!("{place}: dubious: {words}");
    }
}

pub(super) fn run(arguments: &ValidateArguments) -> anyhow::Result<ExitCode> {
    if arguments.files.is_empty() && !arguments.live {
        bail!("say what is to be looked at: files, folders of an agent's configuration, or -live");
    }
    let mut report = Report::default();
    for path in &arguments.files {
        look_at(path, &mut report)?;
    }
    if arguments.live {
        look_at_the_cluster(&arguments.ask, &mut report)?;
    }
    let policies = match report.policies {
        0 => String::new(),
        1 => " of one policy".to_owned(),
        many => format!(" of {many} policies"),
    };
    match (report.wrong, report.dubious) {
        (0, 0) => println!("nothing is wrong{}", policies.replace(" of ", " with ")),
        (wrong, dubious) => println!("{wrong} wrong, {dubious} dubious{policies}"),
    }
    Ok(if report.wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Whatever the file is: its content tells.
fn look_at(path: &Path, report: &mut Report) -> anyhow::Result<()> {
    if path.is_dir() {
        let is_read = |path: &Path| path.extension().is_some_and(|it| it == "hcl" || it == "json");
        let mut files = fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))?;
        if !files.any(|file| file.is_ok_and(|file| is_read(&file.path()))) {
            report
                .wrong(&path.display().to_string(), "no file in it ends in .hcl or .json: an agent would read nothing");
        }
        look_at_configuration(path, report);
        return Ok(());
    }
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    match written::read(&text) {
        Content::Policies(policies) => {
            if policies.is_empty() {
                report.dubious(&path.display().to_string(), "there is no policy in it: no key begins with replicator_");
            }
            for policy in policies {
                judge(path, &policy, report);
            }
        }
        Content::StoredPolicy => look_at_stored(path, &text, report),
        Content::Unreadable { line, problem } => report.wrong(&at(path, line), &problem),
        Content::Other => look_at_configuration(path, report),
    }
    Ok(())
}

/// A file or a folder of an agent's configuration, on top of the environment, as an agent would read it.
fn look_at_configuration(path: &Path, report: &mut Report) {
    match config::load(Layer::default(), &[path.to_owned()], Mode::Production, variable) {
        Ok(config) => {
            for unused in config.unused {
                report.dubious(&path.display().to_string(), &format!("{}: {}", unused.key, unused.meaning));
            }
        }
        Err(error) => report.wrong(&path.display().to_string(), &error.to_string()),
    }
}

fn at(path: &Path, line: usize) -> String {
    if line == 0 { path.display().to_string() } else { format!("{}:{line}", path.display()) }
}

fn judge(path: &Path, policy: &Written, report: &mut Report) {
    report.policies += 1;
    let about = &policy.about;
    for (key, line) in &policy.unknown_values {
        let words = format!("{about}: {key} is not written out, so that the policy cannot be judged here");
        report.dubious(&at(path, *line), &words);
    }
    if let Some(problem) = &policy.never_scaled {
        report.wrong(&at(path, policy.line), &format!("{about}: {problem}"));
    }
    if !policy.unknown_values.is_empty() {
        return;
    }
    let meta = policy.meta();
    let (problems, wrong) = match policy.kind {
        Kind::Group => problems(GroupPolicy::read(&meta)),
        Kind::Pool => problems(PoolPolicy::read(&meta)),
    };
    for problem in problems {
        let place = at(path, policy.line_of(&problem.key));
        let words = format!("{about}: {problem}");
        if wrong { report.wrong(&place, &words) } else { report.dubious(&place, &words) }
    }
}

/// What is wrong, and whether the policy is of no use for it.
fn problems<P>(reading: Reading<P>) -> (Vec<KeyProblem>, bool) {
    match reading {
        Reading::NotOurs => (vec![], false),
        Reading::Policy(_, dubious) => (dubious, false),
        Reading::Invalid(error) => (error.problems, true),
    }
}

/// The object that Consul is to hold for a pool whose nodes name nothing but the pool (P3).
fn look_at_stored(path: &Path, text: &str, report: &mut Report) {
    report.policies += 1;
    let place = path.display().to_string();
    let named = crate::domain::Meta::from([(crate::policy::POOL_KEY.to_owned(), "the pool".to_owned())]);
    let (problems, wrong) = match with_stored_policy(&named, text.as_bytes()) {
        Ok(meta) => problems(PoolPolicy::read(&meta)),
        Err(error) => (error.problems, true),
    };
    for problem in problems {
        let words = problem.to_string();
        if wrong { report.wrong(&place, &words) } else { report.dubious(&place, &words) }
    }
}

/// All that the agent that leads has found wrong.
fn look_at_the_cluster(arguments: &AskArguments, report: &mut Report) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let ask = Ask::new(arguments)?;
    let (status, _) = runtime.block_on(ask.status())?;
    for resource in &status.resources {
        report.policies += 1;
        let Some(problem) = &resource.policy_problem else { continue };
        // With a policy that is only dubious it is scaled all the same.
        if resource.enabled.is_some() {
            report.dubious(&resource.name, problem);
        } else {
            report.wrong(&resource.name, problem);
        }
    }
    for trouble in &status.troubles {
        report.wrong(&status.agent.name, trouble);
    }
    Ok(())
}
