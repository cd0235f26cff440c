"""What the control service tells Prometheus of the cluster and of itself."""
