"""All checks of a machine are made, whatever one of them does."""

from __future__ import annotations

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from flocker_lite.doctor import CHECK_SECONDS_MAX, Doctor
from flocker_lite.errors import FlockerError
from flocker_lite.interfaces.checks import Checked, ICheck
from flocker_lite.model.diagnosis import Diagnosis, Finding
from flocker_lite.testing.check_contract import CheckContract
from flocker_lite.testing.memory_check import MemoryCheck


class MemoryCheckTests(CheckContract, SynchronousTestCase):
    """ICheck in memory."""

    def healthy(self) -> ICheck:
        return MemoryCheck()

    def ill(self) -> ICheck:
        return MemoryCheck(ill=True)


@implementer(ICheck)
class Hanging:
    """A check that ends when a test says so."""

    name = "docker"

    def __init__(self) -> None:
        self.looks = 0
        self.seen: Deferred[Checked] = Deferred()

    async def look(self) -> Checked:
        self.looks += 1
        return await self.seen


class DoctorTests(SynchronousTestCase):
    """A machine with some checks."""

    def setUp(self) -> None:
        self.clock = Clock()

    def examine(self, *checks: ICheck) -> Deferred[Diagnosis]:
        """Begin to examine."""
        self.doctor = Doctor(checks, self.clock, lambda: 42.0)
        return Deferred.fromCoroutine(self.doctor.examine())

    def test_all_is_well(self) -> None:
        """Each check says what it saw, and what its clock shows is told."""
        found = self.successResultOf(self.examine(MemoryCheck("pool"), MemoryCheck("docker")))
        assert dict(found.facts) == {"pool": "fine", "docker": "fine"}
        assert (found.findings, found.clock) == ((), 42.0)

    def test_a_finding(self) -> None:
        """What is wrong is told with its remedy."""
        found = self.successResultOf(self.examine(MemoryCheck("pool", ill=True)))
        assert found.findings == (Finding("pool", "it is ill", "nurse it"),)

    def test_a_check_fails(self) -> None:
        """That is a finding; the others are made."""
        broken = MemoryCheck("pool", error=FlockerError("no answer"))
        found = self.successResultOf(self.examine(broken, MemoryCheck("docker")))
        assert [(each.check, each.text) for each in found.findings] == [
            ("pool", "this check failed: no answer")
        ]
        assert found.facts["docker"] == "fine"

    def test_a_mistake(self) -> None:
        """Is logged, and a finding too."""

        @implementer(ICheck)
        class Wrong:
            name = "wrong"

            async def look(self) -> Checked:
                raise ZeroDivisionError

        (finding,) = self.successResultOf(self.examine(Wrong())).findings
        assert "mistake" in finding.text
        assert len(self.flushLoggedErrors(ZeroDivisionError)) == 1

    def test_a_check_hangs(self) -> None:
        """After a while that is a finding; it is not begun again before it has ended."""
        hanging = Hanging()
        examining = self.examine(hanging, MemoryCheck("pool"))
        self.assertNoResult(examining)
        self.clock.advance(CHECK_SECONDS_MAX)
        (finding,) = self.successResultOf(examining).findings
        assert finding.text == "this check did not end within 8 s"
        again = Deferred.fromCoroutine(self.doctor.examine())
        assert hanging.looks == 1
        hanging.seen.callback(Checked("24"))
        assert self.successResultOf(again).facts["docker"] == "24"
        hanging.seen = succeed(Checked("25"))
        assert self.successResultOf(Deferred.fromCoroutine(self.doctor.examine())).findings == ()
        assert hanging.looks == 2
