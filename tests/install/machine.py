"""A machine for the installing scripts: a directory, and stubs of the programs that they run."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
SCRIPTS = CHECKOUT / "admin/install"
STUB = Path(__file__).with_name("stub.sh")
STUBBED = (
    *("id", "rpm", "dpkg-query", "yum", "dnf", "apt-get", "yum-config-manager", "modprobe"),
    *("systemctl", "firewall-cmd", "getenforce", "setenforce", "zpool", "zfs", "semanage"),
    *("restorecon", "systemd-sysusers", "systemd-tmpfiles", "python3", "install", "flocker-ca"),
    *("uname", "ip", "curl", "runuser", "chgrp", "sshd"),
)
TIMEOUT_SECONDS = 120
NODE, MASTER = "10.0.0.11", "10.0.0.10"
SYSTEMS = {
    "centos 7": 'ID="centos"\nVERSION_ID="7"\n',
    "rocky 8": 'ID="rocky"\nVERSION_ID="8.10"\n',
    "almalinux 9": 'ID="almalinux"\nVERSION_ID="9.4"\n',
    "debian 12": 'ID=debian\nVERSION_ID="12"\n',
}
MASTER_WORDS = ("master.sh", NODE)
NODE_WORDS = ("node.sh", NODE, MASTER, "--certificates", "{given}")
EVERY = ("stage1.sh",), MASTER_WORDS, NODE_WORDS
SSHD_INCLUDES = "Include /etc/ssh/sshd_config.d/*.conf\n"
SSHD = "# of the distribution\nSubsystem sftp internal-sftp\n"


class Machine:
    """A machine of which the scripts see a directory, and stubs of its programs."""

    def __init__(self, directory: Path, system: str, *properties: str) -> None:
        self.root, self.state, self.stubs = (directory / name for name in ("root", "state", "bin"))
        for path in (self.root / "etc", self.root / "usr/bin", self.state, self.stubs):
            path.mkdir(parents=True)
        (self.root / "etc/os-release").write_text(SYSTEMS[system])
        (self.state / "machine").write_text("".join(f"{word}\n" for word in properties))
        share = directory / "share/flocker-lite"
        for kind in ("systemd", "sysconfig", "sysusers"):
            shutil.copytree(CHECKOUT / "packaging" / kind, share / kind)
        shutil.copy(CHECKOUT / "packaging/etc/agent.yml", share)
        self.share = share.parent
        self.given = directory / "given"
        self.put(self.given, "cluster.crt", "node-1.crt", "node-1.key")
        (self.root / "etc/ssh/sshd_config.d").mkdir(parents=True)
        (self.root / "run").mkdir()
        self.file("etc/ssh/sshd_config").write_text(
            SSHD if system in ("centos 7", "rocky 8") else SSHD_INCLUDES + SSHD
        )
        for name in STUBBED:
            shutil.copy(STUB, self.stubs / name)
        self.uid = 0

    def file(self, path: str) -> Path:
        """A file of the machine."""
        return self.root / path

    def put(self, directory: Path, *names: str) -> None:
        """Files of these names, each with something of its own in it."""
        directory.mkdir(parents=True, exist_ok=True)
        for name in names:
            (directory / name).write_text(f"{directory.name}: {name}\n")

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a script; "{given}" is a directory of certificates for a node."""
        return subprocess.run(
            [SCRIPTS / words[0], *(word.format(given=self.given) for word in words[1:])],
            env={
                "PATH": f"{self.stubs}:/usr/bin:/bin",
                "FLOCKER_INSTALL_ROOT": str(self.root),
                "STATE": str(self.state),
                "STUB_SHARE": str(self.share),
                "STUB_UID": str(self.uid),
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
        )

    def make(self, *words: str) -> list[str]:
        """Run a script that has to succeed; what it says that it changed, in words."""
        ended = self.run(*words)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        assert ended.stderr == ""
        return ended.stdout.replace(str(self.root), "").splitlines()

    def refuses(self, *words: str) -> str:
        """Run a script that has to refuse; what it says then, when nothing was changed."""
        before = self.everything()
        ended = self.run(*words)
        assert ended.returncode == 1, ended.stdout
        assert self.everything() == before
        return ended.stderr.replace(str(self.root), "")

    @property
    def did(self) -> list[str]:
        """All that the stubs were told to change so far."""
        path = self.state / "did"
        return path.read_text().replace(str(self.root), "").splitlines() if path.exists() else []

    def everything(self) -> dict[str, bytes]:
        """The content of all files of the machine, other than pools, and of what the stubs keep."""
        return {
            str(path.relative_to(top)): b"" if path.name == "pool-vdev" else path.read_bytes()
            for top in (self.root, self.state)
            for path in top.rglob("*")
            if path.is_file()
        }
