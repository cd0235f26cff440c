"""Detects what this machine's ZFS and its pool can do, by trying."""

from __future__ import annotations

from dataclasses import dataclass

from flocker_lite.errors import CommandFailed
from flocker_lite.processes import Run
from flocker_lite.zfs import commands, errors

PROBE_TIMEOUT_SECONDS = 60.0

_FEATURE_WORKS = ("enabled", "active")


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What ZFS can do.

    `estimates`: it tells the size of a stream in advance. `resumes`: it continues an interrupted
    stream. `sets_several`: one `zfs set` changes several properties, all or none.
    `snapshots_several`: one `zfs snapshot` takes snapshots of several filesystems.
    """

    estimates: bool
    resumes: bool
    sets_several: bool
    snapshots_several: bool


async def detect(run: Run, root: str) -> Capabilities:
    """Try commands that change nothing; `commands.make_root` has made the `root`."""
    return Capabilities(
        estimates=await _understands(run, commands.estimate(root, None, "not-there")),
        resumes=await _resumes(run, root),
        sets_several=await _succeeds(run, commands.set_properties(root, commands.ROOT_PROPERTIES)),
        snapshots_several=await _understands(
            run, commands.snapshots({f"{root}/not-there": "a", f"{root}/not-there-either": "b"})
        ),
    )


async def _resumes(run: Run, root: str) -> bool:
    """The tools may know resume tokens while an old pool does not, so ask both."""
    if not await _succeeds(run, commands.resume_token(root)):
        return False
    try:
        feature = commands.resume_feature(root.partition("/")[0])
        state = await run(feature, timeout_seconds=PROBE_TIMEOUT_SECONDS)
    except CommandFailed:
        return False
    return state.decode().strip() in _FEATURE_WORKS


async def _succeeds(run: Run, argv: tuple[str, ...]) -> bool:
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
