//! The agent's page, used by a browser.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::cluster::Cluster;
use crate::{binary, eventually, free_port};

pub(crate) fn the_page_is_used_in_a_browser() {
    let cluster = Cluster::start();
    cluster.nomad.register("web", 2, &[("max", "4")], 500.0);
    cluster.nomad.register("<img src=x onerror=window.hacked=1>", 2, &[], 500.0);
    let port = free_port();
    let http = format!("-http-port={port}");
    let mut agent = cluster.agent(&[&http]);
    agent.await_word("INFO leads", 1);
    let pictures = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let mut browser = Command::new(binary("PLAYWRIGHT_PYTHON", "python-with-playwright").unwrap())
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/live/page.py"))
        .arg(format!("http://127.0.0.1:{port}"))
        .arg(binary("CHROMIUM_BIN", "chromium").unwrap())
        .arg(&pictures)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
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
    println!("pictures are in {}", pictures.display());
}
