"""Containers: what Docker runs, and what it should run."""
