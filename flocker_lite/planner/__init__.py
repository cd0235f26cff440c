"""Decides what a node must change, from its view and its discovery; imports the model alone."""
