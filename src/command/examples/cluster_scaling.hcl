# The scaling policy of a worker pool. Put it into the client block of the Nomad agents that make up the pool.
meta {
  # The name of the Auto Scaling group, where it is, and who provides it.
  replicator_worker_pool = "container-node-public-prod"
  replicator_region      = "us-east-1"
  replicator_provider    = "aws"

  # Whether the pool is scaled. With false, what would be done is logged, and nothing is done.
  replicator_enabled = "true"

  # The fewest and the most nodes. The bounds of the Auto Scaling group hold as well.
  replicator_min = "2"
  replicator_max = "6"

  # How many nodes the pool must be able to lose.
  replicator_node_fault_tolerance = "1"

  # How many evaluations in a row must ask for the same before it is done.
  replicator_scaling_threshold = "3"

  # Seconds to leave the pool alone after it was scaled.
  replicator_cooldown = "300"

  # How many failures in a row put the pool into failsafe.
  replicator_retry_threshold = "3"

  # Names the alerts about this pool.
  replicator_notification_uid = "REP2"
}
