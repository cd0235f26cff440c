"""The images that Compose files of well-known projects name, made small from Debian packages."""
