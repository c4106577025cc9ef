//! The shipped scenarios: their expectations hold, and their runs are the same to the last bit, always.

use std::path::PathBuf;

use replicator_sim::drive::run::run;
use replicator_sim::scenario::{Changes, Scenario};

use super::shipped;

fn files() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(shipped()).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|it| it == "toml")).collect();
    files.sort();
    files
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

/// The digest of every shipped scenario is the same in debug and release, on every machine; and so are the book's pictures.
#[test]
fn what_is_kept_of_runs_is_todays() {
    let root = shipped().join("..").canonicalize().unwrap();
    let made = tempfile::tempdir().unwrap();
    let mut renew = std::process::Command::new(root.join(".ci/renew"));
    let renewed = renew.arg(made.path()).env("SIMULATOR_BIN", env!("CARGO_BIN_EXE_replicator-sim")).status();
    assert!(renewed.unwrap().success());
    let pictures = ["spike", "drain", "never-join"].map(|name| format!("book/src/images/{name}.svg"));
    for file in pictures.iter().map(String::as_str).chain(["tests/simulator/digests.txt"]) {
        let (kept, new) = (std::fs::read_to_string(root.join(file)), std::fs::read_to_string(made.path().join(file)));
        assert!(
            new.unwrap() == kept.unwrap(),
            "{file} is of before; where the change is meant, .ci/renew makes it anew"
        );
    }
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
