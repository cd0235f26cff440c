"""Install the Debian packages that we need of the host, and ask its apt for Debian mirrors."""

import os
import re
import shutil
from collections.abc import Sequence
from typing import NamedTuple

from admin.vm.commands import run
from admin.vm.errors import CommandFailed, HostUnfit

PACKAGES = (
    "debian-archive-keyring",
    "debootstrap",
    "e2fsprogs",
    "git",
    "qemu-system-x86",
    "util-linux",
)
SUITE = "bookworm"
SUITES = (SUITE, f"{SUITE}-updates", f"{SUITE}-security")

QUERY_SECONDS_MAX = 60
INSTALL_SECONDS_MAX = 900


class Mirror(NamedTuple):
    """A suite of Debian, and the address that apt fetches it from."""

    uri: str
    suite: str


def missing_packages(status: str, wanted: Sequence[str] = PACKAGES) -> tuple[str, ...]:
    """The wanted packages that are missing; `status` has lines of `package<TAB>abbreviation`."""
    lines = (line.partition("\t") for line in status.splitlines())
    installed = {name for name, _, state in lines if state.startswith("ii")}
    return tuple(name for name in wanted if name not in installed)


def mirrors(targets: str) -> tuple[Mirror, ...]:
    """
    Debian's suites, the main one first; `targets` has lines of `URI suite`.

    :raises HostUnfit: when apt does not know the suite that the guest runs.
    """
    found = {Mirror(*line.split()) for line in targets.splitlines() if len(line.split()) == 2}
    ordered = sorted((m for m in found if m.suite in SUITES), key=lambda m: (m.suite, m.uri))
    if not ordered or ordered[0].suite != SUITE:
        raise HostUnfit(
            f"apt knows no mirror of Debian {SUITE}: add one to /etc/apt/sources.list.d "
            "and run apt-get update"
        )
    return tuple(ordered)


def sources_list(known: Sequence[Mirror]) -> str:
    """The guest's sources.list. OpenZFS is in contrib, which the host itself may leave out."""
    return "".join(f"deb {m.uri} {m.suite} main contrib\n" for m in known)


def acquire_settings(configuration: str) -> str:
    """The lines of apt's dumped configuration that say how it reaches mirrors: proxies, say."""
    setting = re.compile(r'Acquire::\S+ ".+";')
    return "".join(f"{line}\n" for line in configuration.splitlines() if setting.fullmatch(line))


def known_mirrors() -> tuple[Mirror, ...]:
    """The Debian mirrors in the configuration of this machine's apt."""
    line = "$(REPO_URI) $(RELEASE)"
    argv = ("apt-get", "indextargets", "--format", line, "Created-By: Packages")
    return mirrors(run(argv, timeout_seconds=QUERY_SECONDS_MAX).decode())


def known_acquire_settings() -> str:
    """How this machine reaches its mirrors, as configuration of apt."""
    dump = run(("apt-config", "dump"), timeout_seconds=QUERY_SECONDS_MAX)
    return acquire_settings(dump.decode())


def prepare(wanted: Sequence[str] = PACKAGES) -> None:
    """
    Install what is missing on the host.

    :raises HostUnfit: when this is no Debian machine, or the user is not root.
    """
    if shutil.which("dpkg-query") is None or os.geteuid() != 0:
        raise HostUnfit("this needs root on a Debian machine: use sudo, or Debian")
    missing = missing_packages(_package_status(), wanted)
    if not missing:
        return
    install = ("apt-get", "install", "--yes", "--no-install-recommends", *missing)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        run(install, timeout_seconds=INSTALL_SECONDS_MAX, environment=environment)
    except CommandFailed:
        # apt's index may be out of date: update it, and try once more.
        run(("apt-get", "update"), timeout_seconds=INSTALL_SECONDS_MAX)
        run(install, timeout_seconds=INSTALL_SECONDS_MAX, environment=environment)


def _package_status() -> str:
    form = r"-f=${Package}\t${db:Status-Abbrev}\n"
    return run(("dpkg-query", "-W", form), timeout_seconds=QUERY_SECONDS_MAX).decode()
