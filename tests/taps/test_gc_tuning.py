"""The garbage collector of a control service."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from flocker_lite.taps.startup import collect_all, tune_gc


class Cyclic:
    """Garbage that only the collector can free."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def collector() -> Iterator[None]:
    """Leave it as it was."""
    thresholds = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)


def known() -> int:
    """How many of them are there."""
    return sum(isinstance(each, Cyclic) for each in gc.get_objects())


def test_what_is_loaded_is_not_looked_at_again() -> None:
    """A collection goes over what came later alone."""
    kept = Cyclic()
    assert known() == 1
    tune_gc()
    assert known() == 0
    assert kept.itself is kept


def test_garbage_is_still_collected() -> None:
    """What comes later is collected as ever."""
    tune_gc()
    Cyclic()
    assert known() == 1
    gc.collect()
    assert known() == 0


def test_what_was_loaded_and_is_gone() -> None:
    """It is collected when that is asked for, although it was not looked at before."""
    Cyclic()
    tune_gc()
    gc.collect()
    collect_all()
    assert known() == 0
