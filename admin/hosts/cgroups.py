"""Removes the control groups that the Docker engines of a lab's nodes made."""

import os
from pathlib import Path

from admin.hosts.errors import LabError
from admin.hosts.processes import wait_until

ROOT = Path("/sys/fs/cgroup")
REMOVE_TIMEOUT_SECONDS = 5.0


def remove_all(tag: str) -> None:
    """Remove all groups of a lab; LabError when killed processes still are in one after a while."""
    if not wait_until(lambda: not remove_once(tag), REMOVE_TIMEOUT_SECONDS):
        raise LabError(f"control groups stay busy: see `find {ROOT} -path '*{tag}*' -name tasks`")


def remove_once(tag: str) -> list[Path]:
    """Remove the groups that are empty; gives back the tops that are still there."""
    tops = tops_of(tag)
    for top in tops:
        for folder, _, _ in os.walk(top, topdown=False):
            try:
                os.rmdir(folder)
            except OSError:
                break
    return [top for top in tops if top.exists()]


def tops_of(tag: str) -> list[Path]:
    """The groups that bear names of nodes: cgroup 2 has one tree, cgroup 1 one per controller."""
    found = {path.resolve() for path in ROOT.glob(f"{tag}-*")}
    found |= {path.resolve() for path in ROOT.glob(f"*/{tag}-*")}
    return sorted(path for path in found if path.is_dir())
