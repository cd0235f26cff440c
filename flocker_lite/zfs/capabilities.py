"""Finds out, by trying, what this machine's ZFS and its pool are able to do."""

from __future__ import annotations

from dataclasses import dataclass

from flocker_lite.errors import CommandFailed
from flocker_lite.processes import Run
from flocker_lite.zfs import commands, errors

PROBE_TIMEOUT_SECONDS = 60.0

_FEATURE_WORKS = ("enabled", "active")


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What ZFS is able to do.

    `estimates`: it can tell the size of a stream in advance. `resumes`: it can continue an
    interrupted stream. `several_at_once`: one `zfs set` changes several properties, all or none.
    `one_instant`: one `zfs snapshot` takes snapshots of several filesystems.
    """

    estimates: bool
    resumes: bool
    several_at_once: bool
    one_instant: bool


async def find_out(run: Run, root: str) -> Capabilities:
    """Try commands that change nothing at `root`, which `commands.make_root` made."""
    return Capabilities(
        estimates=await _understands(run, commands.estimate(root, None, "not-there")),
        resumes=await _resumes(run, root),
        several_at_once=await _does(run, commands.set_properties(root, commands.ROOT_PROPERTIES)),
        one_instant=await _understands(
            run, commands.snapshots({f"{root}/not-there": "a", f"{root}/not-there-either": "b"})
        ),
    )


async def _resumes(run: Run, root: str) -> bool:
    """The tools may know resume tokens while an old pool does not, so ask both."""
    if not await _does(run, commands.resume_token(root)):
        return False
    try:
        feature = commands.resume_feature(root.partition("/")[0])
        state = await run(feature, timeout_seconds=PROBE_TIMEOUT_SECONDS)
    except CommandFailed:
        return False
    return state.decode().strip() in _FEATURE_WORKS


async def _does(run: Run, argv: tuple[str, ...]) -> bool:
    try:
        await run(argv, timeout_seconds=PROBE_TIMEOUT_SECONDS)
    except CommandFailed:
        return False
    return True


async def _understands(run: Run, argv: tuple[str, ...]) -> bool:
    try:
        await run(argv, timeout_seconds=PROBE_TIMEOUT_SECONDS)
    except CommandFailed as error:
        return not any(words in error.stderr_tail for words in errors.UNKNOWN_OPTION)
    return True
