"""Mutual TLS on connections: who is on the other side, and who is not let in."""
