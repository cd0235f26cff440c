"""A lab is up once its agents are at the control service."""

import pytest

from admin.hosts.arrivals import hosts_that_report, require_all
from admin.hosts.errors import LabError
from tests.hosts.test_plan import plan_of


def test_all_are_there() -> None:
    """They are waited for, however late the last one comes; others may be there as well."""
    seen = iter([set(), {"10.77.0.12"}, {"10.77.0.11", "10.77.0.12", "10.77.0.99"}])
    require_all(plan_of(), lambda: next(seen))


def test_one_does_not_come() -> None:
    """The error names it, and says where to look."""
    with pytest.raises(LabError, match=r"no agent connects from n2: see their log/ .*/nodes"):
        require_all(plan_of(), lambda: {"10.77.0.11"}, seconds_max=0)


def test_nobody_answers() -> None:
    """Where nothing listens yet there is nobody; it is no error."""
    assert hosts_that_report(plan_of(subnet="127.77.0.0/24")) == set()
