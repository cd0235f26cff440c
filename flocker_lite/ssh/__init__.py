"""The way from one agent to another."""
