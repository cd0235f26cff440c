"""Requests between agents: the client, which uses ssh, and the service that answers."""
