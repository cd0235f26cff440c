"""A machine to install on: this one's root file system, with all that is written kept apart.

Used in mount and network namespaces of its own, so nothing of it is left when its process ends.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from admin.packaging.errors import PackagingError
from admin.vm.commands import run
from admin.vm.errors import CommandFailed

COMMAND_SECONDS_MAX = 120
RPM_SECONDS_MAX = 300
DATABASE = "/run/rpm"
SYSTEMCTL_LOG = "/run/systemctl"
SYSTEMCTL = f"""#!/bin/sh
echo "$*" >>{SYSTEMCTL_LOG}
"""

WRITTEN_BY_USERADD = {
    f"/etc/{name}{suffix}"
    for name in ("passwd", "shadow", "group", "gshadow", "subuid", "subgid")
    for suffix in ("", "-")
} | {"/etc/.pwd.lock"}


class Machine:
    """A chroot at `folder`/root; `folder` must be on no file system that is a part of it."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "root"
        self._written = folder / "written"

    def set_up(self) -> None:
        """Mount it, with a systemctl that only notes what it is told."""
        folder = self.root.parent
        _run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", str(folder))
        work = folder / "work"
        for path in (self.root, self._written, work):
            path.mkdir()
        layers = f"lowerdir=/,upperdir={self._written},workdir={work}"
        _run("mount", "-t", "overlay", "-o", layers, "overlay", str(self.root))
        _run("mount", "-t", "proc", "proc", str(self.root / "proc"))
        for name in ("dev", "sys"):
            _run("mount", "--rbind", f"/{name}", str(self.root / name))
        _run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", str(self.root / "run"))
        _run("mount", "-t", "tmpfs", "-o", "mode=1777", "tmpfs", str(self.root / "tmp"))
        (self.root / "usr/bin/systemctl").unlink(missing_ok=True)
        self.write("/usr/bin/systemctl", SYSTEMCTL, 0o755)
        self._at_first = self.written()

    def path(self, inside: str) -> Path:
        """A path of the machine, seen from outside."""
        return self.root / inside.lstrip("/")

    def write(self, inside: str, text: str, mode: int = 0o644) -> None:
        """Write a file of the machine, and make its folder."""
        path = self.path(inside)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)

    def read(self, inside: str) -> str:
        """The text of a file of the machine; "" when there is none."""
        path = self.path(inside)
        return path.read_text() if path.exists() else ""

    def rpm(self, *arguments: str) -> str:
        """What rpm says when it is run on the machine's own database."""
        argv = ("rpm", "--root", str(self.root), "--dbpath", DATABASE, *arguments)
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": "/nonexistent"}
        said = run(argv, timeout_seconds=RPM_SECONDS_MAX, environment=environment)
        return said.decode()

    def run(self, *argv: str, before: Sequence[str] = ()) -> str:
        """What a command says that runs on the machine, behind the words `before` if any."""
        return run(
            ("chroot", str(self.root), *before, *argv), timeout_seconds=COMMAND_SECONDS_MAX
        ).decode()

    def systemctl_calls(self) -> list[str]:
        """What systemctl was told since this was last asked."""
        calls = self.read(SYSTEMCTL_LOG).splitlines()
        self.path(SYSTEMCTL_LOG).unlink(missing_ok=True)
        return calls

    def written(self) -> set[str]:
        """Every path, other than a folder, that was written below the machine's root."""
        return {
            "/" + str(path.relative_to(self._written))
            for path in self._written.rglob("*")
            if path.is_symlink() or not path.is_dir()
        }

    def appeared(self) -> set[str]:
        """Every path that was written since it was set up, but for the accounts of users."""
        return self.written() - self._at_first - WRITTEN_BY_USERADD


def expect(holds: bool, otherwise: str) -> None:
    """Raises PackagingError when something does not hold."""
    if not holds:
        raise PackagingError(otherwise)


def refused(machine: Machine, *arguments: str) -> str:
    """What rpm says when it does not do something; it is an error that it does."""
    try:
        machine.rpm(*arguments)
    except CommandFailed as error:
        return error.output_tail
    raise PackagingError(f"rpm {' '.join(arguments)} was not refused")


def _run(*argv: str) -> None:
    run(argv, timeout_seconds=COMMAND_SECONDS_MAX)
