"""Builds the lab's container images from Debian packages, without a Docker engine."""
