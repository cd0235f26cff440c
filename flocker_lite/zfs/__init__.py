"""Stores datasets in ZFS; the first storage backend."""
