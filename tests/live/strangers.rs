//! Clients that others wrote against the served APIs: what their users do must work there.

use std::path::PathBuf;
use std::process::Command;

use crate::served::Simulator;

/// A Python that has python-nomad and boto3.
pub(crate) fn python() -> Option<PathBuf> {
    let named = PathBuf::from(std::env::var_os("STRANGERS_PYTHON")?);
    let has_them = Command::new(&named).args(["-c", "import boto3, nomad"]).status();
    has_them.is_ok_and(|status| status.success()).then_some(named)
}

/// What a client says that is told where the servers are.
fn heard(script: &str, arguments: &[&str]) -> Vec<String> {
    let script = format!("{}/tests/live/strangers/{script}", env!("CARGO_MANIFEST_DIR"));
    let output = Command::new(python().unwrap()).arg(script).args(arguments).output().unwrap();
    let (out, problems) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}{problems}");
    out.lines().map(str::to_owned).collect()
}

pub(crate) fn nomad_to_python_nomad() {
    let simulator = Simulator::serve("demo", "", &["--nomad-version=2.0"]);
    let at = simulator.address("NOMAD_ADDR").to_string();
    let expected = [
        "leader 127.0.0.1:4647",
        "version 2.0.5",
        "nodes 2 members 2 nobody 0",
        "node pool default in Meta True",
        "iterated 2 by name True",
        "jobs [('shop', 'running')]",
        "allocations 2 {'running'}",
        "measured ['RSS', 'Swap']",
        "scaled True",
        "drained True",
        "eligible eligible",
        "events True",
        "not found job not found",
        "refused 400",
    ];
    assert_eq!(heard("nomad_client.py", &[&at]), expected);
}

pub(crate) fn aws_to_boto3() {
    let simulator = Simulator::serve("demo", "", &[]);
    let at = simulator.address("AWS_ENDPOINT_URL").to_string();
    let expected = [
        "group 2 6 2 2",
        "pages 1",
        "refreshes []",
        "tags a stranger",
        "in service 3",
        "machines 3 {'running'}",
        "activities Successful",
        "ended InProgress",
        "refused ValidationError",
    ];
    assert_eq!(heard("aws_client.py", &[&at, "us-east-1"]), expected);
}
