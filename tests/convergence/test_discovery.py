"""What is asked of discovery while it looks, and how often the loop plans then."""

from __future__ import annotations

from flocker_lite.convergence.discovery import Request
from flocker_lite.convergence.loop import _OneAtATime
from flocker_lite.planner.resources import ROUTES, ContainerResource, DatasetResource

SHOP, DATA, OTHER = ContainerResource("shop"), DatasetResource("d1"), DatasetResource("d2")


def test_what_a_container_has_in_use() -> None:
    """Datasets that were asked for together with one stay out of date until it was seen, too."""
    together = Request.of(frozenset({SHOP, DATA}))
    assert together.tied == {DATA}
    assert Request.of(frozenset({OTHER, ROUTES})).tied == frozenset()
    both = together | Request.of(frozenset({OTHER}))
    assert both.resources == {SHOP, DATA, OTHER}
    assert both.tied == {DATA}


def test_what_is_asked_for_meanwhile() -> None:
    """Nothing of it is forgotten, and everything is more than some of it."""
    assert not Request()
    assert not Request.of(frozenset())
    asked = Request.of(frozenset({DATA})) | Request(is_of_all=True) | Request()
    assert asked.is_of_all
    assert asked.resources == {DATA}


def test_planning_is_not_nested() -> None:
    """What begins calls for another plan at once, perhaps often: that is made once, afterwards."""
    depth, depths = 0, []

    def work() -> None:
        nonlocal depth
        depth += 1
        depths.append(depth)
        if len(depths) < 3:
            step()
            step()
        depth -= 1

    step = _OneAtATime(work)
    step()
    assert depths == [1, 1, 1]
    step()
    assert depths == [1, 1, 1, 1]


def test_planning_that_failed() -> None:
    """A bug in it does not keep it from being asked for again."""
    tries = []

    def work() -> None:
        tries.append(1)
        if len(tries) == 1:
            raise ValueError("a bug")

    step = _OneAtATime(work)
    try:
        step()
    except ValueError:
        step()
    assert len(tries) == 2
