"""Checks that sshd lets the agents of other nodes in: its key file, and that it listens."""

from __future__ import annotations

import re
from pathlib import Path

from zope.interface import implementer

from flocker_lite.errors import CommandFailed
from flocker_lite.interfaces import IListeners
from flocker_lite.interfaces.checks import Checked, ICheck
from flocker_lite.interfaces.threads import RunInThread
from flocker_lite.model.diagnosis import Finding
from flocker_lite.processes import Run

NAME = "sshd"
TIMEOUT_SECONDS = 7.0
HOME_OF_ROOT = "/root"
DROP_IN = "/etc/ssh/sshd_config.d/flocker-lite.conf"
_CONFIGURATION = re.compile(r"(?:^|[\s\0])-f[\s\0]*([^\s\0]+)")


@implementer(ICheck)
class SshdCheck:
    """Asks the sshd that listens at `port`; `address` is this node's own.

    `keys_file` is where the agent writes the keys of other nodes; None if an administrator manages
    them. `root` is where the file system is: "/", except in tests.
    """

    name = NAME

    def __init__(
        self,
        keys_file: Path | None,
        address: str,
        port: int,
        listeners: IListeners,
        run: Run,
        run_in_thread: RunInThread,
        root: Path = Path("/"),
    ) -> None:
        self._keys_file = keys_file
        self._address = address
        self._port = port
        self._listeners = listeners
        self._run = run
        self._run_in_thread = run_in_thread
        self._root = root

    async def look(self) -> Checked:
        listener = (await self._listeners.discover()).get(str(self._port))
        if listener is None:
            text = f"nothing listens at port {self._port}: no other node can send data here"
            remedy = "start the ssh server (systemctl start sshd), or set `ssh: port:` in agent.yml"
            return Checked("does not listen", (Finding(NAME, text, remedy),))
        fact = f"listens at port {self._port}"
        if self._keys_file is None:
            return Checked(f"{fact}; an administrator manages the keys")
        command_line = ""
        if listener.pid is not None:
            command_line = await self._run_in_thread(self._command_line, listener.pid)
        try:
            said = await self._run(
                question(configuration_of(command_line), self._address),
                timeout_seconds=TIMEOUT_SECONDS,
            )
        except CommandFailed as error:
            text = f"sshd does not take its own configuration: {error}"
            finding = Finding(NAME, text, "run `sshd -t` there, and mend what it names")
            return Checked(fact, (finding,))
        return Checked(fact, tuple(findings(said.decode(errors="replace"), str(self._keys_file))))

    def _command_line(self, pid: int) -> str:
        try:
            return (self._root / f"proc/{pid}/cmdline").read_text(errors="replace")
        except OSError:
            return ""


def configuration_of(command_line: str) -> str | None:
    """The configuration file that a running sshd was given; None for its usual one."""
    found = _CONFIGURATION.search(command_line)
    return found[1] if found is not None else None


def question(configuration: str | None, address: str) -> tuple[str, ...]:
    """Asks sshd which settings hold for root, who comes from an address like ours."""
    file = () if configuration is None else ("-f", configuration)
    return ("sshd", "-T", *file, "-C", f"user=root,host={address},addr={address}")


def findings(settings: str, keys_file: str) -> list[Finding]:
    """What is wrong with these settings of sshd, as `sshd -T` prints them."""
    known: dict[str, str] = {}
    for line in settings.splitlines():
        key, _, value = line.partition(" ")
        known.setdefault(key.lower(), value.strip())
    found = []
    if keys_file not in [_path(word) for word in known.get("authorizedkeysfile", "").split()]:
        text = f"sshd does not look at {keys_file}: other nodes cannot send data here"
        remedy = (
            f"write `Match User root` and `AuthorizedKeysFile .ssh/authorized_keys {keys_file}` "
            f"into {DROP_IN}, and reload sshd"
        )
        found.append(Finding(NAME, text, remedy))
    if known.get("permitrootlogin") == "no":
        text = "sshd lets root in from nowhere: other nodes cannot send data here"
        remedy = "set `PermitRootLogin forced-commands-only` in its configuration, and reload it"
        found.append(Finding(NAME, text, remedy))
    return found


def _path(word: str) -> str:
    """The file that a word of AuthorizedKeysFile means for root."""
    word = word.replace("%h", HOME_OF_ROOT).replace("%u", "root").replace("%%", "%")
    return word if word.startswith("/") else f"{HOME_OF_ROOT}/{word}"
