//! The HTTP API of real agents, and the commands that ask it.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::agent::AgentProcess;
use crate::cluster::{Cluster, said};
use crate::{binary, eventually, free_port};

/// An agent with its API.
struct Heard {
    process: AgentProcess,
    port: u16,
}

impl Heard {
    fn start(cluster: &Cluster, flags: &[&str]) -> Self {
        let port = free_port();
        let http = format!("-http-port={port}");
        let mut process = cluster.agent(&[&[http.as_str()], flags].concat());
        process.await_word("HTTP API at", 1);
        Self { process, port }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Sends this as it is; all that comes back until the connection is closed.
    fn raw(&self, request: &[u8]) -> String {
        let address = ("127.0.0.1", self.port).to_socket_addrs().unwrap().next().unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        // The other side may hang up in the middle.
        stream.write_all(request).ok();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).ok();
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// The status of an answer, and its JSON.
    fn ask(&self, method: &str, path: &str) -> (u16, Value) {
        let request = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        parsed(&self.raw(request.as_bytes()))
    }

    fn get(&self, path: &str) -> Value {
        let (status, body) = self.ask("GET", path);
        assert_eq!(status, 200, "{path}: {body}");
        body
    }
}

fn parsed(answer: &str) -> (u16, Value) {
    let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or_default();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
    (status, serde_json::from_str(body).unwrap_or(Value::Null))
}

fn command(cluster: &Cluster, arguments: &[&str]) -> (i32, String) {
    said(cluster.replicator().args(arguments).output().unwrap())
}

pub(crate) fn api_agents_tell_what_they_do_and_why() {
    let cluster = Cluster::start();
    cluster.nomad.register("web", 2, &[("max", "3")], 900.0);
    cluster.nomad.register("dry", 2, &[("enabled", "false"), ("cooldown", "0")], 900.0);
    cluster.nomad.register("odd", 2, &[("min", "many")], 900.0);
    let mut first = Heard::start(&cluster, &[]);
    first.process.await_word("INFO leads", 1);
    first.process.await_word("group web/front: scaling out succeeded", 1);
    let second = Heard::start(&cluster, &[]);

    let leader = first.get("/v1/status/leader");
    assert_eq!(leader["SessionID"].as_str(), cluster.consul.holder().as_deref());
    assert!(leader["NodeID"].as_str().is_some_and(|node| !node.is_empty()), "{leader}");
    eventually("both to know of each other, and who leads", || {
        let [one, other] = [&first, &second].map(|agent| agent.get("/v1/status"));
        let known = [&one, &other].iter().all(|status| status["agents"].as_array().unwrap().len() == 2);
        let address = first.url();
        let named = [&one, &other].iter().all(|status| status["leader"]["address"] == address.as_str());
        (known && named && other["agent"]["role"] == "stands_by").then_some(())
    });
    for agent in [&first, &second] {
        assert_eq!(agent.get("/v1/health/live")["ok"], true);
        eventually("to be ready", || (agent.ask("GET", "/v1/health/ready").0 == 200).then_some(()));
    }

    let web = eventually("web to be held at its maximum", || {
        let web = first.get("/v1/group?job=web&group=front");
        (web["decision"]["verdict"] == "hold").then_some(web)
    });
    assert_eq!((&web["size"], &web["min"], &web["max"]), (&3.into(), &1.into(), &3.into()));
    assert_eq!((&web["state_path"], &web["enabled"]), (&"replicator/config/state/jobs/web/front".into(), &true.into()));
    let finding = web["decision"]["findings"].as_array().unwrap().iter().find(|it| it["rule"] == "J8").unwrap();
    assert_eq!(
        (&finding["measured"], &finding["limit"], &finding["margin"]),
        (&90.0.into(), &80.0.into(), &10.0.into())
    );
    assert!(web["decision"]["stops"].as_array().unwrap().iter().any(|stop| stop["rule"] == "J10"), "{web}");
    let history = first.get("/v1/history");
    let kinds: Vec<&str> =
        history["happenings"].as_array().unwrap().iter().map(|it| it["kind"].as_str().unwrap()).collect();
    assert!(
        ["leadership", "began", "finished", "would_act", "policy"].iter().all(|kind| kinds.contains(kind)),
        "{kinds:?}"
    );
    let last = history["last"].as_u64().unwrap();
    assert_eq!(first.get(&format!("/v1/history?after={last}"))["happenings"], Value::Array(vec![]));

    // Whoever is asked, the leader answers.
    let (code, words) = command(&cluster, &["explain", "-job=web", "-group=front", "-api", &second.url()]);
    assert_eq!(code, 0, "{words}");
    for word in [
        "size: 3, at least 1 and at most 3",
        "scaling out: asked for, and held",
        "yes CPU of task server 90 % > 80 % (J8); 10 % less and it is at the limit",
        "held: at the maximum of 3 (J10, P14)",
        "scaling in: not asked for",
    ] {
        assert!(words.contains(word), "{word}: {words}");
    }
    let (code, words) = command(&cluster, &["explain", "-job=dry", "-group=front", "-api", &second.url()]);
    assert!(code == 0 && words.contains("would be done, if the policy were enabled"), "{words}");
    let (code, words) = command(&cluster, &["explain", "-pool=none", "-api", &second.url()]);
    assert!(code == 1 && words.contains("knows of no pool none"), "{words}");
    first.process.signal("TERM");
    assert_eq!(first.process.ended().code(), Some(0));
    eventually("the one that is gone to be forgotten", || {
        let status = second.get("/v1/status");
        (status["agents"].as_array().unwrap().len() == 1 && status["agent"]["role"] == "leads").then_some(())
    });
}

pub(crate) fn api_what_needs_somebody_is_said() {
    let mut cluster = Cluster::start();
    cluster.nomad.register("web", 2, &[], 500.0);
    let mut agent = Heard::start(&cluster, &[]);
    agent.process.await_word("INFO leads", 1);
    let status = |cluster: &Cluster, api: &str| command(cluster, &["status", "-api", api]);
    eventually("all to be well", || {
        let (code, words) = status(&cluster, &agent.url());
        (code == 0 && words.contains("group web/front") && words.contains("stays")).then_some(())
    });
    cluster.nomad.fail("web");
    cluster.nomad.load("web", 95.0);
    let words = eventually("a failsafe to be said", || {
        let (code, words) = status(&cluster, &agent.url());
        (code == 2 && words.contains("in failsafe")).then_some(words)
    });
    assert!(words.contains("NEEDS SOMEBODY") && words.contains("the deployment failed or was cancelled"), "{words}");
    let (_, words) = command(&cluster, &["explain", "-job=web", "-group=front", "-api", &agent.url()]);
    assert!(
        words.contains("replicator failsafe -disable -state-path=replicator/config/state/jobs/web/front"),
        "{words}"
    );
    cluster.consul.kill();
    eventually("no Consul to be said", || {
        let (code, body) = agent.ask("GET", "/v1/health/ready");
        (code == 503 && body["problems"].to_string().contains("cannot reach the lock")).then_some(())
    });
    assert_eq!(agent.get("/v1/health/live")["ok"], true);
    let (code, words) = status(&cluster, &agent.url());
    assert!(code == 2 && words.contains("cannot reach the lock"), "{words}");
    eventually("nobody to lead", || (agent.ask("GET", "/v1/status/leader").0 == 503).then_some(()));
    cluster.consul.launch();
    eventually("all to be well again", || (agent.ask("GET", "/v1/health/ready").0 == 200).then_some(()));
    agent.process.signal("TERM");
    agent.process.ended();
    let (code, words) = status(&cluster, &agent.url());
    assert!(code == 1 && words.contains("no agent answers at") && words.contains("failsafe -list"), "{words}");
    let (code, words) = command(&cluster, &["status", "-api", "localhost"]);
    assert!(code == 1 && words.contains("http://127.0.0.1:1313"), "{words}");
}

pub(crate) fn api_bad_requests_cost_nothing() {
    let cluster = Cluster::start();
    cluster.nomad.register("web", 2, &[("max", "4")], 900.0);
    let mut agent = Heard::start(&cluster, &[]);
    agent.process.await_word("INFO leads", 1);
    let refused = |request: &str| parsed(&agent.raw(request.as_bytes()));
    let (status, body) = agent.ask("GET", "/v1/nothing");
    assert!(status == 404 && body["error"].as_str().unwrap().contains("/v1/openapi.json"), "{body}");
    for method in ["POST", "PUT", "DELETE", "PATCH"] {
        let (status, body) = agent.ask(method, "/v1/status");
        assert!(status == 405 && body["error"].as_str().unwrap().contains(method), "{body}");
    }
    for query in ["limit=x", "limit=0", "limit=70000", "after=-1", "what=1"] {
        let (status, body) = agent.ask("GET", &format!("/v1/history?{query}"));
        assert!(status == 400 && body["error"].is_string(), "{query}: {body}");
    }
    let elsewhere = "GET /v1/status HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n";
    let (status, body) = refused(elsewhere);
    assert!(status == 403 && body["error"].as_str().unwrap().contains("evil.example"), "{body}");
    // 10 MB of header, a request that is none, and more connections than there are places, each with half a request.
    let large = format!("GET / HTTP/1.1\r\nhost: localhost\r\nx: {}\r\n\r\n", "x".repeat(10_000_000));
    assert_ne!(refused(&large).0, 200);
    assert_ne!(refused("\u{0}\u{1}\r\n\r\n").0, 200);
    let half: Vec<TcpStream> = (0..300)
        .map(|_| {
            let mut stream = TcpStream::connect(("127.0.0.1", agent.port)).unwrap();
            stream.write_all(b"GET /v1/status HTTP/1.1\r\nhost:").unwrap();
            stream
        })
        .collect();
    eventually("scaling to go on", || (cluster.nomad.count("web") == 4).then_some(()));
    assert_eq!(agent.get("/v1/health/live")["ok"], true, "half a request is hung up on");
    drop(half);
    agent.process.signal("TERM");
    assert_eq!(agent.process.ended().code(), Some(0));
}

pub(crate) fn the_api_is_what_its_document_says() {
    let cluster = Cluster::start();
    cluster.nomad.register("web", 2, &[("max", "3")], 900.0);
    cluster.nomad.register("odd", 2, &[("min", "many")], 900.0);
    let mut agent = Heard::start(&cluster, &[]);
    agent.process.await_word("scaling out succeeded", 1);
    let output = Command::new(binary("SCHEMATHESIS_BIN", "schemathesis").unwrap())
        .args(["--config-file", "/dev/null", "run", &format!("{}/v1/openapi.json", agent.url())])
        .args(["--checks", "all", "--max-examples", "60", "--seed", "1", "--workers", "1", "--no-color"])
        .current_dir(cluster.consul.folder())
        .output()
        .unwrap();
    let words = [output.stdout, output.stderr].concat();
    let words = String::from_utf8_lossy(&words);
    assert!(output.status.success(), "{words}");
    println!(
        "{}",
        words.lines().filter(|line| line.contains("generated") || line.contains("tested")).collect::<String>()
    );
}

pub(crate) fn metrics_are_what_prometheus_takes() {
    let cluster = Cluster::start();
    cluster.nomad.register("web", 2, &[("max", "3")], 900.0);
    let mut agent = Heard::start(&cluster, &[]);
    agent.process.await_word("scaling out succeeded", 1);
    let shown = eventually("the step to be counted", || {
        let answer = agent.raw(b"GET /v1/metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        let (head, body) = answer.split_once("\r\n\r\n")?;
        assert!(head.contains("text/plain; version=0.0.4"), "{head}");
        let line = "replicator_operations_total{resource=\"group web/front\",direction=\"out\",outcome=\"success\"} 1";
        body.contains(line).then(|| body.to_owned())
    });
    for name in ["replicator_calls_total{server=\"Nomad\",outcome=\"ok\"}", "replicator_leader 1", "replicator_size{"] {
        assert!(shown.contains(name), "{name} is not in\n{shown}");
    }
    let mut promtool = Command::new(binary("PROMTOOL_BIN", "promtool").unwrap());
    let checked =
        promtool.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut checked = checked.spawn().unwrap();
    checked.stdin.take().unwrap().write_all(shown.as_bytes()).unwrap();
    let (code, words) = said(checked.wait_with_output().unwrap());
    assert_eq!((code, words.as_str()), (0, ""), "{shown}");
    for (verb, file) in [("check", "alerts.yml"), ("test", "alerts.test.yml")] {
        let file = format!("{}/monitoring/{file}", env!("CARGO_MANIFEST_DIR"));
        let mut promtool = Command::new(binary("PROMTOOL_BIN", "promtool").unwrap());
        let (code, words) = said(promtool.args([verb, "rules", &file]).output().unwrap());
        assert!(code == 0 && words.contains("SUCCESS"), "{words}");
    }
}

/// The IDs and kinds of events that come within a stream until there are so many.
fn follow(agent: &Heard, last: Option<&str>, many: usize) -> Vec<(String, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", agent.port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let last = last.map_or_else(String::new, |id| format!("last-event-id: {id}\r\n"));
    stream.write_all(format!("GET /v1/events HTTP/1.1\r\nhost: localhost\r\n{last}\r\n").as_bytes()).unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(stream)).map_while(Result::ok);
    let (mut id, mut kind, mut events) = (String::new(), String::new(), Vec::new());
    while events.len() < many {
        let line = lines.next().expect("the stream goes on");
        match line.split_once(": ") {
            Some(("id", it)) => it.clone_into(&mut id),
            Some(("event", it)) => it.clone_into(&mut kind),
            Some(("data", it)) => {
                let data: Value = serde_json::from_str(it).unwrap();
                assert!(data["words"].is_string() && data["kind"] == kind.as_str(), "{data}");
                events.push((id.clone(), kind.clone()));
            }
            _ => {}
        }
    }
    events
}

pub(crate) fn api_events_are_followed_and_taken_up_again() {
    let cluster = Cluster::start();
    cluster.nomad.register("web", 2, &[("max", "3")], 900.0);
    let mut agent = Heard::start(&cluster, &[]);
    agent.process.await_word("scaling out succeeded", 1);
    let all = follow(&agent, Some("of another process"), 4);
    let again = follow(&agent, Some(&all[1].0), 2);
    assert_eq!(again[..], all[2..4], "what came after that one");
    // More who follow than there are places for, and none of them reads.
    let idle: Vec<TcpStream> = (0..200)
        .map(|_| {
            let mut stream = TcpStream::connect(("127.0.0.1", agent.port)).unwrap();
            stream.write_all(b"GET /v1/events HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
            stream
        })
        .collect();
    let (status, body) = eventually("no place to be left", || {
        let answer = agent.ask("GET", "/v1/events?one=more");
        (answer.0 == 503).then_some(answer)
    });
    assert!(body["error"].as_str().unwrap().contains("/v1/history"), "{status} {body}");
    cluster.nomad.load("web", 10.0);
    eventually("scaling to go on", || (cluster.nomad.count("web") == 1).then_some(()));
    drop(idle);
    eventually("places to be free again", || (follow_begins(&agent)).then_some(()));
    agent.process.signal("TERM");
    assert_eq!(agent.process.ended().code(), Some(0), "streams do not hold it up");
}

/// Whether a stream is begun.
fn follow_begins(agent: &Heard) -> bool {
    let mut stream = TcpStream::connect(("127.0.0.1", agent.port)).unwrap();
    stream.write_all(b"GET /v1/events HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    let mut head = [0; 15];
    stream.read_exact(&mut head).is_ok() && &head == b"HTTP/1.1 200 OK"
}

/// What comes of a change, asked with these headers.
fn change(agent: &Heard, path: &str, headers: &str, body: &Value) -> (u16, Value) {
    let body = body.to_string();
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n{headers}\r\n{body}",
        body.len()
    );
    parsed(&agent.raw(request.as_bytes()))
}

pub(crate) fn api_operators_have_their_word() {
    let cluster = Cluster::start();
    cluster.nomad.register("web", 2, &[("max", "3")], 500.0);
    let mut agent = Heard::start(&cluster, &[]);
    agent.process.await_word("INFO leads", 1);
    eventually("a state", || cluster.consul.state("jobs/web/front"));
    let web = |more: &[(&str, Value)]| {
        let mut body = json!({ "resource": "group web/front" });
        for (key, value) in more {
            body[*key] = value.clone();
        }
        body
    };
    let state = || cluster.consul.state("jobs/web/front").unwrap();
    let on = web(&[("enable", true.into()), ("reason", "new disks".into()), ("by", "ann".into())]);
    assert_eq!(change(&agent, "/v1/failsafe", "", &on), (200, json!({ "changed": true, "what": "it is in failsafe" })));
    let stands = state();
    assert_eq!((&stands["failsafe_mode"], &stands["failsafe_admin"]), (&true.into(), &true.into()));
    assert_eq!((&stands["failsafe_reason"], &stands["failsafe_by"]), (&"new disks".into(), &"ann".into()));
    assert_eq!(change(&agent, "/v1/failsafe", "", &on).1["changed"], false, "it stands so already");
    cluster.nomad.load("web", 95.0);
    eventually("the agent to hold still", || {
        let held = agent.get("/v1/group?job=web&group=front");
        (held["decision"]["stops"].to_string().contains("S7") && held["failsafe"]["reason"] == "new disks")
            .then_some(())
    });
    assert_eq!(
        change(&agent, "/v1/hold", "", &json!({ "resource": "everything", "direction": "out", "for": "1h" })).0,
        200
    );
    assert_eq!(change(&agent, "/v1/failsafe", "", &web(&[("enable", false.into())])).0, 200);
    eventually("the hold to be what stops it", || {
        let held = agent.get("/v1/group?job=web&group=front");
        (held["decision"]["stops"].to_string().contains("S17") && held["failsafe"].is_null()).then_some(())
    });
    assert!(cluster.nomad.scaled().is_empty());
    assert_eq!(change(&agent, "/v1/release", "", &json!({ "resource": "everything" })).1["what"], "released");
    eventually("scaling to go on", || (cluster.nomad.count("web") == 3).then_some(()));
    let (_, words) = command(&cluster, &["events"]);
    for word in [
        "group web/front: failsafe entered: new disks  (ann)",
        "everything: on hold, scaling out, until",
        "everything: released",
    ] {
        assert!(words.contains(word), "{word}: {words}");
    }

    // What makes no sense, or comes from elsewhere, changes nothing.
    let before = cluster.consul.keys("replicator/config/state");
    for (path, headers, body, status) in [
        ("/v1/failsafe", "", web(&[("enable", "perhaps".into())]), 400),
        ("/v1/failsafe", "", json!({ "enable": true }), 400),
        ("/v1/failsafe", "", web(&[("enable", true.into()), ("reason", "a\nb".into())]), 400),
        ("/v1/failsafe", "", web(&[("enable", true.into()), ("enabel", true.into())]), 400),
        ("/v1/failsafe", "", json!({ "resource": "pool none", "enable": true }), 404),
        ("/v1/hold", "", web(&[("for", "soon".into())]), 400),
        ("/v1/failsafe", "", json!({ "resource": "everything", "enable": true }), 400),
        ("/v1/hold", "", json!({ "resource": "web" }), 400),
        ("/v1/hold", "", web(&[("reason", "x".repeat(20_000).into())]), 413),
        ("/v1/hold", "origin: http://evil.example\r\n", web(&[]), 403),
        ("/v1/hold", "origin: null\r\n", web(&[]), 403),
    ] {
        let (code, answer) = change(&agent, path, headers, &body);
        assert!(code == status && answer["error"].is_string(), "{path} {headers} {body}: {code} {answer}");
    }
    let form = b"POST /v1/hold HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\n{}";
    assert_eq!(parsed(&agent.raw(form)).0, 415, "what a form of another site can send");
    assert!(state()["hold"].is_null() && cluster.consul.keys("replicator/config/state") == before);
}

pub(crate) fn api_open_to_a_network_takes_a_token_and_can_be_encrypted() {
    let cluster = Cluster::start();
    cluster.nomad.register("web", 2, &[], 500.0);
    let mut open = Heard::start(&cluster, &["-bind-address=0.0.0.0"]);
    open.process.await_word("INFO leads", 1);
    eventually("a state", || cluster.consul.state("jobs/web/front"));
    let body = json!({ "resource": "group web/front" });
    let (status, answer) = change(&open, "/v1/hold", "", &body);
    assert!(status == 403 && answer["error"].as_str().unwrap().contains("http_token"), "{status} {answer}");

    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let file = |name: &str, text: &str| {
        let path = cluster.consul.folder().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (certificate, key) = (file("api.pem", &cert.pem()), file("api.key", &signing_key.serialize_pem()));
    let port = free_port();
    let text = format!(
        "bind_address = \"0.0.0.0\"\nhttp_token = \"s3cret\"\nhttp_tls_cert = \"{certificate}\"\nhttp_tls_key = \"{key}\"\n"
    );
    let config = file("agent.hcl", &text);
    let mut sealed = cluster.agent(&["-config", &config, &format!("-http-port={port}")]);
    sealed.await_word("HTTP API at https://", 1);
    let url = format!("https://localhost:{port}");
    let ask = |token: Option<&str>| {
        let root = reqwest::Certificate::from_pem(cert.pem().as_bytes()).unwrap();
        let client = reqwest::Client::builder().no_proxy().add_root_certificate(root).build().unwrap();
        let request =
            client.post(format!("{url}/v1/hold")).header("content-type", "application/json").body(body.to_string());
        let request = token.map_or(request.try_clone().unwrap(), |token| request.bearer_auth(token));
        crate::block_on(async { request.send().await.unwrap().status().as_u16() })
    };
    assert_eq!((ask(None), ask(Some("wrong")), ask(Some("s3cret"))), (401, 401, 200));
    assert_eq!(cluster.consul.state("jobs/web/front").unwrap()["hold"]["in"], true);
    let (code, words) = command(&cluster, &["status", "-api", &url, "-ca-file", &certificate]);
    assert!(words.contains("group web/front"), "{code} {words}");
    let (code, words) = command(&cluster, &["status", "-api", &url]);
    assert!(code == 1 && words.contains("no agent answers at https://localhost"), "{words}");
    assert_eq!(sealed.says("s3cret"), 0);

    std::fs::write(&key, "no key").unwrap();
    let mut broken = cluster.agent(&["-config", &config, &format!("-http-port={}", free_port())]);
    broken.await_word("no HTTP API at 0.0.0.0", 1);
    assert!(broken.log().iter().any(|line| line.contains("api.key")), "{:#?}", broken.log());
}

pub(crate) fn systemd_is_told_how_it_goes() {
    let cluster = Cluster::start();
    cluster.nomad.register("web", 2, &[], 500.0);
    let path = cluster.consul.folder().join("notify");
    let socket = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut command = cluster.replicator();
    command.args(["agent", "-job-scaling-interval=1", "-http-port=0"]);
    command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "3000000");
    let mut agent = AgentProcess::start(command);
    let mut heard = Vec::new();
    let mut buffer = [0; 4096];
    let awaited = ["READY=1", "STATUS=leads; 1 pools and groups", "WATCHDOG=1"];
    while !awaited.iter().all(|word| heard.iter().any(|it: &String| it.contains(word))) {
        let length = socket.recv(&mut buffer).unwrap_or_else(|error| panic!("{error} after {heard:?}"));
        heard.push(String::from_utf8_lossy(&buffer[..length]).into_owned());
    }
    agent.signal("TERM");
    assert_eq!(agent.ended().code(), Some(0));
    while !heard.last().unwrap().contains("STOPPING=1") {
        let length = socket.recv(&mut buffer).unwrap();
        heard.push(String::from_utf8_lossy(&buffer[..length]).into_owned());
    }
}
