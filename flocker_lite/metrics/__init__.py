"""What both services measure for Prometheus: durations, and how they are written down."""
