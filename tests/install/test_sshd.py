"""How node.sh has sshd let in the agents of other nodes, and what it leaves alone."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.install.machine import MASTER, NODE_WORDS, SSHD, TIMEOUT_SECONDS, Machine

KEYS = "/var/lib/flocker-lite/ssh/authorized_keys"
CONFIG = "etc/ssh/sshd_config"
DROP_IN = "etc/ssh/sshd_config.d/flocker-lite.conf"
SSHD_PROGRAM = "/usr/sbin/sshd"


def test_where_there_is_a_directory(tmp_path: Path) -> None:
    """It gets a file of its own, and sshd is told when that is good."""
    machine = Machine(tmp_path, "almalinux 9")
    before = machine.file(CONFIG).read_text()
    machine.make(*NODE_WORDS)
    assert machine.file(CONFIG).read_text() == before
    assert machine.file(DROP_IN).read_text() == (
        f"Match User root\n    AuthorizedKeysFile .ssh/authorized_keys {KEYS}\n"
    )
    assert "systemctl reload sshd" in machine.did


def test_where_there_is_none(tmp_path: Path) -> None:
    """A block at the end of the one file, which keeps its lines and its mode; one, not two."""
    machine = Machine(tmp_path, "centos 7")
    machine.file(CONFIG).write_text(SSHD.rstrip("\n"))
    machine.file(CONFIG).chmod(0o600)
    machine.make(*NODE_WORDS)
    text = machine.file(CONFIG).read_text()
    assert text == (
        f"{SSHD}# flocker-lite: begin\nMatch User root\n"
        f"    AuthorizedKeysFile .ssh/authorized_keys {KEYS}\n# flocker-lite: end\n"
    )
    assert machine.file(CONFIG).stat().st_mode & 0o777 == 0o600
    machine.file(CONFIG).write_text(text.replace(KEYS, "/old"))
    machine.make(*NODE_WORDS)
    assert machine.file(CONFIG).read_text().count("begin") == 1
    assert KEYS in machine.file(CONFIG).read_text()


def test_said_by_hand(tmp_path: Path) -> None:
    """Where sshd looks at the file already nothing is written."""
    machine = Machine(tmp_path, "centos 7")
    mine = f"AuthorizedKeysFile /etc/keys/%u {KEYS}\n"
    machine.file(CONFIG).write_text(mine)
    machine.make(*NODE_WORDS)
    assert machine.file(CONFIG).read_text() == mine
    assert "systemctl reload sshd" not in machine.did


@pytest.mark.parametrize("system", ["centos 7", "almalinux 9"])
def test_in_vain(tmp_path: Path, system: str) -> None:
    """What sshd does not take is taken back, and sshd is not told."""
    machine = Machine(tmp_path, system, "deaf-sshd")
    before = machine.file(CONFIG).read_text()
    ended = machine.run(*NODE_WORDS)
    assert ended.returncode == 1
    assert "add it to the AuthorizedKeysFile that holds for root" in ended.stderr
    assert machine.file(CONFIG).read_text() == before
    assert not list(machine.file("etc/ssh").rglob("*flocker*"))
    assert not list(machine.file("etc/ssh").glob("*.before"))
    assert "systemctl reload sshd" not in machine.did


def test_broken_before(tmp_path: Path) -> None:
    """A configuration that sshd would not start with is left to its owner."""
    machine = Machine(tmp_path, "centos 7")
    machine.file(CONFIG).write_text("broken\n")
    ended = machine.run(*NODE_WORDS)
    assert ended.returncode == 1
    assert "line 1: broken" in ended.stderr
    assert "sshd does not take its own configuration" in ended.stderr
    assert machine.file(CONFIG).read_text() == "broken\n"


def test_no_login_for_root(tmp_path: Path) -> None:
    """That is nobody's to change but the administrator's; all else is done, and it is said."""
    machine = Machine(tmp_path, "centos 7")
    machine.file(CONFIG).write_text("PermitRootLogin no\n")
    ended = machine.run(*NODE_WORDS)
    assert ended.returncode == 1
    assert "node.sh: but nothing can be moved to this node: PermitRootLogin" in ended.stderr
    assert '"forced-commands-only"' in ended.stderr
    assert machine.file(CONFIG).read_text().startswith("PermitRootLogin no\n# flocker-lite")
    assert machine.did[-1] == "systemctl start flocker-agent"


class Sshd:
    """A machine whose sshd is the real one."""

    def __init__(self, directory: Path, system: str, text: str) -> None:
        self.machine = Machine(directory, system)
        program = self.machine.stubs / "sshd"
        program.unlink()
        program.symlink_to(SSHD_PROGRAM)
        key = directory / "host_key"
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key],
            check=True,
            timeout=TIMEOUT_SECONDS,
        )
        root = self.machine.root
        self.machine.file(CONFIG).write_text(f"HostKey {key}\n{text.format(root=root)}")

    def settings(self, user: str) -> list[str]:
        """All that sshd would do with a user."""
        argv = [SSHD_PROGRAM, "-T", "-f", str(self.machine.file(CONFIG))]
        argv += ["-C", f"user={user},host={MASTER},addr={MASTER}"]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=TIMEOUT_SECONDS)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()


needs_sshd = pytest.mark.skipif(
    not Path(SSHD_PROGRAM).exists()
    or not Path("/run/sshd").exists()
    or not shutil.which("ssh-keygen"),
    reason="there is no sshd here",
)


@needs_sshd
@pytest.mark.parametrize(
    ("system", "text"),
    [
        (
            "debian 12",
            "Include {root}/etc/ssh/sshd_config.d/*.conf\nUsePAM yes\nX11Forwarding yes\n",
        ),
        ("rocky 8", "UsePAM yes\nX11Forwarding yes\nMatch User git\n    X11Forwarding no\n"),
    ],
)
def test_the_real_sshd(tmp_path: Path, system: str, text: str) -> None:
    """It looks at one more file for root, and all else is for everybody as it was."""
    sshd = Sshd(tmp_path, system, text)
    before = {user: sshd.settings(user) for user in ("root", "git", "alice")}
    sshd.machine.make(*NODE_WORDS)
    for user in ("git", "alice"):
        assert sshd.settings(user) == before[user]
    [changed] = set(sshd.settings("root")) - set(before["root"])
    [instead] = set(before["root"]) - set(sshd.settings("root"))
    assert changed == f"{instead} {KEYS}"
    assert sshd.machine.make(*NODE_WORDS) == ["node.sh: nothing to change"]


@needs_sshd
def test_a_real_block_before(tmp_path: Path) -> None:
    """Of several blocks for root the first one holds: what would be in vain is taken back."""
    block = "Match User root\n    AuthorizedKeysFile /etc/keys/root\n"
    sshd = Sshd(tmp_path, "centos 7", block)
    before = sshd.machine.file(CONFIG).read_text()
    ended = sshd.machine.run(*NODE_WORDS)
    assert ended.returncode == 1
    assert f"sshd does not look at {KEYS} for root" in ended.stderr
    assert sshd.machine.file(CONFIG).read_text() == before
