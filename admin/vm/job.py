"""Pack the checkout and the command of a run into an archive, which the guest unpacks."""

import os
import shlex
import tarfile
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

from admin.vm.commands import run

LIST_SECONDS_MAX = 60
GUEST_SCRIPT = Path(__file__).with_name("guest.sh")
CHECKOUT = "checkout"
COMMAND = "job/command"
ENTRY = "job/init"


def checkout_files(checkout: Path) -> tuple[str, ...]:
    """
    The files that the checkout has now, committed or not; git's ignored ones are left out.

    :raises CommandFailed: when the directory is not a git checkout.
    """
    argv = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate")
    listed = run(argv, timeout_seconds=LIST_SECONDS_MAX, working_directory=checkout)
    names = (os.fsdecode(name) for name in listed.split(b"\0") if name)
    return tuple(name for name in names if os.path.lexists(checkout / name))


def command_script(argv: Sequence[str], environment: Sequence[tuple[str, str]] = ()) -> str:
    """A shell script that becomes the command; its arguments may have any characters."""
    exports = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in environment)
    return f"{exports}exec {shlex.join(argv)}\n"


def write_job(
    archive: Path,
    checkout: Path,
    files: Sequence[str],
    command: str,
) -> None:
    """Write the archive: the checkout's files, the command's script and the guest's own."""
    with tarfile.open(archive, "w", format=tarfile.GNU_FORMAT) as tar:
        for name in files:
            # git lists a directory only if it is another repository, and does not look into that.
            if not (checkout / name).is_dir() or (checkout / name).is_symlink():
                tar.add(checkout / name, f"{CHECKOUT}/{name}", recursive=False, filter=_root_owns)
        _add_script(tar, COMMAND, command.encode())
        _add_script(tar, ENTRY, GUEST_SCRIPT.read_bytes())


def _root_owns(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    return member


def _add_script(tar: tarfile.TarFile, name: str, text: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(text)
    member.mode = 0o755
    tar.addfile(member, BytesIO(text))
