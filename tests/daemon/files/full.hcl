# Everything that the Go daemon's files may hold.
bind_address             = "0.0.0.0"
cluster_scaling_disable  = true
cluster_scaling_interval = 20
consul                   = "consul.service:8500"
consul_key_root          = "/team/replicator/"
consul_token             = "consul-hunter2"
http_port                = 1414
job_scaling_disable      = "false"
job_scaling_interval     = "15"
log_level                = "warn"
nomad                    = "http://nomad.service:4646"
nomad_token              = "nomad-hunter2"
nomad_tls_server_name    = "server.global.nomad"
scaling_concurrency      = 3

telemetry {
  statsd_address = "127.0.0.1:8125"
}

notification {
  cluster_identifier    = "production"
  pagerduty_service_key = "pager-hunter2"
  opsgenie_service_key  = "genie-hunter2"
}
