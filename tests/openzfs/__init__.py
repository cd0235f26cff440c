"""Tests that need OpenZFS in the kernel: `admin/test openzfs`."""
