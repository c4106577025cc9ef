//! What one source of settings says: the command line, a file, the environment. Every setting may be absent.
//!
//! The doc comments of the fields are the help that `--help`, the man pages and the completions show.

#![allow(clippy::doc_markdown, reason = "these comments are help texts, which show no backticks")]
#![allow(rustdoc::bare_urls, reason = "nor angle brackets")]

use std::path::PathBuf;

use clap::Args;
use secrecy::SecretString;

use super::value::{self, Kinds, Level};
use crate::adapters::notify::Severity;
use crate::decide::Limits;

/// Merges two structs of options, field by field; the compiler sees to it that none is left out.
macro_rules! merge {
    ($over:ident, $under:ident; $($field:ident)*) => {
        Self { $($field: $over.$field.or($under.$field),)* }
    };
}

/// All settings.
#[derive(Debug, Clone, Default, Args)]
pub struct Layer {
    /// How to reach Consul.
    #[command(flatten)]
    pub consul: ConsulLayer,

    /// How to reach Nomad.
    #[command(flatten)]
    pub nomad: NomadLayer,

    /// Seconds between evaluations of worker pools [default: 10]
    #[arg(long, value_name = "SECONDS", value_parser = value::seconds, help_heading = "Scaling")]
    pub cluster_scaling_interval: Option<u32>,

    /// Scale no worker pool
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          value_parser = value::boolean, help_heading = "Scaling")]
    pub cluster_scaling_disable: Option<bool>,

    /// Seconds between evaluations of task groups [default: 10]
    #[arg(long, value_name = "SECONDS", value_parser = value::seconds, help_heading = "Scaling")]
    pub job_scaling_interval: Option<u32>,

    /// Scale no task group
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          value_parser = value::boolean, help_heading = "Scaling")]
    pub job_scaling_disable: Option<bool>,

    /// The most scaling operations under way at once [default: 10]
    #[arg(long, value_name = "COUNT", value_parser = value::positive, help_heading = "Scaling")]
    pub scaling_concurrency: Option<u32>,

    /// How much is logged: DEBUG, INFO, WARN or ERROR [default: INFO]
    #[arg(long, value_name = "LEVEL", help_heading = "Logs")]
    pub log_level: Option<Level>,

    /// Log in JSON, one object a line
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          value_parser = value::boolean, help_heading = "Logs")]
    pub log_json: Option<bool>,

    /// The IP address that the HTTP API listens on [default: 127.0.0.1]
    #[arg(long, value_name = "ADDRESS", help_heading = "HTTP API")]
    pub bind_address: Option<String>,

    /// The port that the HTTP API listens on; 0: none [default: 1313]
    #[arg(long, value_name = "PORT", value_parser = value::port_or_none, help_heading = "HTTP API")]
    pub http_port: Option<u16>,

    /// Who may change something by it.
    #[command(flatten)]
    pub http: HttpLayer,

    /// A port of the Go daemon's 1.1. Accepted; it was never of use
    #[arg(long, value_name = "PORT", value_parser = value::port, hide = true)]
    pub rpc_port: Option<u16>,

    /// Where counts are sent by statsd, over UDP: host:port
    #[arg(long, value_name = "ADDRESS", value_parser = value::host_and_port, help_heading = "Metrics")]
    pub statsd_address: Option<String>,

    /// What alerts say.
    #[command(flatten)]
    pub notification: NotificationLayer,

    /// By files only: what is allowed of all pools together.
    #[arg(skip)]
    pub limits: Limits,
}

/// How to reach Consul.
#[derive(Debug, Clone, Default, Args)]
pub struct ConsulLayer {
    /// Consul's address [default: localhost:8500]
    ///
    /// host:port, http://host:port, https://host:port or unix:///path. Best is the agent on the same machine.
    #[arg(id = "consul_address", long = "consul", value_name = "ADDRESS", help_heading = "Consul")]
    pub address: Option<String>,

    /// Where the address stands, unless it is on the command line.
    #[arg(skip)]
    pub address_source: Option<String>,

    /// The root of every key that is read or written [default: replicator/config]
    #[arg(id = "consul_key_root", long = "consul-key-root", value_name = "KEY", value_parser = value::key_root, help_heading = "Consul")]
    pub key_root: Option<String>,

    /// Consul's ACL token
    ///
    /// Anybody on this machine can see a token on the command line. Use the file key consul_token, or the environment
    /// variables CONSUL_HTTP_TOKEN and CONSUL_HTTP_TOKEN_FILE.
    #[arg(id = "consul_token", long = "consul-token", value_name = "TOKEN", value_parser = value::secret, allow_hyphen_values = true,
          help_heading = "Consul")]
    pub token: Option<SecretString>,

    /// Consul's datacenter [default: that of the agent asked]
    #[arg(id = "consul_datacenter", long = "consul-datacenter", value_name = "NAME", help_heading = "Consul")]
    pub datacenter: Option<String>,

    /// Consul's namespace (Enterprise) [default: that of the token]
    #[arg(id = "consul_namespace", long = "consul-namespace", value_name = "NAME", help_heading = "Consul")]
    pub namespace: Option<String>,

    /// By the environment only: whether an address without a scheme is encrypted.
    #[arg(skip)]
    pub encrypted: Option<bool>,

    /// By the environment only.
    #[arg(skip)]
    pub tls: TlsLayer,
}

/// How to reach Nomad.
#[derive(Debug, Clone, Default, Args)]
pub struct NomadLayer {
    /// Nomad's address [default: http://localhost:4646]
    ///
    /// http://host:port, https://host:port or unix:///path. Best is the agent on the same machine.
    #[arg(id = "nomad_address", long = "nomad", value_name = "ADDRESS", help_heading = "Nomad")]
    pub address: Option<String>,

    /// Where the address stands, unless it is on the command line.
    #[arg(skip)]
    pub address_source: Option<String>,

    /// Nomad's ACL token
    ///
    /// Anybody on this machine can see a token on the command line. Use the file key nomad_token, a file of its own
    /// (--nomad-token-file), or the environment variable NOMAD_TOKEN.
    #[arg(id = "nomad_token", long = "nomad-token", value_name = "TOKEN", value_parser = value::secret, allow_hyphen_values = true,
          help_heading = "Nomad")]
    pub token: Option<SecretString>,

    /// A file that holds Nomad's ACL token, in place of the token itself
    ///
    /// It is read again when it changes: a workload identity is renewed in its file only, secrets/nomad_token or
    /// secrets/nomad_NAME.jwt. Also by the environment variable NOMAD_TOKEN_FILE.
    #[arg(id = "nomad_token_file", long = "nomad-token-file", value_name = "PATH", help_heading = "Nomad")]
    pub token_file: Option<PathBuf>,

    /// The name that Nomad's certificate must be for [default: the address]
    #[arg(id = "nomad_tls_server_name", long = "nomad-tls-server-name", value_name = "NAME", help_heading = "Nomad")]
    pub tls_server_name: Option<String>,

    /// Nomad's region [default: that of the server asked]
    #[arg(id = "nomad_region", long = "nomad-region", value_name = "NAME", help_heading = "Nomad")]
    pub region: Option<String>,

    /// The namespace whose jobs are scaled, several with commas between them, or * for all [default: default]
    #[arg(id = "nomad_namespace", long = "nomad-namespace", value_name = "NAME", help_heading = "Nomad")]
    pub namespace: Option<String>,

    /// By the environment only.
    #[arg(skip)]
    pub tls: TlsLayer,
}

/// What alerts say, and where they go.
#[derive(Debug, Clone, Default, Args)]
pub struct NotificationLayer {
    /// The name of this cluster in alerts
    #[arg(long, value_name = "NAME", help_heading = "Alerts")]
    pub cluster_identifier: Option<String>,

    /// What alerts are named by whose policy has no replicator_notification_uid
    #[arg(long, value_name = "UID", help_heading = "Alerts")]
    pub notification_uid: Option<String>,

    /// What is told beside failsafe, with commas between: scaling, failure, policy, leadership, or all
    #[arg(long, value_name = "KINDS", value_parser = value::kinds, help_heading = "Alerts")]
    pub alert_on: Option<Kinds>,

    /// How bad a failsafe is: critical, error, warning or info [default: critical]
    #[arg(long, value_name = "SEVERITY", value_parser = str::parse::<Severity>, help_heading = "Alerts")]
    pub alert_severity: Option<Severity>,

    /// The integration key of PagerDuty's Events API that alerts are sent with
    ///
    /// Anybody on this machine can see a key on the command line. Better is the file key notification { pagerduty_service_key }.
    #[arg(long, value_name = "KEY", value_parser = value::secret, allow_hyphen_values = true, help_heading = "Alerts")]
    pub pagerduty_service_key: Option<SecretString>,

    /// PagerDuty's address [default: https://events.pagerduty.com]
    #[arg(long, value_name = "URL", value_parser = value::url, help_heading = "Alerts")]
    pub pagerduty_url: Option<String>,

    /// The API key of OpsGenie that alerts are sent with
    #[arg(long, value_name = "KEY", value_parser = value::secret, allow_hyphen_values = true, help_heading = "Alerts")]
    pub opsgenie_api_key: Option<SecretString>,

    /// OpsGenie's address; https://api.eu.opsgenie.com for accounts in the EU [default: https://api.opsgenie.com]
    #[arg(long, value_name = "URL", value_parser = value::url, help_heading = "Alerts")]
    pub opsgenie_url: Option<String>,

    /// The address of an incoming webhook of Slack
    #[arg(long, value_name = "URL", value_parser = value::secret, help_heading = "Alerts")]
    pub slack_webhook_url: Option<SecretString>,

    /// The address of a webhook of your own
    #[arg(long, value_name = "URL", value_parser = value::secret, help_heading = "Alerts")]
    pub webhook_url: Option<SecretString>,

    /// What messages to that webhook are signed with
    #[arg(long, value_name = "SECRET", value_parser = value::secret, allow_hyphen_values = true, help_heading = "Alerts")]
    pub webhook_secret: Option<SecretString>,
}

/// Who may change something by the HTTP API, and how its connections are encrypted.
#[derive(Debug, Clone, Default, Args)]
pub struct HttpLayer {
    /// What a request must have that changes something, as a bearer token
    ///
    /// Without one something can be changed where the API listens on 127.0.0.1 only. Anybody on this machine can see a token on
    /// the command line. Better is the file key http_token.
    #[arg(id = "http_token", long = "http-token", value_name = "TOKEN", value_parser = value::secret, allow_hyphen_values = true,
          help_heading = "HTTP API")]
    pub token: Option<SecretString>,

    /// The certificate of the HTTP API, in PEM, with those between it and its authority
    #[arg(id = "http_tls_cert", long = "http-tls-cert", value_name = "PATH", help_heading = "HTTP API")]
    pub tls_cert: Option<PathBuf>,

    /// The key of that certificate, in PEM
    #[arg(id = "http_tls_key", long = "http-tls-key", value_name = "PATH", help_heading = "HTTP API")]
    pub tls_key: Option<PathBuf>,
}

/// TLS, as the environment of the Nomad and Consul tools gives it.
#[derive(Debug, Clone, Default)]
pub struct TlsLayer {
    /// A file of CA certificates.
    pub ca_file: Option<PathBuf>,
    /// A folder of such files.
    pub ca_path: Option<PathBuf>,
    /// Our own certificate.
    pub client_cert: Option<PathBuf>,
    /// Its key.
    pub client_key: Option<PathBuf>,
    /// The name that the server's certificate must be for.
    pub server_name: Option<String>,
    /// Whether the server's certificate is taken as it is.
    pub skip_verify: Option<bool>,
}

impl Layer {
    /// This layer, and where it says nothing, the one under it.
    #[must_use]
    pub fn over(self, under: Self) -> Self {
        Self {
            consul: self.consul.over(under.consul),
            nomad: self.nomad.over(under.nomad),
            notification: self.notification.over(under.notification),
            cluster_scaling_interval: self.cluster_scaling_interval.or(under.cluster_scaling_interval),
            cluster_scaling_disable: self.cluster_scaling_disable.or(under.cluster_scaling_disable),
            job_scaling_interval: self.job_scaling_interval.or(under.job_scaling_interval),
            job_scaling_disable: self.job_scaling_disable.or(under.job_scaling_disable),
            scaling_concurrency: self.scaling_concurrency.or(under.scaling_concurrency),
            log_level: self.log_level.or(under.log_level),
            log_json: self.log_json.or(under.log_json),
            bind_address: self.bind_address.or(under.bind_address),
            http_port: self.http_port.or(under.http_port),
            http: self.http.over(under.http),
            rpc_port: self.rpc_port.or(under.rpc_port),
            statsd_address: self.statsd_address.or(under.statsd_address),
            limits: over(self.limits, under.limits),
        }
    }
}

/// The limits of one layer, and where it says nothing, those of the one under it.
fn over(limits: Limits, under: Limits) -> Limits {
    Limits {
        nodes: limits.nodes.or(under.nodes),
        removals_per_hour: limits.removals_per_hour.or(under.removals_per_hour),
        cost_per_hour: limits.cost_per_hour.or(under.cost_per_hour),
    }
}

impl ConsulLayer {
    fn over(self, under: Self) -> Self {
        let (address, address_source) = match self.address {
            Some(address) => (Some(address), self.address_source),
            None => (under.address, under.address_source),
        };
        Self {
            address,
            address_source,
            key_root: self.key_root.or(under.key_root),
            token: self.token.or(under.token),
            datacenter: self.datacenter.or(under.datacenter),
            namespace: self.namespace.or(under.namespace),
            encrypted: self.encrypted.or(under.encrypted),
            tls: self.tls.over(under.tls),
        }
    }
}

impl NomadLayer {
    fn over(self, under: Self) -> Self {
        let (address, address_source) = match self.address {
            Some(address) => (Some(address), self.address_source),
            None => (under.address, under.address_source),
        };
        // Either way of giving a token hides both of what is under it.
        let (token, token_file) = match (self.token, self.token_file) {
            (None, None) => (under.token, under.token_file),
            given => given,
        };
        Self {
            address,
            address_source,
            token,
            token_file,
            tls_server_name: self.tls_server_name.or(under.tls_server_name),
            region: self.region.or(under.region),
            namespace: self.namespace.or(under.namespace),
            tls: self.tls.over(under.tls),
        }
    }
}

impl NotificationLayer {
    fn over(self, under: Self) -> Self {
        merge!(self, under; cluster_identifier notification_uid alert_on alert_severity pagerduty_service_key pagerduty_url
            opsgenie_api_key opsgenie_url slack_webhook_url webhook_url webhook_secret)
    }
}

impl HttpLayer {
    fn over(self, under: Self) -> Self {
        merge!(self, under; token tls_cert tls_key)
    }
}

impl TlsLayer {
    fn over(self, under: Self) -> Self {
        merge!(self, under; ca_file ca_path client_cert client_key server_name skip_verify)
    }
}
