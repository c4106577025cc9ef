//! A real Nomad, where there is one.

use std::fs::{self, File};
use std::process::{Child, Command, Stdio};

use replicator::adapters::http::{Address, Endpoint, Tls};
use replicator::adapters::nomad::{NomadClient, NomadSettings};
use replicator::domain::{DrainOwner, Eligibility};
use replicator::ports::{DrainOrder, Nomad, Wait};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::agent::AgentProcess;
use crate::consul::ConsulServer;
use crate::{binary, block_on, eventually, free_port};

/// A Nomad agent in development mode, with the `raw_exec` driver.
pub(crate) struct NomadServer {
    folder: TempDir,
    port: u16,
    child: Child,
    /// The token that may do everything, where ACLs are on.
    token: Option<String>,
}

impl NomadServer {
    pub(crate) fn start() -> Self {
        Self::with("")
    }

    /// With ACLs on.
    pub(crate) fn with_acls() -> Self {
        Self::with("acl {\n enabled = true\n }")
    }

    fn with(more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let [http, rpc, serf] = [(); 3].map(|()| free_port());
        let path = folder.path().display();
        let config = format!(
            r#"
            bind_addr = "127.0.0.1"
            disable_update_check = true
            {more}
            ports {{
              http = {http}
              rpc = {rpc}
              serf = {serf}
            }}
            plugin "raw_exec" {{
              config {{
                enabled = true
              }}
            }}
            telemetry {{
              publish_allocation_metrics = true
            }}
            client {{
              meta {{
                replicator_worker_pool = "w"
              }}
              state_dir = "{path}/client"
              alloc_dir = "{path}/alloc"
              options {{
                "fingerprint.denylist" = "env_aws,env_gce,env_azure,consul,vault"
                "driver.allowlist" = "raw_exec"
              }}
            }}
            consul {{
              auto_advertise = false
              server_auto_join = false
              client_auto_join = false
            }}
            "#
        );
        fs::write(folder.path().join("nomad.hcl"), config).unwrap();
        let log = File::create(folder.path().join("log")).unwrap();
        let child = Command::new(binary("NOMAD_BIN", "nomad").unwrap())
            .args(["agent", "-dev", "-config"])
            .arg(folder.path().join("nomad.hcl"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut server = Self { folder, port: http, child, token: None };
        if !more.is_empty() {
            let made = eventually("Nomad's first token", || server.ask("POST", "/v1/acl/bootstrap", "").ok());
            server.token = made["SecretID"].as_str().map(str::to_owned);
        }
        eventually("Nomad's node to be ready", || {
            let listed = block_on(server.client(server.token.as_deref()).nodes(None)).ok()?;
            listed.value.iter().any(replicator::domain::NodeSummary::takes_work).then_some(())
        });
        server
    }

    pub(crate) fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// A client with a token.
    pub(crate) fn client(&self, token: Option<&str>) -> NomadClient {
        let endpoint = Endpoint {
            address: Address::parse(&self.address(), "http").unwrap(),
            source: None,
            tls: Tls::default(),
            token: token.map(Into::into),
            token_file: None,
        };
        NomadClient::new(NomadSettings { endpoint, region: None, namespace: None }).unwrap()
    }

    /// Its version, major and minor.
    pub(crate) fn version(&self) -> (u32, u32) {
        let page = self.call("GET", "/v1/agent/self", &Value::Null);
        let version = page["config"]["Version"]["Version"].as_str().unwrap().to_owned();
        let mut parts = version.split('.').map(|part| part.parse().unwrap());
        (parts.next().unwrap(), parts.next().unwrap())
    }

    pub(crate) fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        self.ask(method, path, &body.to_string()).unwrap()
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> Result<Value, reqwest::Error> {
        block_on(async {
            let url = format!("{}{path}", self.address());
            let mut request = reqwest::Client::new().request(method.parse().unwrap(), url).body(body.to_owned());
            if let Some(token) = &self.token {
                request = request.bearer_auth(token);
            }
            let answer = request.send().await?.error_for_status()?;
            let text = answer.text().await?;
            Ok(serde_json::from_str(&text).unwrap_or(Value::Null))
        })
    }
}

impl Drop for NomadServer {
    fn drop(&mut self) {
        // An interrupt ends its tasks as well.
        Command::new("kill").arg("-INT").arg(self.child.id().to_string()).status().ok();
        self.child.wait().ok();
        if std::thread::panicking() {
            eprintln!("{}", fs::read_to_string(self.folder.path().join("log")).unwrap_or_default());
        }
    }
}

/// A job whose task burns CPU while a file is there.
pub(crate) fn burner(switch: &str) -> Value {
    let script =
        format!("while :; do if [ -e {switch} ]; then for i in $(seq 2000); do :; done; else sleep 0.2; fi; done");
    json!({"Job": {
        "ID": "team/burner", "Name": "burner", "Type": "service", "Datacenters": ["dc1"],
        "Affinities": [{"LTarget": "${node.datacenter}", "RTarget": "dc1", "Operand": "=", "Weight": 50}],
        "TaskGroups": [{
            "Name": "g", "Count": 1,
            "Update": {"MaxParallel": 3, "HealthCheck": "task_states", "MinHealthyTime": 1_000_000_000_u64,
                       "HealthyDeadline": 20_000_000_000_u64, "ProgressDeadline": 30_000_000_000_u64},
            "Meta": {
                "replicator_enabled": "true", "replicator_min": "1", "replicator_max": "2",
                "replicator_scalein_cpu": "20", "replicator_scalein_mem": "98",
                "replicator_scaleout_cpu": "60", "replicator_scaleout_mem": "99",
                "replicator_cooldown": "5", "replicator_notification_uid": "REP1"
            },
            "Tasks": [{
                "Name": "t", "Driver": "raw_exec",
                "Config": {"command": "/bin/bash", "args": ["-c", script]},
                "Resources": {"CPU": 200, "MemoryMB": 256}
            }],
        }],
    }})
}

pub(crate) fn a_job_that_burns_cpu_is_scaled_out_and_back() {
    let (consul, nomad) = (ConsulServer::start(), NomadServer::start());
    let switch = consul.folder().join("burn");
    fs::write(&switch, "").unwrap();
    nomad.call("PUT", "/v1/jobs", &burner(switch.to_str().unwrap()));
    let mut command = Command::new(env!("CARGO_BIN_EXE_replicator"));
    command.args(["agent", "-job-scaling-interval=2", "-log-level=DEBUG", "-http-port=0"]);
    command.env("CONSUL_HTTP_ADDR", consul.address()).env("NOMAD_ADDR", nomad.address());
    let mut agent = AgentProcess::start(command);
    agent.await_word("begins to scale out 1 -> 2", 1);
    agent.await_word("scaling out succeeded", 1);
    let job = nomad.call("GET", "/v1/job/team%2Fburner", &Value::Null);
    assert_eq!((&job["TaskGroups"][0]["Count"], job["Affinities"].as_array().unwrap().len()), (&2.into(), 1));
    let history = nomad.call("GET", "/v1/job/team%2Fburner/scale", &Value::Null);
    let event = &history["TaskGroups"]["g"]["Events"][0];
    assert!(event["Message"].as_str().unwrap().starts_with("replicator: CPU of task t"), "{event}");

    fs::remove_file(&switch).unwrap();
    agent.await_word("scaling in succeeded", 1);
    let job = nomad.call("GET", "/v1/job/team%2Fburner", &Value::Null);
    assert_eq!(job["TaskGroups"][0]["Count"], 1);
    assert_eq!(consul.state("jobs/team/burner/g").unwrap()["failure_count"], 0);
    agent.signal("TERM");
    assert_eq!(agent.ended().code(), Some(0));
    nomad.call("DELETE", "/v1/job/team%2Fburner?purge=true", &Value::Null);
}

pub(crate) fn the_adapter_reads_and_drains_a_real_node() {
    let nomad = NomadServer::start();
    let client = nomad.client(None);
    block_on(async {
        let listed = client.nodes(None).await.unwrap();
        let id = listed.value[0].id.clone();
        let node = client.node(&id).await.unwrap();
        assert!(node.capacity.cpu.0 > 100 && node.capacity.memory.0 > 100, "{:?}", node.capacity);
        assert_eq!(node.address.as_deref().map(|address| address.parse::<std::net::IpAddr>().is_ok()), Some(true));
        let (operation, agent) = ("pool w@2026-01-01T00:00:00Z".to_owned(), "vm-1".into());
        let order = DrainOrder { node: id.clone(), operation: operation.clone(), agent, message: "a test".into() };
        client.drain(&order).await.unwrap();
        let wait = Some(Wait { past: listed.index, at_most: std::time::Duration::from_mins(1) });
        let drained = client.nodes(wait).await.unwrap();
        assert_eq!(drained.value[0].eligibility, Eligibility::Ineligible, "an empty node is drained at once");
        assert_eq!(client.node(&id).await.unwrap().drained_by, DrainOwner::Operation(operation));
        client.drain(&order).await.unwrap();
        client.cancel_drain(&id).await.unwrap();
        client.cancel_drain(&id).await.unwrap();
        assert!(client.node(&id).await.unwrap().summary.takes_work());
        assert!(client.jobs(None).await.unwrap().value.is_empty());
        assert!(client.allocations(None).await.unwrap().value.is_empty());
        assert!(client.deployments(None).await.unwrap().value.is_empty());
        let gone = client.node(&"00000000-0000-0000-0000-000000000000".into()).await.unwrap_err();
        assert_eq!(gone.kind, replicator::ports::ErrorKind::NotFound);
    });
}
