"""Wiring for twistd; the only importer of the reactor."""
