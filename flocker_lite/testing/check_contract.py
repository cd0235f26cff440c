"""The contract of ICheck, for all checks and the one in memory."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from twisted.internet.defer import Deferred
from zope.interface.verify import verifyObject

from flocker_lite.interfaces.checks import Checked, ICheck

FACT_CHARACTERS_MAX = 200


class CheckContract:
    """Mix into a SynchronousTestCase; `healthy` and `ill` make checks of such machines."""

    successResultOf: Any

    def healthy(self) -> ICheck:
        """A check of a machine where all is well."""
        raise NotImplementedError

    def ill(self) -> ICheck:
        """A check of a machine where something is severely wrong."""
        raise NotImplementedError

    def looked(self, check: ICheck) -> Checked:
        """What it sees, which must be there at once."""
        verifyObject(ICheck, check)

        async def look() -> Checked:
            seeing: Awaitable[Checked] = check.look()
            return await seeing

        found: Checked = self.successResultOf(Deferred.fromCoroutine(look()))
        assert check.name.isidentifier()
        assert 0 < len(found.fact) <= FACT_CHARACTERS_MAX
        for finding in found.findings:
            assert finding.check == check.name
            assert finding.text
            assert finding.remedy
        return found

    def test_all_is_well(self) -> None:
        """It says what it saw, and finds nothing severe."""
        assert not any(each.severe for each in self.looked(self.healthy()).findings)

    def test_something_is_wrong(self) -> None:
        """It says what, and what to do about it."""
        assert any(each.severe for each in self.looked(self.ill()).findings)

    def test_it_looks_each_time(self) -> None:
        """And may be asked again."""
        check = self.ill()
        assert self.looked(check) == self.looked(check)
