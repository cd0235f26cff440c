"""Datasets in ZFS."""
