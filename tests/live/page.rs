//! The agent's page, used by a browser.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use crate::cluster::Cluster;
use crate::served::Simulator;
use crate::{binary, eventually, free_port};

pub(crate) fn the_page_is_used_in_a_browser() {
    let cluster = Cluster::start();
    cluster.nomad.register("web", 2, &[("max", "4")], 500.0);
    cluster.nomad.register("<img src=x onerror=window.hacked=1>", 2, &[], 500.0);
    let port = free_port();
    let http = format!("-http-port={port}");
    let mut agent = cluster.agent(&[&http]);
    agent.await_word("INFO leads", 1);
    let mut browser = browse("page.py", port).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut answers = browser.stdin.take().unwrap();
    let mut lines = BufReader::new(browser.stdout.take().unwrap()).lines().map_while(Result::ok);
    loop {
        let line = lines.next().unwrap_or_default();
        match line.as_str() {
            "load web" => cluster.nomad.load("web", 95.0),
            "failsafe" => {
                let state = cluster.consul.state("jobs/web/front").unwrap();
                assert_eq!((&state["failsafe_mode"], &state["failsafe_by"]), (&true.into(), &"ann".into()));
            }
            "kill" => agent.kill(),
            "start" => {
                eventually("its session to end", || cluster.consul.holder().is_none().then_some(()));
                agent = cluster.agent(&[&http]);
            }
            "over" | "" => break,
            other => println!("{other}"),
        }
        writeln!(answers).unwrap();
    }
    drop(answers);
    assert!(browser.wait().unwrap().success(), "the browser's story was another: see above");
    println!("pictures are in {}", env!("CARGO_TARGET_TMPDIR"));
}

/// The page of an agent that scales a served cluster; its pools too, where it has the provider.
pub(crate) fn the_page_follows_a_served_cluster() {
    let simulator = Simulator::start("");
    let port = free_port();
    let mut agent = simulator.agent(&[&format!("-http-port={port}")]);
    agent.await_word("INFO leads", 1);
    let pools = if cfg!(feature = "aws") { "scale" } else { "stay" };
    assert!(browse("page_served.py", port).arg(pools).status().unwrap().success(), "the page showed something else");
}

/// A browser that uses the page at a port as a script says.
fn browse(script: &str, port: u16) -> Command {
    let mut command = Command::new(binary("PLAYWRIGHT_PYTHON", "python-with-playwright").unwrap());
    command
        .arg(format!("{}/tests/live/{script}", env!("CARGO_MANIFEST_DIR")))
        .arg(format!("http://127.0.0.1:{port}"))
        .arg(binary("CHROMIUM_BIN", "chromium").unwrap())
        .arg(env!("CARGO_TARGET_TMPDIR"));
    command
}
