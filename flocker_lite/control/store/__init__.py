"""The durable store of the configuration."""
