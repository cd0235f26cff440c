"""Builds the RPM for CentOS 7 with an interpreter of its own, and checks it; see `admin/rpm`."""
