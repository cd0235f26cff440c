"""What is found wrong with a pool."""

from __future__ import annotations

from collections.abc import Mapping

from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.errors import CommandFailed
from flocker_lite.interfaces.checks import ICheck
from flocker_lite.testing.check_contract import CheckContract
from flocker_lite.zfs.pool_check import PoolCheck

GIBIBYTE = 1024**3


class Pool:
    """Answers as ZFS does; `health` is None where there is no such pool."""

    def __init__(self, health: str | None = "ONLINE", used: int = 10, free: int = 90) -> None:
        self.health = health
        self.used, self.free = used * GIBIBYTE, free * GIBIBYTE

    async def __call__(
        self,
        argv: tuple[str, ...],
        stdin: bytes = b"",
        timeout_seconds: float = 60.0,
        fds: Mapping[int, int] | None = None,
    ) -> bytes:
        """Run a command."""
        if self.health is None:
            raise CommandFailed(argv, 1, "cannot open 'tank': no such pool")
        if argv[0] == "zpool":
            assert argv[-1] == "tank"
            return f"{self.health}\n".encode()
        assert argv[-1] == "tank/data"
        return f"{self.used}\n{self.free}\n".encode()


class PoolCheckTests(CheckContract, SynchronousTestCase):
    """A pool, of which the agent has a filesystem."""

    def check(self, pool: Pool) -> ICheck:
        """The check of this pool."""
        return PoolCheck("tank/data", pool)

    def healthy(self) -> ICheck:
        return self.check(Pool())

    def ill(self) -> ICheck:
        return self.check(Pool("DEGRADED"))

    def test_well(self) -> None:
        """How full it is, is said anyway."""
        assert self.looked(self.healthy()).fact == "ONLINE, 90.0 GiB of 100.0 GiB free"

    def test_degraded(self) -> None:
        """The remedy is ZFS's own."""
        (finding,) = self.looked(self.ill()).findings
        assert finding.text == "the pool tank is DEGRADED"
        assert "zpool status tank" in finding.remedy

    def test_nearly_full(self) -> None:
        """A hint at first, and severe at last."""
        for free, is_severe in ((9, False), (4, True)):
            (finding,) = self.looked(self.check(Pool(used=100 - free, free=free))).findings
            assert finding.severe is is_severe
            assert "nearly full" in finding.text

    def test_no_pool(self) -> None:
        """A pool that is not imported is a finding, not a failure of the check."""
        (finding,) = self.looked(self.check(Pool(None))).findings
        assert "no such pool" in finding.text
        assert "zpool import tank" in finding.remedy
