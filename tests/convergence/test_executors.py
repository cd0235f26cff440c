"""Each kind of change that can be planned has an executor that takes it."""

from __future__ import annotations

import inspect
from types import ModuleType
from typing import get_type_hints

import pytest

from flocker_lite.convergence.executors import EXECUTORS
from flocker_lite.planner import (
    adoption_changes,
    changes,
    data_adoption_changes,
    failover_changes,
    move_changes,
    release_changes,
    replication_changes,
)
from flocker_lite.planner.changes import IStateChange, Sequence


def kinds(*modules: ModuleType) -> set[type]:
    """The changes that are defined there; a sequence is done part by part."""
    found = {each for module in modules for each in vars(module).values() if inspect.isclass(each)}
    return {each for each in found if IStateChange.implementedBy(each)} - {Sequence}


def test_none_is_forgotten() -> None:
    """A change without an executor could never be done."""
    assert set(EXECUTORS) == kinds(
        *(changes, move_changes, adoption_changes, data_adoption_changes, release_changes),
        *(replication_changes, failover_changes),
    )


@pytest.mark.parametrize("kind", EXECUTORS, ids=lambda kind: kind.__name__)
def test_it_takes_this_kind(kind: type) -> None:
    """The table pairs types with functions that are annotated with them."""
    taken = get_type_hints(EXECUTORS[kind])["change"]
    assert kind in getattr(taken, "__args__", (taken,))
