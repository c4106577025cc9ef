# The scaling policy of a task group. Put it into the group's block of a service job.
meta {
  # Whether the group is scaled. With false, what would be done is logged, and nothing is done.
  replicator_enabled = "true"

  # The fewest and the most allocations of the group.
  replicator_min = "1"
  replicator_max = "10"

  # One more when any task uses more than this, in percent of the CPU and memory that it asks for.
  replicator_scaleout_cpu = "80"
  replicator_scaleout_mem = "80"

  # One fewer when every task uses less than this.
  replicator_scalein_cpu = "30"
  replicator_scalein_mem = "30"

  # Seconds to leave the group alone after it was scaled.
  replicator_cooldown = "60"

  # How many failures in a row put the group into failsafe.
  replicator_retry_threshold = "1"

  # Names the alerts about this group.
  replicator_notification_uid = "REP1"
}
