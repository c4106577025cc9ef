//! Files that make no sense: file, line and key are named, and nothing starts.

use std::fs;

use assert_cmd::Command;

/// What the agent says to a file of that name and text.
fn complaint(name: &str, text: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(name), text).unwrap();
    let run = Command::new(env!("CARGO_BIN_EXE_replicator"))
        .args(["agent", "-config", name])
        .current_dir(folder.path())
        .timeout(std::time::Duration::from_secs(20))
        .assert()
        .code(1)
        .stdout("");
    String::from_utf8(run.get_output().stderr.clone()).unwrap()
}

#[test]
fn c5_file_line_and_key_are_named() {
    let cases = [
        ("a.hcl", "consul = \"a:1\"\nbogus_key = 1\n", "a.hcl:2: unknown key `bogus_key`"),
        ("a.hcl", "\n\nconsul_adress = \"a:1\"\n", "a.hcl:3: unknown key `consul_adress`"),
        ("a.hcl", "job-scaling-interval = 3\n", "did you mean `job_scaling_interval`?"),
        (
            "a.hcl",
            "telemetry {\n  statsd_adress = \"a:1\"\n}\n",
            "a.hcl:2: unknown key `statsd_adress`; did you mean `statsd_address`?",
        ),
        ("a.hcl", "statsd_address = \"a:1\"\n", "a.hcl:1: `statsd_address`: belongs into a block: telemetry { … }"),
        ("a.hcl", "telemetry {\n}\nnomad = \"n:1\"\ntelemetry {\n}\n", "a.hcl:4: `telemetry` is given a second time"),
        ("a.hcl", "telemetry \"x\" {\n}\n", "a.hcl:1: `telemetry`: a block is expected"),
        ("a.hcl", "telemetry = 3\n", "a.hcl:1: `telemetry`: a block is expected"),
        ("a.hcl", "consul {\n}\n", "a.hcl:1: `consul`: a value is expected, not a block"),
        ("a.hcl", "consul = [\"a\", \"b\"]\n", "a.hcl:1: `consul`: a value is expected, not a list"),
        ("a.hcl", "consul = \"${env.X}\"\n", "a.hcl:1: `consul`: a value is expected, not a text with ${…} in it"),
        (
            "a.hcl",
            "job_scaling_interval = \"ten\"\n",
            "a.hcl:1: `job_scaling_interval`: \"ten\" is no number of seconds",
        ),
        ("a.hcl", "job_scaling_interval = -1\n", "a.hcl:1: `job_scaling_interval`: \"-1\" is no number of seconds"),
        ("a.hcl", "http_port = 70000\n", "a.hcl:1: `http_port`: \"70000\" is no port"),
        ("a.hcl", "nomad = \"ftp://n\"\n", "a.hcl:1: `nomad`: unknown scheme \"ftp\""),
        ("a.hcl", "log_level = \"SILLY\"\n", "a.hcl:1: `log_level`: \"SILLY\" is no level"),
        ("a.hcl", "consul = \n", "a.hcl:1: not valid HCL"),
        ("a.json", "{\n \"consul\": \"a\",\n \"bogus\": 1\n}", "a.json:3: unknown key `bogus`"),
        ("a.json", "{\n \"consul\": \"a\",\n \"consul\": \"b\"\n}", "a.json:3: `consul` is given a second time"),
        ("a.json", "{\n \"telemetry\": {\n  \"x\": 1\n }\n}", "a.json:3: unknown key `x`"),
        ("a.json", "{\n \"consul\": \n}", "a.json:3: not valid JSON"),
        ("a.conf", " {\"consul\": nope}", "a.conf:1: not valid JSON"),
    ];
    for (name, text, expected) in cases {
        let said = complaint(name, text);
        assert!(
            said.starts_with("error: ") && said.contains(expected),
            "{text:?}\nexpected {expected:?}\nbut it said {said:?}"
        );
    }
}

#[test]
fn c10_no_error_shows_a_secret() {
    let cases = [
        "consul_token = \"hunter2\n",
        "consul_token = hunter2 hunter2\n",
        "consul_token = { hunter2 = 1 }\n",
        "consul_token = [\"hunter2\"]\n",
        "notification {\n pagerduty_service_key = \"hunter2\n}\n",
        "nomad = \"ftp://me:hunter2@x\"\n",
        "nomad = \"http://me:hunter2@x:port\"\n",
    ];
    for text in cases {
        let said = complaint("a.hcl", text);
        assert!(!said.contains("hunter2"), "{text:?}: {said}");
    }
}

#[test]
fn c5_a_file_that_is_not_there_is_named() {
    let mut agent = Command::new(env!("CARGO_BIN_EXE_replicator"));
    let run = agent.args(["agent", "-config=/nowhere/at.hcl"]).assert().code(1);
    let said = String::from_utf8_lossy(&run.get_output().stderr).into_owned();
    assert_eq!(
        said,
        "error: cannot read the configuration at /nowhere/at.hcl: No such file or directory (os error 2)\n"
    );
}
