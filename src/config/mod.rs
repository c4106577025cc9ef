//! The configuration: flags win over files, files over the environment, the environment over defaults (C2).
//!
//! - `layer`: what one of these says; every setting optional.
//! - `file`: files and folders of them; `hcl` and `json` read one, `entry` is what both become.
//! - `key`: the keys of files.
//! - `environment`: the variables of the Nomad and Consul tools.
//! - `value`: text to values, as Go decodes it.
//! - `settle`: layers to one [`Config`].
//! - `error`: what can be wrong, and where.

mod entry;
mod environment;
mod error;
mod file;
mod hcl;
mod json;
mod key;
mod layer;
mod settle;
mod value;

pub(crate) use entry::line_of;
pub use environment::from_environment;
pub use error::{ConfigError, Place};
pub use file::from_path;
pub use layer::{ConsulLayer, Layer, NomadLayer, NotificationLayer, TlsLayer};
pub use settle::{Config, LogFormat, Mode, Unused, load, load_consul};
pub use value::{Kinds, Level, boolean};
