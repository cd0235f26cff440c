"""A job holds the checkout as it is now, and a command that the shell can not misread."""

import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from admin.vm.job import checkout_files, command_script, write_job

GIT_SECONDS_MAX = 60
VALUE = "it's $HOME"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with a file of each kind: added, new, ignored, added and deleted, a link."""
    path = tmp_path / "checkout"
    (path / "package").mkdir(parents=True)
    for name in ("package/added.py", "deleted", "ignored", "new file"):
        (path / name).write_text(name)
    (path / ".gitignore").write_text("ignored\n")
    (path / "link").symlink_to("package")
    for argv in (["init", "-q"], ["add", "package", "deleted"]):
        subprocess.run(["git", *argv], cwd=path, check=True, timeout=GIT_SECONDS_MAX)
    (path / "deleted").unlink()
    return path


def test_files_are_those_that_git_would_see(checkout: Path) -> None:
    """Files that are not committed yet belong to it; ignored and deleted ones do not."""
    expected = {".gitignore", "link", "new file", "package/added.py"}
    assert set(checkout_files(checkout)) == expected


def test_archive_belongs_to_root(checkout: Path, tmp_path: Path) -> None:
    """The guest unpacks files of root, links as links, and the two scripts."""
    archive = tmp_path / "job.tar"
    write_job(archive, checkout, checkout_files(checkout), "exec true\n")
    with tarfile.open(archive) as tar:
        members = {member.name: member for member in tar}
        command = tar.extractfile("job/command")
        assert command is not None
        assert command.read() == b"exec true\n"
    assert {member.uid for member in members.values()} == {0}
    assert members["checkout/link"].issym()
    assert members["job/init"].mode == 0o755
    assert os.path.getsize(archive) % 512 == 0


def test_arguments_arrive_unchanged() -> None:
    """Whatever is in an argument or a variable, the command gets just that."""
    words = ["", "a b", "$HOME", "'", "line\nbreak", "*"]
    python = "import os, sys; print(sys.argv[1:] + [os.environ['V']])"
    script = command_script(["python3", "-c", python, *words], [("V", VALUE)])
    done = subprocess.run(["sh", "-c", script], capture_output=True, timeout=60, text=True)
    assert done.stdout == f"{[*words, VALUE]}\n"
