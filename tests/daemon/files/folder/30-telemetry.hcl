telemetry {
  statsd_address = "s:8125"
}
