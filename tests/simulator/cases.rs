//! Things that happened to people, or that a stern reader found: a scenario each, in `cases`, that says what is right. In
//! every one of them no invariant may break, and every expectation must be met.

use std::path::{Path, PathBuf};

use replicator_sim::drive::run::run;
use replicator_sim::scenario::{Changes, Scenario};
use replicator_sim::search::hunt::{Judged, judge};

/// The scenarios of a folder.
fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/simulator").join(folder);
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.is_file()).collect();
    files.sort();
    files
}

fn name(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// What is wrong with the run of a case; nothing where all is right.
fn problems(path: &Path) -> Vec<String> {
    let scenario = match Scenario::load(path, &Changes::default()) {
        Ok(scenario) => scenario,
        Err(error) => return vec![error.to_string()],
    };
    let outcome = run(&scenario.plan);
    let missed = outcome.checks.iter().filter(|check| !check.met);
    let mut problems: Vec<String> =
        missed.map(|check| format!("expected {}, and it was {}", check.expectation, check.measured)).collect();
    problems.extend(outcome.record.violation.map(|(at, it)| format!("{at}: {}: {}", it.invariant, it.evidence)));
    problems
}

#[test]
fn every_case_comes_out_right() {
    let cases = files("cases");
    assert!(cases.len() > 20, "{}", cases.len());
    let wrong: Vec<String> = cases
        .iter()
        .flat_map(|path| {
            let name = name(path);
            problems(path).into_iter().map(move |problem| format!("{name}: {problem}"))
        })
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_case_is_in_order_in_the_end() {
    let wrong: Vec<String> = files("cases")
        .iter()
        .filter_map(|path| {
            let scenario = Scenario::load(path, &Changes::default()).ok()?;
            match judge(&scenario.plan) {
                Judged::InOrder => None,
                Judged::NobodyLeft => Some(format!("{}: no agent is left", name(path))),
                Judged::Found(found) => Some(format!("{}: {}", name(path), found.finding)),
            }
        })
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn j3_what_can_never_have_anything_is_refused_and_named() {
    for path in files("cases/refused") {
        let error = Scenario::load(&path, &Changes::default()).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains("replicator_max"), "{error}");
    }
}
