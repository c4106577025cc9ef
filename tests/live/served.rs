//! The real binary against the simulated cluster, served over HTTP by `replicator-sim serve`: a scenario's three minutes in
//! real time, and two hours of another one, faster.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::agent::AgentProcess;
use crate::between::{Between, Manner};
use crate::cluster::said;
use crate::eventually;
use crate::site::{SERVER_NAME, Site};

/// The simulator's binary, built beside ours.
pub(crate) fn binary() -> Option<PathBuf> {
    crate::binary("SIMULATOR_BIN", "replicator-sim").or_else(|| {
        Some(PathBuf::from(env!("CARGO_BIN_EXE_replicator")).with_file_name("replicator-sim"))
            .filter(|path| path.is_file())
    })
}

/// A served scenario.
pub(crate) struct Simulator {
    child: Child,
    out: BufReader<std::process::ChildStdout>,
    /// How to reach it: `NOMAD_ADDR` and others.
    environment: Vec<(String, String)>,
    folder: tempfile::TempDir,
}

impl Simulator {
    /// Serves the demonstration's scenario, with more lines at its end.
    pub(crate) fn start(more: &str) -> Self {
        Self::serve("demo", more, &[])
    }

    /// Serves a shipped scenario, with more lines at its end and more flags.
    pub(crate) fn serve(name: &str, more: &str, flags: &[&str]) -> Self {
        let shipped = format!("{}/scenarios/{name}.toml", env!("CARGO_MANIFEST_DIR"));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("scenario.toml");
        std::fs::write(&path, format!("{}\n{more}", std::fs::read_to_string(shipped).unwrap())).unwrap();
        let mut command = Command::new(binary().unwrap());
        command.arg("serve").arg(&path).args(["--nomad-port=0", "--consul-port=0", "--aws-port=0"]).args(flags);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = || {
            let mut line = String::new();
            out.read_line(&mut line).unwrap();
            let (name, value) = line.trim_end().split_once('=').unwrap();
            (name.to_owned(), value.to_owned())
        };
        let environment = vec![line(), line(), line()];
        Self { child, out, environment, folder }
    }

    /// The address behind a variable.
    pub(crate) fn address(&self, name: &str) -> SocketAddr {
        let (_, url) = self.environment.iter().find(|(known, _)| known == name).unwrap();
        url.strip_prefix("http://").unwrap().parse().unwrap()
    }

    /// Lets later commands find another address there.
    fn redirect(&mut self, name: &str, url: String) {
        self.environment.retain(|(known, _)| known != name);
        self.environment.push((name.to_owned(), url));
    }

    fn replicator(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_replicator"));
        command.env_clear().envs(self.environment.iter().cloned()).current_dir(self.folder.path());
        command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
        command
    }

    pub(crate) fn agent(&self, flags: &[&str]) -> AgentProcess {
        AgentProcess::quick(self.replicator(), flags)
    }

    /// Ends it as Ctrl-C does; its report.
    fn report(self) -> String {
        let sent = Command::new("kill").arg("-INT").arg(self.child.id().to_string()).status().unwrap();
        assert!(sent.success());
        self.last_report()
    }

    /// Waits for the scenario's end; its report.
    fn last_report(mut self) -> String {
        let mut report = String::new();
        self.out.read_to_string(&mut report).unwrap();
        assert!(self.child.wait().unwrap().success(), "{report}");
        report
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

pub(crate) fn l1_three_agents_and_a_killed_leader() {
    let simulator = Simulator::start("");
    let mut agents = [simulator.agent(&[]), simulator.agent(&[]), simulator.agent(&[])];
    let leader = |agents: &[AgentProcess]| agents.iter().position(AgentProcess::leads);
    let first = eventually("a leader", || leader(&agents));
    agents[first].kill();
    let mut others: Vec<&mut AgentProcess> =
        agents.iter_mut().enumerate().filter(|(number, _)| *number != first).map(|(_, agent)| agent).collect();
    let second = eventually("another leader", || others.iter().position(|agent| agent.leads()));
    others[second].await_word("group shop/front: scaling out succeeded", 3);
    others[second].await_word("group shop/front: scaling in succeeded", 2);
    let idle = &others[1 - second];
    assert_eq!(idle.says("begins to scale"), 0, "who stands by does nothing: {:#?}", idle.log());
    let report = simulator.report();
    assert!(report.contains("group shop/front out 2 -> 3: "), "{report}");
    assert!(report.contains("group shop/front in "), "{report}");
}

pub(crate) fn s7_c7_failsafe_by_command_and_a_reload() {
    let simulator = Simulator::start("");
    let file = simulator.folder.path().join("agent.hcl");
    std::fs::write(&file, "log_level = \"INFO\"\n").unwrap();
    let mut agent = simulator.agent(&["-config", file.to_str().unwrap()]);
    let failsafe = |flag: &str| {
        let mut command = simulator.replicator();
        said(command.args(["failsafe", flag, "-force", "-job=shop", "-group=front"]).output().unwrap())
    };
    eventually("a state to switch", || (failsafe("-enable").0 == 0).then_some(()));
    std::fs::write(&file, "log_level = \"DEBUG\"\n").unwrap();
    agent.signal("HUP");
    agent.await_word("SIGHUP: configuration read again", 1);
    agent.await_word("held: in failsafe", 3);
    assert_eq!(agent.says("begins to scale out"), 0, "{:#?}", agent.log());
    assert_eq!(failsafe("-disable").0, 0);
    agent.await_word("group shop/front: scaling out succeeded", 2);
}

pub(crate) fn s4_s11_nomad_and_consul_down_for_a_while() {
    let outage = |what: &str, at: u32| format!("[[event]]\nat = \"{at}s\"\nfor = \"10s\"\n{what} = true\n");
    let simulator = Simulator::start(&(outage("nomad_outage", 20) + &outage("consul_outage", 45)));
    let mut agent = simulator.agent(&[]);
    agent.await_word("cannot watch jobs", 1);
    agent.await_word("watches jobs again", 1);
    agent.await_word("cannot watch states", 1);
    agent.await_word("lost leadership: its session was not renewed in time", 1);
    let before = agent.says("group shop/front: begins to scale");
    agent.await_word("INFO leads", 2);
    agent.await_word("group shop/front: begins to scale", before + 3);
    agent.await_word("group shop/front: scaling in succeeded", 2);
    assert_eq!(agent.says("panicked"), 0);
}

pub(crate) fn s4_slow_garbled_and_broken_answers() {
    let mut simulator = Simulator::start("");
    let nomad = Between::before(simulator.address("NOMAD_ADDR"));
    let consul = Between::before(simulator.address("CONSUL_HTTP_ADDR"));
    simulator.redirect("NOMAD_ADDR", format!("http://{}", nomad.address()));
    simulator.redirect("CONSUL_HTTP_ADDR", format!("http://{}", consul.address()));
    let mut agent = simulator.agent(&[]);
    agent.await_word("INFO leads", 1);
    let manners = [
        (Manner::Garbage, "not the JSON that was expected"),
        (Manner::CutOff, "unreachable"),
        (Manner::Refused, "unreachable"),
    ];
    for (round, (manner, word)) in (1..).zip(manners) {
        let before = agent.says(word);
        nomad.turn(manner);
        consul.turn(manner);
        agent.await_word("cannot watch jobs", round);
        agent.await_word("cannot watch states", round);
        agent.await_word(word, before + 1);
        nomad.turn(Manner::Fair);
        consul.turn(Manner::Fair);
        agent.await_word("watches jobs again", round);
        agent.await_word("watches states again", round);
    }
    for between in [&nomad, &consul] {
        between.turn(Manner::Slow(Duration::from_millis(700)));
    }
    let before = agent.says("group shop/front: begins to scale");
    agent.await_word("group shop/front: begins to scale", before + 2);
    assert_eq!(agent.says("panicked"), 0, "{:#?}", agent.log());
}

pub(crate) fn c6_tls_with_a_private_ca_and_a_client_certificate() {
    let (site, acceptor) = Site::open();
    let mut simulator = Simulator::start("");
    let nomad = Between::with_tls(simulator.address("NOMAD_ADDR"), acceptor.clone());
    let consul = Between::with_tls(simulator.address("CONSUL_HTTP_ADDR"), acceptor);
    simulator.redirect("NOMAD_ADDR", format!("https://{}", nomad.address()));
    simulator.redirect("CONSUL_HTTP_ADDR", format!("https://{}", consul.address()));
    let mut stranger = simulator.agent(&[]);
    stranger.await_word("cannot reach the lock", 1);
    assert_eq!(stranger.says("INFO leads"), 0);
    stranger.kill();
    for service in ["NOMAD", "CONSUL"] {
        let file = |name: &str| site.path(name).to_str().unwrap().to_owned();
        simulator.redirect(&format!("{service}_CACERT"), file("ca.pem"));
        simulator.redirect(&format!("{service}_TLS_SERVER_NAME"), SERVER_NAME.to_owned());
    }
    let mut without = simulator.agent(&[]);
    without.await_word("cannot reach the lock", 1);
    assert!(without.log().iter().any(|line| line.contains("ertificate")), "{:#?}", without.log());
    without.kill();
    for service in ["NOMAD", "CONSUL"] {
        let file = |name: &str| site.path(name).to_str().unwrap().to_owned();
        simulator.redirect(&format!("{service}_CLIENT_CERT"), file("client.pem"));
        simulator.redirect(&format!("{service}_CLIENT_KEY"), file("client-key.pem"));
    }
    let recording = simulator.folder.path().join("agent.jsonl");
    let mut agent = simulator.agent(&["-record", recording.to_str().unwrap()]);
    agent.await_word("group shop/front: scaling out succeeded", 1);
    agent.kill();
    let (code, word) = said(Command::new(binary().unwrap()).arg("replay").arg(&recording).output().unwrap());
    assert!(code == 0 && word.contains("repeated, all the same"), "{word}");
    let mut again = simulator.replicator();
    let (code, word) = said(again.args(["agent", "-record", recording.to_str().unwrap()]).output().unwrap());
    assert!(code == 1 && word.contains("it must be a new file"), "nothing is written over: {word}");
}

#[cfg(feature = "aws")]
pub(crate) fn p18_p22_a_pool_is_scaled_out_and_in_though_aws_is_down_for_a_while() {
    let simulator = Simulator::start("[[event]]\nat = \"34s\"\nfor = \"12s\"\ncloud_outage = true\n");
    let recording = simulator.folder.path().join("agent.jsonl");
    let mut agent = simulator.agent(&["-record", recording.to_str().unwrap()]);
    agent.await_word("ServiceUnavailable: The service is unavailable", 1);
    agent.await_word("pool workers: scaling out succeeded", 2);
    agent.await_word("pool workers: scaling in succeeded", 1);
    agent.kill();
    let replayed = Command::new(binary().unwrap()).arg("replay").arg(&recording).output().unwrap();
    let (code, said) = said(replayed);
    assert!(code == 0 && said.contains("repeated, all the same"), "{said}");
    println!("{said}");
    let report = simulator.report();
    assert!(report.contains("pool workers out 2 -> 3: by its desired capacity"), "{report}");
    assert!(report.contains("pool workers in 4 -> 3: by detaching i-"), "{report}");
    println!("{report}");
}

#[cfg(feature = "aws")]
pub(crate) fn p24_aws_answers_garbled_broken_and_slow() {
    let mut simulator = Simulator::start("");
    let aws = Between::before(simulator.address("AWS_ENDPOINT_URL"));
    simulator.redirect("AWS_ENDPOINT_URL", format!("http://{}", aws.address()));
    let mut agent = simulator.agent(&["-log-level=DEBUG"]);
    agent.await_word("INFO leads", 1);
    for manner in [Manner::Garbage, Manner::CutOff, Manner::Refused] {
        let evaluated = agent.says("pool workers: in 2 -> 1 held");
        agent.await_word("pool workers: in 2 -> 1 held", evaluated + 1);
        let before = agent.says("WARN pool workers: cloud: describe Auto Scaling group");
        aws.turn(manner);
        agent.await_word("WARN pool workers: cloud: describe Auto Scaling group", before + 1);
        aws.turn(Manner::Fair);
    }
    aws.turn(Manner::Slow(Duration::from_millis(700)));
    agent.await_word("pool workers: scaling out succeeded", 1);
    agent.await_word("pool workers: scaling in succeeded", 1);
    assert_eq!(agent.says("panicked"), 0, "{:#?}", agent.log());
    agent.kill();
    let report = simulator.report();
    assert!(report.contains("pool workers in ") && report.contains("by detaching i-"), "{report}");
}

#[cfg(feature = "aws")]
pub(crate) fn p18_p22_two_hours_in_eighty_seconds() {
    let simulator = Simulator::serve("spike", "", &["--speed=90"]);
    let mut agent = simulator.agent(&[]);
    agent.await_word("group shop/front: scaling out succeeded", 3);
    agent.await_word("pool workers: scaling out succeeded", 1);
    agent.await_word("group shop/front: scaling in succeeded", 3);
    agent.await_word("pool workers: scaling in succeeded", 1);
    let report = simulator.last_report();
    assert!(report.contains("group shop/front out ") && report.contains("pool workers out "), "{report}");
    assert_eq!(agent.says("panicked"), 0, "{:#?}", agent.log());
}
