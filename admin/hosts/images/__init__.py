"""Container images of the lab, built from Debian packages without a Docker engine."""
