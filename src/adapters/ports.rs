//! The daemon's ports, bundled for the agent.

use std::rc::Rc;

use super::clock::TokioClock;
use super::consul::ConsulClient;
use super::nomad::NomadClient;
use super::providers::Providers;
use crate::ports::Ports;

/// Real time and real servers. The clients are shared with whoever changes their settings on a reload.
pub struct RealPorts {
    /// Time.
    pub clock: TokioClock,
    /// The cluster.
    pub nomad: Rc<NomadClient>,
    /// The lock and the state.
    pub consul: Rc<ConsulClient>,
    /// The machines.
    pub cloud: Providers,
}

impl Ports for RealPorts {
    type Clock = TokioClock;
    type Nomad = NomadClient;
    type Consul = ConsulClient;
    type Cloud = Providers;

    fn clock(&self) -> &TokioClock {
        &self.clock
    }

    fn nomad(&self) -> &NomadClient {
        &self.nomad
    }

    fn consul(&self) -> &ConsulClient {
        &self.consul
    }

    fn cloud(&self) -> &Providers {
        &self.cloud
    }
}
