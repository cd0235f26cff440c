"""Move a running Docker container together with its data from one plain host to another."""

__version__ = "0.2.0"
