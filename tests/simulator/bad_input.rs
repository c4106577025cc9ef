//! Bad input: every error names the file, points at the line, and says what is allowed. Exit code 2, no panic.

use std::path::Path;

use predicates::prelude::*;
use replicator_sim::scenario::{Changes, Scenario};
use tempfile::tempdir;

use super::{shipped, simulator, small_scenario};

const STEADY: &str = "{ constant = 2100 }";

fn error_of(text: &str) -> String {
    match Scenario::parse(text, Path::new("test.toml"), &Changes::default()) {
        Ok(_) => panic!("accepted:\n{text}"),
        Err(error) => error.to_string(),
    }
}

/// The error that one change of a good scenario brings about, which must point at the line of `at`.
fn error_after(from: &str, to: &str, at: &str) -> String {
    let good = small_scenario(STEADY, "");
    assert!(good.contains(from), "{from}");
    let text = good.replacen(from, to, 1);
    let error = error_of(&text);
    let line = text.lines().position(|line| line.contains(at)).unwrap_or_else(|| panic!("{at}")) + 1;
    assert!(error.starts_with(&format!("test.toml:{line}:")), "should point at line {line} ({at}):\n{error}");
    assert!(error.contains('^'), "{error}");
    error
}

#[test]
fn what_is_wrong_is_pointed_at_and_what_is_allowed_is_said() {
    let cases = [
        ("tick = \"5s\"", "tock = \"5s\"", "tock", "unknown field `tock`, expected one of `title`, `seed`"),
        ("boot = \"60s\"", "boot = \"soon\"", "soon", "a span (\"90s\"), or { min, max }, or { median, p95 }"),
        ("duration = \"1h\"", "duration = \"1 fortnight\"", "fortnight", "such as \"90s\", \"10m\""),
        ("duration = \"1h\"", "duration = \"9000d\"", "9000d", "at most 400 days"),
        ("tick = \"5s\"", "tick = \"1ms\"", "1ms", "tick must be at least 100ms"),
        ("tick = \"5s\"", "tick = \"2h\"", "2h", "at most the duration"),
        ("duration = \"1h\"\ntick = \"5s\"", "duration = \"300d\"\ntick = \"100ms\"", "300d", "take a longer tick"),
        ("max = 6", "max = 99999999", "99999999", "99999999 is out of range: 1 to 10000 nodes"),
        ("max = 6", "max = -1", "-1", "invalid value: integer `-1`"),
        ("nodes = 3", "nodes = 7", "nodes = 7", "7 is out of range: 2 to 6 nodes"),
        ("min = 2", "min = 9", "min = 9", "min is at most max"),
        ("cpu = 4000, memory = 8192", "cpu = 4000", "cpu = 4000", "more cpu (MHz) and memory (MiB) than is reserved"),
        ("count = 2\ncall", "count = 50\ncall", "count = 50", "0 to 9 agents"),
        ("count = 6\n", "count = 4000000000\n", "4000000000", "0 to 100000 allocations"),
        ("cpu = 700", "cpu = 9000", "server]", "does not fit on a node of pool workers"),
        ("cpu = 700", "cpu = 0", "server]", "a task needs cpu (MHz) and memory (MiB)"),
        ("replicator_min = 4", "replicator_mim = 4", "[jobs.web.groups.front.meta]", "replicator_min is missing"),
        ("replicator_min = 4", "replicator_min = \"four\"", "\"four\"", "is not a count"),
        ("replicator_min = 4", "replicator_min = 40", "replicator_min = 40", "must be at most replicator_max = 12"),
        ("replicator_cooldown = 30", "replicator_cool_down = 30", "cool_down", "did you mean replicator_cooldown?"),
        ("replicator_region = \"r\"", "", "[pools.workers.meta]", "replicator_region is missing"),
        (
            "group = \"web/front\"",
            "group = \"web/back\"",
            "web/back",
            "there is no group \"web/back\"; there are: web/front",
        ),
        ("{ constant = 2100 }", "{ constant = -5 }", "-5", "a number from 0 to 1e12"),
        ("{ constant = 2100 }", "{ wave = 5 }", "wave", "unknown variant `wave`, expected one of `constant`, `step`"),
        ("{ constant = 2100 }", "{ trace = { file = \"none.csv\" } }", "none.csv", "none.csv"),
        ("{ constant = 2100 }", "{ ramp = { from = \"5m\", to = \"1m\", by = 3 } }", "ramp", "must be before"),
        ("seed = 1", "seed = \"one\"", "\"one\"", "invalid type: string \"one\", expected u64"),
    ];
    for (from, to, at, expected) in cases {
        let error = error_after(from, to, at);
        assert!(error.contains(expected), "{to}: should say {expected:?}:\n{error}");
    }
}

#[test]
fn events_and_expectations_are_checked_before_the_run() {
    let cases = [
        ("[[event]]\nat = \"2h\"\nnomad_outage = true\n", "the event is at 02:00:00, after the end"),
        ("[[event]]\nat = \"1m\"\n", "an event is one thing, this one is 0; there are kill_node"),
        ("[[event]]\nat = \"1m\"\nnomad_outage = true\nconsul_outage = true\n", "this one is 2"),
        ("[[event]]\nat = \"1m\"\nnomad_outage = false\n", "true, or no such key"),
        (
            "[[event]]\nat = \"1m\"\nkill_agent = \"bond\"\n",
            "there is no agent \"bond\"; there are: agent-0, agent-1, leader",
        ),
        ("[[event]]\nat = \"1m\"\nkill_node = { pool = \"w\" }\n", "there is no pool \"w\"; there are: workers"),
        (
            "[[event]]\nat = \"1m\"\nkill_zone = { pool = \"workers\", zone = \"z\" }\n",
            "there is no zone \"z\"; there are: a",
        ),
        ("[[event]]\nat = \"1m\"\nfailsafe = { set = \"on\" }\n", "failsafe is of a pool or of a group"),
        (
            "[[expect]]\nmeasure = \"pool.workers.redy\"\nat_least = 1\n",
            "there is no measure (without at) \"pool.workers.redy\"; did you mean",
        ),
        (
            "[[expect]]\nmeasure = \"pool.workers.ready\"\nat_least = 1\n",
            "pool.workers.ready changes over time: say of which moment it is, by at = \"…\"",
        ),
        (
            "[[expect]]\nmeasure = \"run.alerts\"\nat = \"5m\"\nat_least = 1\n",
            "run.alerts is of the whole run, and of no moment: leave at out",
        ),
        ("[[expect]]\nmeasure = \"run.alerts\"\n", "at_least, at_most or both, or else equals"),
        ("[[expect]]\nmeasure = \"run.alerts\"\nat_least = 2\nat_most = 1\n", "at_least, at_most or both"),
        ("[[load]]\ngroup = \"web/front\"\n", "this group has a load already"),
    ];
    for (more, expected) in cases {
        let error = error_of(&small_scenario(STEADY, more));
        assert!(error.contains(expected), "should say {expected:?}:\n{error}");
        assert!(error.starts_with("test.toml"), "{error}");
    }
}

#[test]
fn a_scenario_cut_anywhere_is_an_error_or_a_scenario_but_never_a_panic() {
    let text = std::fs::read_to_string(shipped().join("two-pools.toml")).unwrap();
    let mut errors = 0;
    for (end, _) in text.char_indices() {
        errors += usize::from(Scenario::parse(&text[..end], Path::new("cut.toml"), &Changes::default()).is_err());
    }
    assert!(errors > text.len() / 2);
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("x.toml");
    simulator().arg(&path).assert().code(2).stderr(predicate::str::contains("x.toml: cannot be read"));
    simulator().arg(folder.path()).assert().code(2).stderr(predicate::str::contains("cannot be read"));
    std::fs::write(&path, [0xff, 0xfe, 0x00]).unwrap();
    simulator().arg(&path).assert().code(2).stderr(predicate::str::contains("x.toml: cannot be read"));
    std::fs::write(&path, "").unwrap();
    simulator().arg(&path).assert().code(2).stderr(predicate::str::contains("missing field `title`"));
    std::fs::write(folder.path().join("empty.csv"), "timestamp,value\n").unwrap();
    std::fs::write(&path, small_scenario("{ trace = { file = \"empty.csv\" } }", "")).unwrap();
    simulator().arg(&path).assert().code(2).stderr(predicate::str::contains("empty.csv: no samples"));
}

#[test]
fn a_trace_is_found_beside_its_scenario_and_drives_the_load() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("x.toml");
    let csv = "timestamp,value\n2026-01-01 00:00:00,21\n2026-01-01 00:10:00,50\n2026-01-01 00:10:00,53\n";
    std::fs::write(folder.path().join("load.csv"), csv).unwrap();
    let expect = "[[expect]]\nmeasure = \"group.web/front.demand_cpu\"\nat = \"30m\"\nequals = 5300\n";
    std::fs::write(&path, small_scenario("{ trace = { file = \"load.csv\", scale = 100 } }", expect)).unwrap();
    simulator().arg(&path).assert().code(0);
}

#[test]
fn a_change_that_is_no_good_is_named() {
    let spike = shipped().join("spike.toml");
    let set = |change: &str| simulator().arg(&spike).arg("--set").arg(change).assert().code(2);
    set("seed").stderr(predicate::str::contains("--set seed: write KEY=VALUE"));
    set("pools.workers.maxx=3").stderr(predicate::str::contains("unknown field `maxx`"));
    set("pools.workers.max=many").stderr(predicate::str::contains("invalid type: string \"many\""));
    set("load.9.cpu=1").stderr(predicate::str::contains("there is no entry 9"));
}
