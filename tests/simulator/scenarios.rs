//! The shipped scenarios: their expectations hold, and their runs are the same to the last bit, always.

use std::path::PathBuf;

use replicator_sim::drive::run::run;
use replicator_sim::scenario::{Changes, Scenario};

use super::shipped;

/// The digest of every shipped scenario, in debug and release, on every machine.
const GOLDEN: &str = include_str!("digests.txt");

fn files() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(shipped()).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|it| it == "toml")).collect();
    files.sort();
    files
}

fn name(path: &std::path::Path) -> String {
    path.file_stem().unwrap().to_string_lossy().into_owned()
}

fn digest(path: &std::path::Path, changes: &Changes) -> String {
    run(&Scenario::load(path, changes).unwrap().plan).record.digest()
}

#[test]
fn all_expectations_hold_and_no_invariant_breaks() {
    assert!(files().len() >= 8);
    for path in files() {
        let outcome = run(&Scenario::load(&path, &Changes::default()).unwrap().plan);
        assert_eq!(outcome.record.violation, None, "{}", path.display());
        assert!(outcome.checks.len() >= 3, "{} expects too little", path.display());
        let missed: Vec<_> = outcome.checks.iter().filter(|check| !check.met).collect();
        assert!(missed.is_empty(), "{}: {missed:?}", path.display());
    }
}

#[test]
fn invariants_hold_whatever_the_seed() {
    for path in files() {
        for seed in 100..110 {
            let changes = Changes { seed: Some(seed), ..Changes::default() };
            let outcome = run(&Scenario::load(&path, &changes).unwrap().plan);
            assert_eq!(outcome.record.violation, None, "{} --seed {seed}", path.display());
        }
    }
}

#[test]
fn digests_are_golden() {
    let line = |path: &PathBuf| format!("{} {}\n", name(path), digest(path, &Changes::default()));
    let found: Vec<String> = files().iter().map(line).collect();
    assert_eq!(
        found.concat(),
        GOLDEN,
        "if the change of behaviour is meant, put these into tests/simulator/digests.txt"
    );
}

#[test]
fn a_run_is_the_same_twice_and_from_any_thread() {
    let path = shipped().join("lost-leader.toml");
    let expected = digest(&path, &Changes::default());
    let digests: Vec<String> = std::thread::scope(|scope| {
        let runs: Vec<_> = (0..4).map(|_| scope.spawn(|| digest(&path, &Changes::default()))).collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });
    assert_eq!(digests, vec![expected; 4]);
}

#[test]
fn another_seed_is_another_run() {
    let path = shipped().join("spike.toml");
    let other = Changes { seed: Some(8), ..Changes::default() };
    assert_ne!(digest(&path, &Changes::default()), digest(&path, &other));
}

#[test]
fn a_cooldown_on_the_nervous_service_cures_it() {
    let path = shipped().join("flapping.toml");
    let set = vec!["jobs.nervous.groups.web.meta.replicator_cooldown=900".to_owned()];
    let outcome = run(&Scenario::load(&path, &Changes { set, ..Changes::default() }).unwrap().plan);
    assert!(outcome.measures["group.nervous/web.reversals"] <= 24.0);
}
