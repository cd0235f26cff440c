"""Mutual TLS: verifies who is on the other side of a connection, and refuses everybody else."""
