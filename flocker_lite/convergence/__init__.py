"""Deciding what a node must change, and carrying it out in order."""
