//! The environment variables of the Nomad and Consul tools (C6).

use std::path::PathBuf;

use secrecy::SecretString;

use super::error::ConfigError;
use super::layer::{ConsulLayer, Layer, NomadLayer, TlsLayer};
use super::{key, value};

/// What the environment says. `variable` looks one up; an empty one counts as absent.
///
/// # Errors
///
/// When a variable makes no sense, or names a file that cannot be read.
pub fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Result<Layer, ConfigError> {
    let environment = Environment(&|name| variable(name).filter(|value| !value.is_empty()));
    Ok(Layer { consul: environment.consul()?, nomad: environment.nomad()?, ..Layer::default() })
}

/// What the environment says of Consul alone.
///
/// # Errors
///
/// As [`from_environment`].
pub(super) fn consul_from_environment(variable: impl Fn(&str) -> Option<String>) -> Result<ConsulLayer, ConfigError> {
    Environment(&|name| variable(name).filter(|value| !value.is_empty())).consul()
}

struct Environment<'a>(&'a dyn Fn(&str) -> Option<String>);

impl Environment<'_> {
    fn consul(&self) -> Result<ConsulLayer, ConfigError> {
        Ok(ConsulLayer {
            address: self.parse("CONSUL_HTTP_ADDR", key::address)?,
            address_source: Some("CONSUL_HTTP_ADDR".to_owned()),
            token: match self.path("CONSUL_HTTP_TOKEN_FILE") {
                // As the consul tool does: a file, where it is named, wins.
                Some(path) => Some(token_in("CONSUL_HTTP_TOKEN_FILE", path)?),
                None => self.secret("CONSUL_HTTP_TOKEN"),
            },
            namespace: self.text("CONSUL_NAMESPACE"),
            encrypted: self.parse("CONSUL_HTTP_SSL", value::boolean)?,
            tls: TlsLayer {
                ca_file: self.path("CONSUL_CACERT"),
                ca_path: self.path("CONSUL_CAPATH"),
                client_cert: self.path("CONSUL_CLIENT_CERT"),
                client_key: self.path("CONSUL_CLIENT_KEY"),
                server_name: self.text("CONSUL_TLS_SERVER_NAME"),
                skip_verify: self.parse("CONSUL_HTTP_SSL_VERIFY", value::boolean)?.map(|verify| !verify),
            },
            ..ConsulLayer::default()
        })
    }

    fn nomad(&self) -> Result<NomadLayer, ConfigError> {
        let (token, token_file) = (self.secret("NOMAD_TOKEN"), self.path("NOMAD_TOKEN_FILE"));
        // Nomad gives every task with an identity the address of its API's socket, which takes nobody without a token.
        let of_task = self.text("NOMAD_ADDR").is_none() && (token.is_some() || token_file.is_some());
        let socket = if of_task { self.parse("NOMAD_UNIX_ADDR", key::address)? } else { None };
        let address_source = if socket.is_some() { "NOMAD_UNIX_ADDR" } else { "NOMAD_ADDR" };
        Ok(NomadLayer {
            address: socket.map_or_else(|| self.parse("NOMAD_ADDR", key::address), |socket| Ok(Some(socket)))?,
            address_source: Some(address_source.to_owned()),
            token,
            token_file,
            region: self.text("NOMAD_REGION"),
            namespace: self.text("NOMAD_NAMESPACE"),
            tls_server_name: self.text("NOMAD_TLS_SERVER_NAME"),
            tls: TlsLayer {
                ca_file: self.path("NOMAD_CACERT"),
                ca_path: self.path("NOMAD_CAPATH"),
                client_cert: self.path("NOMAD_CLIENT_CERT"),
                client_key: self.path("NOMAD_CLIENT_KEY"),
                server_name: None,
                skip_verify: self.parse("NOMAD_SKIP_VERIFY", value::boolean)?,
            },
        })
    }

    fn text(&self, name: &str) -> Option<String> {
        (self.0)(name)
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        self.text(name).map(PathBuf::from)
    }

    fn secret(&self, name: &str) -> Option<SecretString> {
        self.text(name).map(SecretString::from)
    }

    fn parse<T>(
        &self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<Option<T>, ConfigError> {
        let parsed = self.text(name).map(|text| parse(&text)).transpose();
        parsed.map_err(|problem| ConfigError::Variable { name, problem })
    }
}

fn token_in(name: &'static str, path: PathBuf) -> Result<SecretString, ConfigError> {
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(SecretString::from(text.trim().to_owned())),
        Err(source) => Err(ConfigError::NamedFile { name, path, source }),
    }
}
