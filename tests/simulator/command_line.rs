//! The command line: what it prints, where, and with which exit code.

use predicates::prelude::*;
use tempfile::tempdir;

use super::{shipped, simulator, small_scenario};

const STEP: &str = r#"{ constant = 2100 }, { step = { at = "10m", by = 3200 } }"#;

#[test]
fn the_report_names_scenario_seed_digest_measures_actions_and_expectations() {
    let expected = [
        "A spike",
        "seed 7  set pools.workers.price_per_hour=0.2  revision ",
        "digest ",
        "1.5 % of the CPU asked for was not there",
        "2.39 times the 2.9 that whole nodes could have carried it with",
        "worst gap  group shop/front 4 min 20 s",
        "group shop/front 18 out, 17 in, 1 turn; from 00:20:22 to 00:58:42",
        "held       pool workers in for 1 h 58 min by P12",
        "× oracle: node hours ÷",
        "--actions lists all 39 actions",
    ];
    let mut command = simulator();
    let mut assert =
        command.arg(shipped().join("spike.toml")).arg("--set=pools.workers.price_per_hour=0.2").assert().code(0);
    for words in expected {
        assert = assert.stdout(predicate::str::contains(words));
    }
    assert.stdout(predicate::str::contains("6 of 6 expectations met")).stdout(predicate::str::contains("\u{1b}").not());
    simulator()
        .args(["--actions"])
        .arg(shipped().join("spike.toml"))
        .assert()
        .code(0)
        .stdout(predicate::str::contains("group shop/front out 4 -> 5: CPU of task server 86.6 % > 70 % (J8)"));
}

/// No line of a report is wider than a screen, whatever the names.
#[test]
fn the_report_fits_a_screen() {
    for scenario in ["spike", "two-pools", "flapping", "day"] {
        let output = simulator().arg(shipped().join(format!("{scenario}.toml"))).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let tables =
            text.lines().skip_while(|line| !line.starts_with(" pool ")).take_while(|line| !line.contains("--actions"));
        for line in tables {
            assert!(line.chars().count() <= 115, "{scenario}: {line}");
        }
    }
}

#[test]
fn every_output_says_what_made_it() {
    let folder = tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let mut command = simulator();
    command.arg(shipped().join("spike.toml")).args([
        "--seed",
        "9",
        "--set",
        "pools.workers.max=9",
        "--set",
        "tick=10s",
    ]);
    for kind in ["json", "csv", "events"] {
        command.arg(format!("--{kind}")).arg(path(kind));
    }
    command.assert().stdout(predicate::str::contains("seed 9  set pools.workers.max=9  set tick=10s  revision "));
    for kind in ["csv", "events"] {
        let text = std::fs::read_to_string(path(kind)).unwrap();
        let first = text.lines().next().unwrap();
        assert!(first.contains("seed 9  set pools.workers.max=9  set tick=10s  revision "), "{first}");
    }
    let json: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path("json")).unwrap()).unwrap();
    assert_eq!(json["set"], serde_json::json!(["pools.workers.max=9", "tick=10s"]));
    assert!(json["revision"].is_string() && json["seed"] == 9);
}

#[test]
fn a_plot_is_written_where_it_says_in_the_kind_that_its_name_says() {
    let folder = tempdir().unwrap();
    let spike = shipped().join("spike.toml");
    let plotted =
        |arguments: &[&str]| simulator().current_dir(folder.path()).arg(&spike).arg("--plot").args(arguments).assert();
    plotted(&[]).code(0).stderr(predicate::str::contains("plot written to spike.png"));
    plotted(&["out.svg"]).code(0).stderr(predicate::str::contains("plot written to out.svg"));
    plotted(&["out.gif"]).code(2).stderr(predicate::str::contains(".png or .svg"));
    plotted(&["no/such/folder/out.png"]).code(2).stderr(predicate::str::contains("cannot draw no/such/folder/out.png"));
    let png = std::fs::read(folder.path().join("spike.png")).unwrap();
    assert!(png.starts_with(b"\x89PNG") && png.len() > 20_000);
    let svg = std::fs::read_to_string(folder.path().join("out.svg")).unwrap();
    for words in
        ["desired", "ready", "whole nodes that would do", "CPU allowed", "unmet demand", "time since the start"]
    {
        assert!(svg.contains(words), "{words}");
    }
    plotted(&["again.png"]).code(0);
    assert_eq!(std::fs::read(folder.path().join("again.png")).unwrap(), png, "the same picture every time");
}

#[test]
fn an_unmet_expectation_is_exit_code_1_and_names_its_line() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("never.toml");
    let text = small_scenario(STEP, "[[expect]]\nmeasure = \"pool.workers.ready\"\nat = \"30m\"\nequals = 17\n");
    std::fs::write(&path, &text).unwrap();
    let line = text.lines().position(|line| line.contains("measure =")).unwrap() + 1;
    simulator()
        .arg(&path)
        .assert()
        .code(1)
        .stdout(predicate::str::contains("NOT MET pool.workers.ready at 00:30:00 = 17, is "))
        .stdout(predicate::str::contains(format!("never.toml:{line}")));
}

#[test]
fn json_is_complete_and_agrees_with_the_text() {
    let output = simulator().arg(shipped().join("never-join.toml")).arg("--json").output().unwrap();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["good"], true);
    assert_eq!(report["measures"]["run.alerts"], 1.0);
    assert_eq!(report["seed"], 9);
    assert_eq!(report["violation"], serde_json::Value::Null);
    assert!(
        report["actions"]
            .as_array()
            .unwrap()
            .iter()
            .any(|action| action["ending"].as_str().unwrap().starts_with("failed"))
    );
    assert_eq!(report["failsafe"][0]["resource"], "pool workers");
    let text = simulator().arg(shipped().join("never-join.toml")).output().unwrap();
    let digest = report["digest"].as_str().unwrap();
    assert!(String::from_utf8(text.stdout).unwrap().contains(digest));
}

#[test]
fn csv_has_a_row_a_tick_and_a_column_a_series() {
    let output = simulator().arg(shipped().join("spike.toml")).arg("--csv").output().unwrap();
    let mut reader = csv::Reader::from_reader(&output.stdout[..]);
    let headers = reader.headers().unwrap().clone();
    for column in ["seconds", "pool.workers.desired", "group.shop/front.unmet_cpu", "pool.workers.allowed_memory"] {
        assert!(headers.iter().any(|header| header == column), "{column}");
    }
    assert_eq!(reader.records().count(), 2 * 360 + 1);
}

#[test]
fn outputs_go_to_files_when_these_are_named_and_the_text_stays() {
    let folder = tempdir().unwrap();
    let paths = ["r.json", "r.csv", "r.log"].map(|name| folder.path().join(name));
    let mut command = simulator();
    command.arg(shipped().join("spike.toml"));
    for (option, path) in ["--json", "--csv", "--events"].iter().zip(&paths) {
        command.arg(option).arg(path);
    }
    command.assert().code(0).stdout(predicate::str::contains("expectations met"));
    assert!(paths.iter().all(|path| std::fs::metadata(path).unwrap().len() > 1000));
    let log = std::fs::read_to_string(&paths[2]).unwrap();
    assert!(log.lines().any(|line| line.ends_with("agent-0  leads")), "{}", &log[..200]);
}

#[test]
fn seed_and_set_make_another_run() {
    let digest = |arguments: &[&str]| {
        let output = simulator().arg(shipped().join("spike.toml")).args(arguments).arg("--json").output().unwrap();
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        report["digest"].as_str().unwrap().to_owned()
    };
    let plain = digest(&[]);
    assert_eq!(plain, digest(&["--seed", "7"]), "the scenario's own seed");
    assert_ne!(plain, digest(&["--seed", "8"]));
    assert_ne!(plain, digest(&["--set", "pools.workers.meta.replicator_cooldown=600"]));
}

#[test]
fn help_teaches() {
    simulator()
        .arg("--help")
        .assert()
        .code(0)
        .stdout(predicate::str::contains("Exit code"))
        .stdout(predicate::str::contains("replicator-sim scenarios/spike.toml --plot"))
        .stdout(predicate::str::contains("KEY=VALUE"));
    simulator().assert().code(2).stderr(predicate::str::contains("<SCENARIO>"));
    simulator().arg("--version").assert().code(0).stdout(predicate::str::starts_with("replicator-sim "));
}

#[test]
fn a_scenario_in_the_place_of_an_output_is_not_overwritten() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("spike.toml");
    std::fs::copy(shipped().join("spike.toml"), &path).unwrap();
    let before = std::fs::read(&path).unwrap();
    simulator().arg(&path).arg("--json").arg(&path).assert().code(2).stderr(predicate::str::contains("refusing"));
    simulator().arg("--plot").arg(&path).assert().code(2);
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn two_outputs_in_one_place_are_refused() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("both");
    let spike = shipped().join("spike.toml");
    let refused = predicate::str::contains("two outputs cannot both go to");
    simulator().arg(&spike).args(["--json", "--csv"]).assert().code(2).stderr(refused.clone());
    simulator().arg(&spike).arg("--json").arg(&path).arg("--csv").arg(&path).assert().code(2).stderr(refused);
    assert!(!path.exists());
}

#[test]
fn failsafe_and_what_a_dry_run_would_have_done_are_in_the_report() {
    let never_join = simulator().arg(shipped().join("never-join.toml")).assert().code(0);
    never_join
        .stdout(predicate::str::contains("failsafe, 1 alerts"))
        .stdout(predicate::str::contains("pool workers until 01:20:00"));
    let dry_run = simulator().arg(shipped().join("dry-run.toml")).assert().code(0);
    dry_run.stdout(predicate::str::contains("would have been taken if enabled"));
}

#[test]
fn a_hunt_tells_what_it_found_and_how_to_see_it_again() {
    let hunt = simulator().args(["hunt", "--runs", "3", "--seed", "5"]).output().unwrap();
    let (told, code) = (String::from_utf8(hunt.stdout).unwrap(), hunt.status.code());
    let found = told.lines().filter(|line| line.contains("again: replicator-sim hunt --runs 1 --seed ")).count();
    assert!(told.ends_with(&format!("hunted 3 runs: {found} violations\n")), "{told}");
    assert_eq!(code, Some(i32::from(found > 0)));
}

#[test]
fn a_seed_of_the_hunt_is_a_scenario_like_any_other() {
    let print = |odd: &[&str]| simulator().args(["hunt", "--seed", "7", "--print"]).args(odd).output().unwrap().stdout;
    assert!(!String::from_utf8(print(&[])).unwrap().contains("[odd]"));
    let folder = tempdir().unwrap();
    let path = folder.path().join("seed-7.toml");
    std::fs::write(&path, print(&["--odd"])).unwrap();
    simulator().arg("hunt").arg(&path).assert().stdout(predicate::str::contains("seed-7.toml: "));
    simulator().arg("hunt").arg(&path).arg("--odd").assert().code(2);
    simulator().arg("hunt").arg(folder.path().join("none.toml")).assert().code(2);
}

#[test]
fn validate_reads_without_running() {
    let folder = tempdir().unwrap();
    let spike = shipped().join("spike.toml");
    let ok = predicate::str::contains("spike.toml: 2 h, 1 pool, 2 groups, 0 events, 6 expectations");
    simulator().arg("validate").arg(&spike).assert().code(0).stdout(ok.clone());
    let wrong = folder.path().join("wrong.toml");
    std::fs::write(&wrong, "title = 1").unwrap();
    let both = simulator().arg("validate").arg(&wrong).arg(&spike).assert().code(2).stdout(ok);
    both.stderr(predicate::str::contains("wrong.toml:1").and(predicate::str::contains("1 of 2 scenarios")));
}

#[test]
fn a_rule_is_explained() {
    let explain = |asked: &str| simulator().args(["explain", asked]).assert();
    explain("p12").code(0).stdout(predicate::str::starts_with("P12 ").and(predicate::str::contains("90")));
    explain("P99").code(2).stderr(predicate::str::contains("there is no rule \"P99\"; did you mean P9"));
    simulator().arg("explain").assert().code(0).stdout(predicate::str::contains("\nJ8 "));
}

#[test]
fn completions_and_manual_pages_are_of_the_simulator() {
    let folder = tempdir().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        simulator().args(["completions", shell]).assert().code(0).stdout(predicate::str::contains("replicator-sim"));
    }
    simulator().arg("man").arg(folder.path().join("pages")).assert().code(0);
    let page = std::fs::read_to_string(folder.path().join("pages/replicator-sim-hunt.1")).unwrap();
    assert!(page.contains("Make up scenarios"), "{page}");
}

#[test]
fn a_dash_is_standard_input_and_output() {
    let spike = std::fs::read_to_string(shipped().join("spike.toml")).unwrap();
    let with = |arguments: &[&str]| simulator().arg("-").args(arguments).write_stdin(spike.clone()).assert().code(0);
    with(&[]).stdout(predicate::str::contains("6 of 6 expectations met"));
    with(&["--plot", "-"])
        .stdout(predicate::str::starts_with("<svg").and(predicate::str::contains("expectations").not()));
    with(&["--csv", "-"]).stdout(predicate::str::starts_with("seconds,"));
    let both = ["--plot", "-", "--csv", "-"];
    simulator().arg("-").args(both).write_stdin(spike.clone()).assert().code(2);
}

#[test]
fn an_output_that_cannot_be_written_is_found_before_the_run() {
    let folder = tempdir().unwrap();
    for output in ["--json", "--csv", "--events"] {
        for path in ["no/such/folder/out", "."] {
            let mut command = simulator();
            command.current_dir(folder.path()).arg(shipped().join("spike.toml")).arg(output).arg(path);
            let words = predicate::str::contains(format!("cannot write {path}; nothing was run"));
            command.assert().code(2).stderr(words).stdout("");
        }
    }
    let kept = folder.path().join("kept");
    std::fs::write(&kept, "before").unwrap();
    let mut command = simulator();
    command.arg(shipped().join("spike.toml")).arg("--json").arg(&kept).arg("--csv").arg(folder.path().join("no/x"));
    command.assert().code(2);
    assert_eq!(
        std::fs::read_to_string(&kept).unwrap(),
        "before",
        "what is there stays until there is something for it"
    );
}

#[test]
fn a_trace_that_ends_before_the_run_is_warned_of() {
    let folder = tempdir().unwrap();
    std::fs::write(folder.path().join("short.csv"), "timestamp,value\n0,500\n60,600\n").unwrap();
    let path = folder.path().join("t.toml");
    std::fs::write(&path, small_scenario("{ trace = { file = \"short.csv\" } }", "")).unwrap();
    let words = predicate::str::contains("warning: the trace short.csv ends after 2 min, and the run takes ");
    simulator().arg(&path).assert().code(0).stderr(words.clone());
    simulator().arg(&path).arg("--set=load.0.cpu.0.trace.repeat=true").assert().code(0).stderr(words.not());
}

#[test]
fn a_demo_with_an_agent_that_has_no_provider_says_so_at_its_end() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempdir().unwrap();
    let agent = folder.path().join("replicator");
    let words = "WARN pool workers: this build has no provider aws: it was built without the feature `aws`";
    std::fs::write(&agent, format!("#!/bin/sh\necho '{words}' >&2\n")).unwrap();
    std::fs::set_permissions(&agent, std::fs::Permissions::from_mode(0o755)).unwrap();
    let demo = |agent: &std::path::Path| {
        let mut command = simulator();
        command.arg("demo").arg("--replicator").arg(agent).arg("--plot").arg(folder.path().join("demo.png"));
        command.assert().success()
    };
    demo(&agent)
        .stdout(predicate::str::contains(words).and(predicate::str::contains("the agent ended")))
        .stderr(predicate::str::contains("was built without AWS, and left the pools alone; with it: cargo build"));
    std::fs::write(&agent, "#!/bin/sh\necho ok >&2\n").unwrap();
    demo(&agent).stderr(predicate::str::contains("without AWS").not());
}

#[test]
fn an_output_that_is_a_pipe_is_written_once() {
    let folder = tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let reader = std::thread::spawn({
        let pipe = pipe.clone();
        move || std::fs::read_to_string(pipe).unwrap()
    });
    simulator().arg(shipped().join("drain.toml")).arg("--json").arg(&pipe).assert().success();
    assert!(reader.join().unwrap().contains("\"digest\""));
}
