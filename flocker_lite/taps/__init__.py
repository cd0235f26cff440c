"""Wiring for twistd; only this package imports the reactor."""
