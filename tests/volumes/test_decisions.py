"""The next step to a mounted volume."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pyrsistent import pmap

from flocker_lite.model.lease import Lease, Role
from flocker_lite.model.records import Dataset, Grant
from flocker_lite.model.state import DesiredDataset, LocalDataset
from flocker_lite.model.volumes import VolumeStatus
from flocker_lite.volumes.decisions import Facts, Step, next_step

ME, OTHER = "me", "other"
COPY = LocalDataset("d", Lease(Role.PRIMARY, 3), mounted=True, path="/flocker/d")
REPLICA = replace(COPY, lease=Lease(Role.REPLICA, 3), mounted=False)
UNMOUNTED = replace(COPY, mounted=False)


def desired(primary: str, owner: str = ME, epoch: int = 3, deleted: bool = False) -> DesiredDataset:
    """What the node was told of the dataset."""
    return DesiredDataset(
        Dataset("d", primary, pmap(), deleted=deleted), Grant(owner, epoch, materialised=True)
    )


def status(primary: str, owner: str = ME, epoch: int = 3) -> VolumeStatus:
    """What the control service answered to this mount."""
    return VolumeStatus("d", "db", primary, owner, epoch, "10.0.0.1")


CASES = {
    "a primary that is configured here": (Facts(ME, COPY, desired(ME), True), Step.MOUNT),
    "mounted since this boot, and nothing was told yet": (Facts(ME, COPY, None), Step.MOUNT),
    "no fence would end it in time": (
        Facts(ME, COPY, desired(ME), True, barred="no renewal"),
        Step.WAIT,
    ),
    "after a boot, nothing told": (Facts(ME, UNMOUNTED, None), Step.ASK),
    "after a boot, granted": (Facts(ME, UNMOUNTED, None, status=status(ME)), Step.MOUNT),
    "after a boot, another was promoted": (
        Facts(ME, UNMOUNTED, None, status=status(OTHER, OTHER, 5)),
        Step.ASK,
    ),
    "another was granted a later epoch": (
        Facts(ME, COPY, desired(ME, OTHER, 5), True),
        Step.ASK,
    ),
    "wanted elsewhere": (Facts(ME, COPY, desired(OTHER), True), Step.ASK),
    "wanted elsewhere, called back": (
        Facts(ME, COPY, desired(OTHER), True, status(ME)),
        Step.WAIT,
    ),
    "wanted elsewhere, and a container comes back": (
        Facts(ME, COPY, desired(OTHER), True, is_returning=True),
        Step.MOUNT,
    ),
    "being handed over": (Facts(ME, COPY, desired(ME), True, is_leaving=True), Step.WAIT),
    "unknown to the control service": (Facts(ME, COPY, None, True), Step.ASK),
    "no copy": (Facts(ME, None, None, True), Step.ASK),
    "no copy, on its way": (Facts(ME, None, None, True, status(ME, OTHER)), Step.WAIT),
    "a replica": (Facts(ME, REPLICA, desired(OTHER, OTHER), True), Step.ASK),
    "deleted": (Facts(ME, COPY, desired(ME, deleted=True), True), Step.REFUSE),
    "spoiled": (Facts(ME, replace(COPY, trouble="unreadable"), None), Step.REFUSE),
    "used by a container of ours": (
        Facts(ME, COPY, desired(ME), True, container="web"),
        Step.REFUSE,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_steps(case: str) -> None:
    """Only a node that nobody else can have replaced mounts by itself."""
    facts, step = CASES[case]
    found, why = next_step(facts)
    assert found is step
    assert bool(why) == (step is Step.REFUSE or facts.barred is not None)
