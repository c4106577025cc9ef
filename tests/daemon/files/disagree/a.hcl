job_scaling_interval = 30
scaling_concurrency = 4
notification {
  cluster_identifier = "first"
  pagerduty_service_key = "p"
}
