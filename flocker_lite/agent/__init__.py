"""The agent: makes its node look like the configuration."""
