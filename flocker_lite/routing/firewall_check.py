"""Checks what leads connections to the node that serves them: the firewall, and forwarding."""

from __future__ import annotations

from pathlib import Path

from zope.interface import implementer

from flocker_lite.errors import CommandFailed, FlockerError
from flocker_lite.interfaces import IRouting
from flocker_lite.interfaces.checks import Checked, ICheck
from flocker_lite.interfaces.threads import RunInThread
from flocker_lite.model.diagnosis import Finding
from flocker_lite.routing.firewall import RunCommand
from flocker_lite.routing.iptables import IptablesRouting

NAME = "firewall"
TIMEOUT_SECONDS = 7.0
_FORWARD = "proc/sys/net/ipv4/ip_forward"


@implementer(ICheck)
class FirewallCheck:
    """Asks the command that `routing` uses; `root` is where the file system is, but in tests."""

    name = NAME

    def __init__(
        self,
        routing: IRouting,
        run: RunCommand,
        run_in_thread: RunInThread,
        root: Path = Path("/"),
    ) -> None:
        self._routing = routing
        self._command = "iptables" if isinstance(routing, IptablesRouting) else "nft"
        self._run = run
        self._run_in_thread = run_in_thread
        self._root = root

    async def look(self) -> Checked:
        findings = [*await self._rules(), *await self._run_in_thread(self._forwarding)]
        return Checked(await self._version(), tuple(findings))

    async def _version(self) -> str:
        try:
            printed = await self._run((self._command, "--version"), b"", TIMEOUT_SECONDS)
        except CommandFailed:
            return f"no {self._command}"
        # After the number nft has the name of the release.
        words = printed.decode(errors="replace").partition("(")[0].split()
        return " ".join(words)[:60] or self._command

    async def _rules(self) -> list[Finding]:
        try:
            await self._routing.discover()
        except FlockerError as error:
            text = f"{self._command} does not list our rules: {error}"
            remedy = f"install {self._command}, and see what it says as root"
            return [Finding(NAME, text, remedy)]
        return []

    def _forwarding(self) -> list[Finding]:
        try:
            is_off = (self._root / _FORWARD).read_text().strip() == "0"
        except OSError:
            is_off = False
        if not is_off:
            return []
        text = "the kernel forwards nothing, so published ports reach no container elsewhere"
        return [Finding(NAME, text, "run `sysctl -w net.ipv4.ip_forward=1` there")]
