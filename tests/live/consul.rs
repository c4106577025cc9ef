//! A Consul server of a test's own.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use replicator::adapters::consul::{ConsulClient, ConsulSettings};
use replicator::adapters::http::{Address, Endpoint, Tls};
use replicator::ports::{Consul, LockState};
use serde_json::Value;
use tempfile::TempDir;

use crate::{binary, block_on, eventually, free_port};

/// The token that may do everything, where ACLs are on.
pub(crate) const MASTER: &str = "11111111-1111-1111-1111-111111111111";

/// A running server, with its data in a folder of its own, so that it can be stopped and started again.
pub(crate) struct ConsulServer {
    folder: TempDir,
    ports: [u16; 4],
    acls: bool,
    child: Option<Child>,
}

impl ConsulServer {
    pub(crate) fn start() -> Self {
        Self::with_acls(false)
    }

    pub(crate) fn with_acls(acls: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut server = Self { folder, ports: [(); 4].map(|()| free_port()), acls, child: None };
        server.launch();
        server
    }

    /// Starts, or starts again with the same data.
    pub(crate) fn launch(&mut self) {
        let [http, server, lan, wan] = self.ports;
        let acl = if self.acls {
            format!(
                r#", "primary_datacenter": "dc1", "acl": {{"enabled": true, "default_policy": "deny", "tokens": {{"master": "{MASTER}", "agent": "{MASTER}"}}}}"#
            )
        } else {
            String::new()
        };
        let config = format!(
            r#"{{"server": true, "bootstrap": true, "node_name": "test", "bind_addr": "127.0.0.1", "client_addr": "127.0.0.1",
                "data_dir": "{}", "disable_update_check": true, "log_level": "warn", "leave_on_terminate": false,
                "raft_protocol": 3, "performance": {{"raft_multiplier": 1}},
                "ports": {{"http": {http}, "server": {server}, "serf_lan": {lan}, "serf_wan": {wan}, "dns": -1, "grpc": -1}}{acl}}}"#,
            self.path("data").display()
        );
        fs::write(self.path("config.json"), config).unwrap();
        let log = File::options().create(true).append(true).open(self.path("log")).unwrap();
        let child = Command::new(binary("CONSUL_BIN", "consul").unwrap())
            .args(["agent", "-config-file"])
            .arg(self.path("config.json"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.child = Some(child);
        eventually("Consul to have a leader", || {
            if let Some(status) = self.child.as_mut().unwrap().try_wait().unwrap() {
                panic!("Consul ended with {status}: {}", fs::read_to_string(self.path("log")).unwrap());
            }
            self.try_call("PUT", "/v1/kv/test/ready", "").filter(|answer| answer == "true")
        });
    }

    /// Ends it as a crash does.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.ports[0])
    }

    /// A client of ours.
    pub(crate) fn client(&self) -> ConsulClient {
        let address = Address::parse(&self.address(), "http").unwrap();
        let token = self.acls.then(|| MASTER.into());
        let endpoint = Endpoint { address, source: None, tls: Tls::default(), token, token_file: None };
        ConsulClient::new(ConsulSettings { endpoint, datacenter: None, namespace: None }).unwrap()
    }

    /// Makes a call by hand; the answer's body.
    pub(crate) fn call(&self, method: &str, path: &str, body: &str) -> String {
        self.try_call(method, path, body).unwrap_or_else(|| panic!("{method} {path} failed"))
    }

    fn try_call(&self, method: &str, path: &str, body: &str) -> Option<String> {
        block_on(async {
            let url = format!("http://{}{path}", self.address());
            let request = reqwest::Client::new().request(method.parse().unwrap(), url).body(body.to_owned());
            let request = if self.acls { request.header("X-Consul-Token", MASTER) } else { request };
            let answer = request.send().await.ok()?.error_for_status().ok()?;
            answer.text().await.ok().map(|text| text.trim().to_owned())
        })
    }

    pub(crate) fn put(&self, key: &str, value: &str) {
        assert_eq!(self.call("PUT", &format!("/v1/kv/{key}"), value), "true");
    }

    /// The session that holds the lock.
    pub(crate) fn holder(&self) -> Option<String> {
        match block_on(self.client().lock("replicator/config/leader", None)).ok()?.value {
            LockState::Held(session) => Some(session.to_string()),
            LockState::Free => None,
        }
    }

    /// All keys that begin so.
    pub(crate) fn keys(&self, prefix: &str) -> Vec<String> {
        let listed = block_on(self.client().list(prefix, None)).unwrap();
        listed.value.into_iter().map(|entry| entry.key).collect()
    }

    /// The state of a resource, as it stands in Consul.
    pub(crate) fn state(&self, path: &str) -> Option<Value> {
        let entry = block_on(self.client().read(&format!("replicator/config/state/{path}"))).unwrap()?;
        Some(serde_json::from_slice(&entry.value).unwrap())
    }
}

impl Drop for ConsulServer {
    fn drop(&mut self) {
        self.kill();
    }
}
