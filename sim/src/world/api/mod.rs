//! The world as real servers show it: the pages of Nomad and Consul in their own JSON, those of AWS in its XML.
//!
//! What the model does not have stands there as in a server that nobody set it on: no constraints, no services, no
//! volumes. Fields are those of Nomad 1.1 or 2.0, Consul 1.8 and the AWS query protocol.

mod aws;
mod consul;
mod nomad;

use replicator::ports::Service;

use super::{Outages, World};

pub(crate) use aws::{InstanceFilter, Part, Refused, escaped};
pub(crate) use consul::KvCondition;
pub(crate) use nomad::{Extra, POOLS_INDEX, node_pool_page, node_pools_page};
pub use nomad::{NomadVersion, UnknownVersion};

impl World {
    /// Whether a service is out.
    pub(crate) fn is_out(&self, service: Service) -> bool {
        let Outages { nomad, consul, cloud, .. } = &self.outages;
        let out = match service {
            Service::Nomad => nomad,
            Service::Consul => consul,
            Service::Cloud => cloud,
        };
        *out > 0
    }
}
