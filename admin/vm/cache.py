"""Keeps images between runs, each under a name that says what it is made of."""

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from admin.vm.errors import LockTimedOut

ENVIRONMENT_VARIABLE = "FLOCKER_LITE_CACHE"
KEPT_PER_KIND_MAX = 2
"""Two, so that nobody who goes back and forth between two branches builds again."""

LOCK_WAIT_SECONDS_MAX = 3600
LOCK_POLL_SECONDS = 0.5


def cache_directory(checkout: Path, environment: Mapping[str, str], name: str = "openzfs") -> Path:
    """The directory of the images of a checkout, or of other things that are kept for it."""
    override = environment.get(ENVIRONMENT_VARIABLE)
    base = checkout / ".cache" if not override else Path(override).absolute()
    return base / name


def key(recipe: object) -> str:
    """A short name for a recipe (anything that JSON can say): equal recipes, equal names."""
    text = json.dumps(recipe, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Cache:
    """Built things in one directory, each a directory `KIND-KEY`."""

    directory: Path

    def obtain(self, kind: str, recipe: object, build: Callable[[Path], None]) -> Path:
        """
        The directory of what a recipe makes; `build` fills a new one if it is not there yet.

        Only one process builds at a time. A directory gets its name when it is complete, so a
        killed build leaves nothing that anybody uses, and the next build removes what it left.

        :raises LockTimedOut: when another process builds for too long.
        """
        wanted = self.directory / f"{kind}-{key(recipe)}"
        if not wanted.exists():
            with locked(self.directory / "lock"):
                if not wanted.exists():
                    self._build(wanted, build)
                    self._forget_old(kind, wanted)
        os.utime(wanted)
        return wanted

    @contextlib.contextmanager
    def run_directory(self) -> Iterator[Path]:
        """A directory for one run, which removes it at its end; after a crash a later run does."""
        runs = self.directory / "runs"
        runs.mkdir(parents=True, exist_ok=True)
        with locked(self.directory / "runs.lock"):
            _remove_abandoned(runs)
            path = Path(tempfile.mkdtemp(dir=runs))
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)
            os.close(descriptor)

    def _build(self, wanted: Path, build: Callable[[Path], None]) -> None:
        for left_over in self.directory.glob("building-*"):
            shutil.rmtree(left_over)
        unfinished = Path(tempfile.mkdtemp(prefix="building-", dir=self.directory))
        try:
            build(unfinished)
            unfinished.rename(wanted)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)

    def _forget_old(self, kind: str, newest: Path) -> None:
        others = [path for path in self.directory.glob(f"{kind}-*") if path != newest]
        others.sort(key=lambda path: path.stat().st_mtime, reverse=True)
        for path in others[KEPT_PER_KIND_MAX - 1 :]:
            # A machine that runs from it keeps its open files.
            shutil.rmtree(path)


def _remove_abandoned(runs: Path) -> None:
    for path in runs.iterdir():
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        else:
            shutil.rmtree(path, ignore_errors=True)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """
    Hold a lock among processes; the kernel releases it when its holder dies.

    :raises LockTimedOut: when another process holds it for too long.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + LOCK_WAIT_SECONDS_MAX
    with path.open("a") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise LockTimedOut(
                        f"another process has held {path} for {LOCK_WAIT_SECONDS_MAX} seconds: "
                        "end it, or wait and try again"
                    ) from None
                time.sleep(LOCK_POLL_SECONDS)
        yield
