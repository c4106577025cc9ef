//! The commands that need no server.

use std::fs;

use assert_cmd::Command;

fn replicator() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_replicator"));
    command.timeout(std::time::Duration::from_secs(20));
    command
}

/// Runs with these arguments; the exit code, and what it said on stdout and stderr.
fn run(arguments: &[&str]) -> (i32, String, String) {
    let output = replicator().args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn version_says_what_it_was_built_from() {
    for flag in ["version", "-v", "-version", "--version", "-V"] {
        let (code, out, _) = run(&[flag]);
        assert_eq!(code, 0);
        let first = format!("Replicator v{}\n", env!("CARGO_PKG_VERSION"));
        assert!(out.starts_with(&first), "{out}");
        for word in ["revision", "built", "target"] {
            assert!(out.contains(word), "{out}");
        }
    }
}

#[test]
fn c1_every_flag_of_the_go_daemon_is_taken_with_one_dash() {
    // The last flag is wrong, so that nothing starts: it is the only one that is complained of.
    let agent = [
        "agent",
        "-bind-address=0.0.0.0",
        "-cluster-identifier=x",
        "-cluster-scaling-disable",
        "-cluster-scaling-interval=20",
        "-config=/nowhere",
        "-consul=localhost:8500",
        "-consul-key-root=a/b",
        "-consul-token=t",
        "-dev",
        "-http-port=1313",
        "-job-scaling-disable",
        "-job-scaling-interval=20",
        "-log-level=INFO",
        "-nomad=http://localhost:4646",
        "-nomad-token=t",
        "-nomad-tls-server-name=n",
        "-opsgenie-api-key=k",
        "-pagerduty-service-key=k",
        "-rpc-port=1314",
        "-scaling-concurrency=2",
        "-statsd-address=s:1",
        "-nosuch",
    ];
    let (code, _, err) = run(&agent);
    assert_eq!(code, 2);
    assert!(err.contains("unexpected argument '--nosuch'"), "{err}");
    let (code, _, err) = run(&agent[..agent.len() - 1]);
    assert_eq!(code, 1);
    assert!(err.contains("/nowhere"), "all flags are in order; only the file is not there: {err}");
    let (code, _, err) = run(&[
        "failsafe",
        "-enable",
        "-force",
        "-config=/nowhere",
        "-consul=x:1",
        "-consul-token=t",
        "-state-path=a/b",
    ]);
    assert_eq!(code, 1);
    assert!(err.contains("/nowhere"), "{err}");
}

#[test]
fn c10_no_help_and_no_error_shows_a_secret() {
    for arguments in [
        vec!["agent", "-consul-token", "hunter2", "-help"],
        vec!["agent", "-consul-token=hunter2", "bogus"],
        vec!["agent", "-consul-tokn=hunter2"],
        vec!["agent", "-consul=http://me:hunter2@host:bad"],
        vec!["agent", "-nomad-token=hunter2", "-log-level=SILLY"],
        vec!["agent", "-nomad-token=a\nhunter2", "-config=/nowhere"],
        vec!["agent", "-slack-webhook-url=hunter2"],
        vec!["notify", "-test", "-webhook-url=host/hunter2"],
        vec!["agent", "-webhook-secret=hunter2"],
    ] {
        let mut command = replicator();
        command.env("CONSUL_HTTP_TOKEN", "hunter2").env("NOMAD_TOKEN", "hunter2");
        let output = command.args(&arguments).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        assert!(!String::from_utf8_lossy(&said).contains("hunter2"), "{arguments:?}");
    }
    let (code, _, err) = run(&["agent", "-nomad-token=a\nhunter2"]);
    assert_eq!(code, 1);
    assert_eq!(err, "error: the Nomad ACL token holds characters that cannot be sent in a header\n");
}

#[test]
fn help_explains_every_command() {
    let (code, out, _) = run(&["-help"]);
    assert_eq!(code, 0);
    for command in
        ["agent", "status", "explain", "validate", "hold", "release", "notify", "failsafe", "init", "version", "man"]
    {
        assert!(out.contains(&format!("\n  {command} ")), "{out}");
        let (code, help, _) = run(&[command, "-help"]);
        assert!(code == 0 && help.contains("Usage: replicator"), "{help}");
    }
}

#[test]
fn c11_failsafe_wants_to_know_what_and_of_which() {
    for arguments in [
        vec!["failsafe"],
        vec!["failsafe", "-enable"],
        vec!["failsafe", "-enable", "-disable", "-state-path=x"],
        vec!["failsafe", "-state-path=x"],
        vec!["failsafe", "-enable", "-job=web"],
        vec!["failsafe", "-enable", "-group=front"],
        vec!["failsafe", "-enable", "-pool=p", "-state-path=x"],
    ] {
        let (code, out, err) = run(&arguments);
        assert_eq!((code, out.as_str()), (2, ""), "{arguments:?}: {err}");
        assert!(err.contains("Usage: replicator failsafe"), "{err}");
    }
    let (code, _, err) = run(&["failsafe", "-enable", "-state-path=/", "-force"]);
    assert_eq!(code, 1);
    assert!(err.contains("-state-path is empty"), "{err}");
}

#[test]
fn c12_init_writes_examples_and_overwrites_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let init = |arguments: &[&str]| {
        let output = replicator().arg("init").args(arguments).current_dir(folder.path()).output().unwrap();
        (
            output.status.code().unwrap(),
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    let (code, out, _) = init(&["-cluster-scaling"]);
    assert_eq!((code, out.as_str()), (0, "Example scaling configuration written to cluster_scaling.hcl\n"));
    let written = fs::read_to_string(folder.path().join("cluster_scaling.hcl")).unwrap();
    for key in ["replicator_cooldown", "replicator_max", "replicator_min"] {
        assert!(written.contains(&format!("{key} ")), "{written}");
    }
    assert!(
        !written.contains("cool_down") && !written.contains("_size"),
        "the keys that 1.0.3 wrote were read by nobody"
    );
    fs::write(folder.path().join("cluster_scaling.hcl"), "mine").unwrap();
    let (code, out, err) = init(&[]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(err.contains("cluster_scaling.hcl exists already"), "{err}");
    assert!(!folder.path().join("job_scaling.hcl").exists(), "all or nothing");
    assert_eq!(fs::read_to_string(folder.path().join("cluster_scaling.hcl")).unwrap(), "mine");
    assert_eq!(init(&["-job-scaling"]).0, 0);
    assert!(folder.path().join("job_scaling.hcl").exists());
}

#[test]
fn completions_and_man_pages_know_every_command() {
    for shell in ["bash", "zsh", "fish"] {
        let (code, out, _) = run(&["completions", shell]);
        assert!(code == 0 && out.contains("consul-key-root") && out.contains("failsafe"), "{shell}");
    }
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("man");
    assert_eq!(run(&["man", pages.to_str().unwrap()]).0, 0);
    for page in ["replicator", "replicator-agent", "replicator-failsafe", "replicator-init"] {
        let text = fs::read_to_string(pages.join(format!("{page}.1"))).unwrap();
        assert!(text.contains(".SH NAME"), "{page}");
    }
}

#[test]
fn c14_validate_tells_every_problem_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let job = file(
        "job.hcl",
        "job \"web\" {\n  group \"front\" {\n    meta {\n      replicator_enabled = true\n      replicator_min = \"many\"\n    }\n  }\n}\n",
    );
    let (code, out, _) = run(&["validate", &job]);
    assert_eq!(code, 1);
    let missing = format!("{job}:3: job web, group front: replicator_max is missing");
    let unreadable = format!("{job}:5: job web, group front: replicator_min = \"many\" is not a count");
    assert!(out.contains(&missing) && out.contains(&unreadable) && out.contains("6 wrong"), "{out}");

    let variable = file("variable.hcl", "meta {\n  replicator_enabled = var.on\n}\n");
    let (code, out, _) = run(&["validate", &variable]);
    assert!(code == 0 && out.contains(":2: dubious: meta: replicator_enabled is not written out"), "{out}");

    let stored = file("stored.json", r#"{"replicator_enabled": true, "replicator_region": ["r"]}"#);
    let (code, out, _) = run(&["validate", &stored]);
    assert!(code == 1 && out.contains("replicator_region = [\"r\"]"), "{out}");

    let config = file("agent.hcl", "consul = \"localhost:8500\"\nhttp_port = \"wide\"\n");
    let (code, out, _) = run(&["validate", &config]);
    assert!(code == 1 && out.contains("agent.hcl:2: `http_port`"), "{out}");

    let broken = file("broken.hcl", "job \"web\" {\n  group\n");
    let (code, out, _) = run(&["validate", &broken]);
    assert!(code == 1 && out.contains("broken.hcl:"), "{out}");

    let nothing = file("nothing.hcl", "job \"web\" {\n  group \"front\" {}\n}\n");
    let (code, out, _) = run(&["validate", &nothing]);
    assert!(code == 0 && out.contains("there is no policy in it"), "{out}");

    replicator().arg("init").current_dir(folder.path()).assert().success();
    let examples = ["job_scaling.hcl", "cluster_scaling.hcl"].map(|name| folder.path().join(name));
    let paths = examples.each_ref().map(|path| path.to_str().unwrap());
    let (code, out, _) = run(&["validate", paths[0], paths[1]]);
    assert_eq!((code, out.as_str()), (0, "nothing is wrong with 2 policies\n"));

    let empty = folder.path().join("empty");
    fs::create_dir(&empty).unwrap();
    let (code, out, _) = run(&["validate", empty.to_str().unwrap()]);
    assert!(code == 1 && out.contains("an agent would read nothing"), "{out}");

    let (code, _, error) = run(&["validate"]);
    assert!(code == 1 && error.contains("say what is to be looked at"), "{error}");
    let (code, _, error) = run(&["validate", "/nowhere.hcl"]);
    assert!(code == 1 && error.contains("cannot read /nowhere.hcl"), "{error}");
}
