"""Immutable records and pure functions; imports nothing of ours and does no I/O."""
