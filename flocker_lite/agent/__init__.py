"""The agent: makes its own node look like the configuration."""
