//! A real Consul, a stand-in for Nomad, and the real binary between them.

use std::process::{Command, Output, Stdio};

use crate::agent::AgentProcess;
use crate::consul::ConsulServer;
use crate::stand_in::StandIn;

/// The servers of one test.
pub(crate) struct Cluster {
    pub(crate) consul: ConsulServer,
    pub(crate) nomad: StandIn,
}

impl Cluster {
    pub(crate) fn start() -> Self {
        Self::with(ConsulServer::start())
    }

    pub(crate) fn with(consul: ConsulServer) -> Self {
        Self { consul, nomad: StandIn::start() }
    }

    /// The binary, with an environment of the test's own.
    pub(crate) fn replicator(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_replicator"));
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("CONSUL_HTTP_ADDR", self.consul.address()).env("NOMAD_ADDR", self.nomad.address());
        command.current_dir(self.consul.folder());
        command
    }

    /// Starts an agent that evaluates every second.
    pub(crate) fn agent(&self, flags: &[&str]) -> AgentProcess {
        AgentProcess::quick(self.replicator(), flags)
    }

    /// Runs `replicator failsafe`; the exit code and all that it said.
    pub(crate) fn failsafe(&self, arguments: &[&str]) -> (i32, String) {
        let mut command = self.replicator();
        said(command.arg("failsafe").args(arguments).stdin(Stdio::null()).output().unwrap())
    }
}

/// The exit code, and what was said on stdout and stderr.
pub(crate) fn said(output: Output) -> (i32, String) {
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(text).unwrap())
}
