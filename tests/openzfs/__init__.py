"""Tests that need OpenZFS in the kernel.

`python3 -m admin.vm run --timeout-seconds 1800 -- python3 -m pytest -q tests/openzfs`
"""
