"""Run on a node of the lab: what hostile peers and users do to the ZFS of that node."""

from __future__ import annotations

from twisted.trial.unittest import TestCase

from tests.zfs.hostile_names import HostileNames
from tests.zfs.hostile_streams import HostileStreams


class HostileStreamsTests(HostileStreams, TestCase):
    """Streams, on the way between agents."""

    pools = ("flocker",)


class HostileNamesTests(HostileNames, TestCase):
    """Snapshots, on the nodes that a dataset goes between."""

    pools = ("flocker",)
