//! What flags, files and environment come to.

use std::path::Path;
use std::time::Duration;

use replicator::adapters::http::Verify;
use replicator::adapters::notify::Receiver;
use replicator::agent::Switch;
use replicator::config::{Config, ConfigError, Layer, Level, LogFormat, Mode, load};
use secrecy::ExposeSecret;

use crate::file;

/// Settles files and variables without flags.
fn settle(files: &[&str], variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    with_flags(Layer::default(), files, variables)
}

fn with_flags(flags: Layer, files: &[&str], variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let paths: Vec<_> = files.iter().map(|name| file(name)).collect();
    let variable = |name: &str| variables.iter().find(|(it, _)| *it == name).map(|(_, value)| (*value).to_owned());
    load(flags, &paths, Mode::Production, variable)
}

#[test]
fn c2_what_nobody_says_is_the_default() {
    let config = settle(&[], &[]).unwrap();
    assert_eq!(config.consul.endpoint.address.to_string(), "http://localhost:8500");
    assert_eq!(config.nomad.endpoint.address.to_string(), "http://localhost:4646");
    assert_eq!(config.root, "replicator/config");
    assert_eq!((config.job_interval, config.cluster_interval), (Duration::from_secs(10), Duration::from_secs(10)));
    assert_eq!((config.job_scaling, config.cluster_scaling), (Switch::On, Switch::On));
    assert_eq!((config.concurrency, config.log_level, config.log_format), (10, Level::Info, LogFormat::Human));
    assert_eq!((config.api.address.to_string().as_str(), config.api.port), ("127.0.0.1", Some(1313)));
    assert!(config.unused.is_empty() && config.consul.endpoint.token.is_none());
    let development = load(Layer::default(), &[], Mode::Development, |_| None).unwrap();
    assert_eq!(development.log_level, Level::Debug);
}

#[test]
fn c4_every_key_of_the_go_daemon_is_read_in_both_languages() {
    for name in ["full.hcl", "full.json"] {
        let config = settle(&[name], &[]).unwrap();
        assert_eq!(config.consul.endpoint.address.to_string(), "http://consul.service:8500");
        assert_eq!(config.nomad.endpoint.address.to_string(), "http://nomad.service:4646");
        assert_eq!(config.root, "team/replicator");
        assert_eq!((config.job_interval, config.cluster_interval), (Duration::from_secs(15), Duration::from_secs(20)));
        assert_eq!((config.job_scaling, config.cluster_scaling), (Switch::On, Switch::Off));
        assert_eq!((config.concurrency, config.log_level), (3, Level::Warn));
        assert_eq!(config.cluster_identifier, "production");
        assert_eq!(config.consul.endpoint.token.unwrap().expose_secret(), "consul-hunter2");
        assert_eq!(config.nomad.endpoint.token.unwrap().expose_secret(), "nomad-hunter2");
        assert_eq!(config.nomad.endpoint.tls.server_name.as_deref(), Some("server.global.nomad"));
        let unused: Vec<&str> = config.unused.iter().map(|unused| unused.key).collect();
        assert!(unused.is_empty(), "{unused:?}");
        assert_eq!(config.statsd.as_deref(), Some("127.0.0.1:8125"));
        assert_eq!((config.api.address.to_string().as_str(), config.api.port), ("0.0.0.0", Some(1414)));
        let receivers: Vec<&str> = config.notify.receivers.iter().map(Receiver::name).collect();
        assert_eq!(receivers, ["pagerduty", "opsgenie"]);
    }
}

#[test]
fn c10_no_debug_print_shows_a_secret() {
    let shown = format!("{:?}", settle(&["full.hcl"], &[("NOMAD_TOKEN", "hunter2")]).unwrap());
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[test]
fn c3_a_folder_is_read_in_order() {
    let config = settle(&["folder"], &[]).unwrap();
    assert_eq!(config.consul.endpoint.address.to_string(), "http://one-value-a-file:8500");
    assert_eq!(config.nomad.endpoint.address.to_string(), "https://nomad.example:4646");
    assert!(config.statsd.is_some());
}

#[test]
fn c2_of_files_that_disagree_the_later_wins_key_by_key() {
    let config = settle(&["disagree"], &[]).unwrap();
    assert_eq!((config.job_interval, config.concurrency), (Duration::from_mins(1), 4));
    assert_eq!(config.cluster_identifier, "second");
    assert_eq!(config.notify.receivers.len(), 1, "the key that only the first file has is kept");
    let turned = settle(&["disagree/b.json", "disagree/a.hcl"], &[]).unwrap();
    assert_eq!((turned.job_interval, turned.cluster_identifier.as_str()), (Duration::from_secs(30), "first"));
}

#[test]
fn c2_flags_win_over_files_over_environment() {
    let variables =
        [("NOMAD_ADDR", "http://env:1"), ("CONSUL_HTTP_ADDR", "env:2"), ("NOMAD_TOKEN", "of the environment")];
    let config = settle(&[], &variables).unwrap();
    assert_eq!(config.nomad.endpoint.address.to_string(), "http://env:1");
    let config = settle(&["full.hcl"], &variables).unwrap();
    assert_eq!(config.nomad.endpoint.address.to_string(), "http://nomad.service:4646");
    assert_eq!(config.nomad.endpoint.token.unwrap().expose_secret(), "nomad-hunter2");
    let mut flags = Layer { job_scaling_interval: Some(5), cluster_scaling_disable: Some(false), ..Layer::default() };
    flags.nomad.address = Some("flag:3".into());
    let config = with_flags(flags, &["full.hcl"], &variables).unwrap();
    assert_eq!(config.nomad.endpoint.address.to_string(), "http://flag:3");
    assert_eq!((config.job_interval, config.cluster_scaling), (Duration::from_secs(5), Switch::On));
}

#[test]
fn c2_a_token_hides_a_token_file_below_it_and_the_other_way_round() {
    let variables = [("NOMAD_TOKEN_FILE", "/secrets/nomad_agent.jwt"), ("NOMAD_TOKEN", "of the environment")];
    let both = settle(&[], &variables).unwrap().nomad.endpoint;
    assert_eq!(both.token_file.as_deref(), Some(Path::new("/secrets/nomad_agent.jwt")), "it wins in the same place");
    let of_file = settle(&["full.hcl"], &variables).unwrap().nomad.endpoint;
    assert_eq!((of_file.token.unwrap().expose_secret(), of_file.token_file), ("nomad-hunter2", None));
    let mut flags = Layer::default();
    flags.nomad.token_file = Some("token".into());
    let of_flag = with_flags(flags, &["full.hcl"], &variables).unwrap().nomad.endpoint;
    assert!(of_flag.token.is_none() && of_flag.token_file.is_some());
}

#[test]
fn c9_a_tasks_socket_is_taken_where_there_is_a_token_for_it() {
    let settled = |variables: &[(&str, &str)]| {
        let endpoint = settle(&[], variables).unwrap().nomad.endpoint;
        (endpoint.address.to_string(), endpoint.source.unwrap())
    };
    let socket = ("NOMAD_UNIX_ADDR", "unix:///secrets/api.sock");
    let (address, source) = settled(&[socket, ("NOMAD_TOKEN", "t")]);
    assert_eq!((address.as_str(), source.as_str()), ("unix:///secrets/api.sock", "NOMAD_UNIX_ADDR"));
    assert_eq!(settled(&[socket, ("NOMAD_TOKEN_FILE", "t")]).1, "NOMAD_UNIX_ADDR");
    assert_eq!(settled(&[socket]).1, "the default", "the socket takes nobody without a token");
    assert_eq!(settled(&[socket, ("NOMAD_TOKEN", "t"), ("NOMAD_ADDR", "http://a:1")]).1, "NOMAD_ADDR");
}

#[test]
fn c2_an_address_knows_where_it_stands() {
    let source = |flags: Layer, files: &[&str], variables: &[(&str, &str)]| {
        let config = with_flags(flags, files, variables).unwrap();
        (config.consul.endpoint.source.unwrap(), config.nomad.endpoint.source.unwrap())
    };
    let variables = [("NOMAD_ADDR", "http://env:1"), ("CONSUL_HTTP_ADDR", "env:2")];
    let pair = |consul: &str, nomad: &str| (consul.to_owned(), nomad.to_owned());
    assert_eq!(source(Layer::default(), &[], &[]), pair("the default", "the default"));
    assert_eq!(source(Layer::default(), &[], &variables), pair("CONSUL_HTTP_ADDR", "NOMAD_ADDR"));
    let in_file = format!("nomad in {} line ", file("full.hcl").display());
    let (_, nomad) = source(Layer::default(), &["full.hcl"], &variables);
    assert!(nomad.starts_with(&in_file), "{nomad}");
    let mut flags = Layer::default();
    flags.nomad.address = Some("flag:3".into());
    let (consul, nomad) = source(flags, &["full.hcl"], &variables);
    assert!(consul.starts_with("consul in "), "{consul}");
    assert_eq!(nomad, "the flag --nomad");
}

#[test]
fn c6_the_variables_of_the_tools_count() {
    let token = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(token.path(), "from-a-file\n").unwrap();
    let variables = [
        ("NOMAD_ADDR", "https://nomad:4646"),
        ("NOMAD_REGION", "eu"),
        ("NOMAD_NAMESPACE", "*"),
        ("NOMAD_CACERT", "/ca.pem"),
        ("NOMAD_CAPATH", "/cas"),
        ("NOMAD_CLIENT_CERT", "/cert.pem"),
        ("NOMAD_CLIENT_KEY", "/key.pem"),
        ("NOMAD_TLS_SERVER_NAME", "server.eu.nomad"),
        ("NOMAD_SKIP_VERIFY", "true"),
        ("CONSUL_HTTP_ADDR", "consul:8501"),
        ("CONSUL_HTTP_SSL", "1"),
        ("CONSUL_HTTP_SSL_VERIFY", "false"),
        ("CONSUL_HTTP_TOKEN", "not this one"),
        ("CONSUL_HTTP_TOKEN_FILE", token.path().to_str().unwrap()),
        ("CONSUL_CACERT", "/consul-ca.pem"),
        ("CONSUL_CLIENT_CERT", "/consul-cert.pem"),
        ("CONSUL_CLIENT_KEY", "/consul-key.pem"),
        ("CONSUL_TLS_SERVER_NAME", "server.dc1.consul"),
        ("CONSUL_NAMESPACE", "team"),
    ];
    let config = settle(&[], &variables).unwrap();
    let (nomad, consul) = (&config.nomad.endpoint, &config.consul.endpoint);
    assert_eq!((config.nomad.region.as_deref(), config.nomad.namespace.as_deref()), (Some("eu"), Some("*")));
    assert_eq!((nomad.address.is_encrypted(), nomad.tls.verify), (true, Verify::Skip));
    let files = [&nomad.tls.ca_file, &nomad.tls.ca_path, &nomad.tls.client_cert, &nomad.tls.client_key];
    let names: Vec<_> = files.iter().map(|file| file.as_ref().unwrap().to_str().unwrap()).collect();
    assert_eq!(names, ["/ca.pem", "/cas", "/cert.pem", "/key.pem"]);
    assert_eq!(nomad.tls.server_name.as_deref(), Some("server.eu.nomad"));
    assert_eq!(consul.address.to_string(), "https://consul:8501", "CONSUL_HTTP_SSL gives the scheme");
    let plain = settle(&[], &[("CONSUL_HTTP_ADDR", "http://consul:8501"), ("CONSUL_HTTP_SSL", "true")]).unwrap();
    assert_eq!(plain.consul.endpoint.address.to_string(), "https://consul:8501", "and no way back to plain HTTP");
    assert_eq!((consul.tls.verify, consul.tls.server_name.as_deref()), (Verify::Skip, Some("server.dc1.consul")));
    assert_eq!(consul.token.as_ref().unwrap().expose_secret(), "from-a-file", "a token's file wins");
    assert_eq!(config.consul.namespace.as_deref(), Some("team"));
}

#[test]
fn c6_an_empty_variable_is_none() {
    let config = settle(&[], &[("NOMAD_ADDR", ""), ("NOMAD_TOKEN", ""), ("CONSUL_HTTP_SSL", "")]).unwrap();
    assert_eq!(config.nomad.endpoint.address.to_string(), "http://localhost:4646");
    assert!(config.nomad.endpoint.token.is_none());
}

#[test]
fn c6_a_variable_that_makes_no_sense_is_named() {
    for (name, value) in [
        ("NOMAD_ADDR", "ftp://x"),
        ("NOMAD_SKIP_VERIFY", "perhaps"),
        ("CONSUL_HTTP_SSL", "perhaps"),
        ("CONSUL_HTTP_TOKEN_FILE", "/nowhere/token"),
    ] {
        let error = settle(&[], &[(name, value)]).unwrap_err();
        assert_eq!(error.to_string().matches(name).count(), 1, "{error}");
    }
}
