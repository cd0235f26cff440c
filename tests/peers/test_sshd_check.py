"""What is found wrong with the ssh server."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from twisted.internet.defer import succeed
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.errors import CommandFailed
from flocker_lite.interfaces.checks import ICheck
from flocker_lite.model.state import Listener
from flocker_lite.peers.sshd_check import SshdCheck, configuration_of, findings
from flocker_lite.testing.check_contract import CheckContract
from flocker_lite.testing.memory_listeners import MemoryListeners

KEYS = Path("/var/lib/flocker-lite/ssh/authorized_keys")
GOOD = (
    f"port 22\npermitrootlogin without-password\nauthorizedkeysfile .ssh/authorized_keys {KEYS}\n"
)
SSHD = Listener("sshd", 7)


def at_once(function: Any, *arguments: Any) -> Any:
    """Calls it here, not in a thread."""
    return succeed(function(*arguments))


class Sshd:
    """Answers as `sshd -T` does; `asked` is how."""

    def __init__(self, settings: str | None = GOOD) -> None:
        self.settings = settings
        self.asked: list[tuple[str, ...]] = []

    async def __call__(
        self,
        argv: tuple[str, ...],
        stdin: bytes = b"",
        timeout_seconds: float = 60.0,
        fds: Mapping[int, int] | None = None,
    ) -> bytes:
        """Run a command."""
        self.asked.append(argv)
        if self.settings is None:
            raise CommandFailed(argv, 255, "line 3: Bad configuration option: Prot")
        return self.settings.encode()


class SshdCheckTests(CheckContract, SynchronousTestCase):
    """A node where sshd listens, or not."""

    def setUp(self) -> None:
        directory = TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.root = Path(directory.name)
        self.listeners = MemoryListeners()
        self.listeners.listening = {"22": SSHD}
        self.keys_file: Path | None = KEYS

    def check(self, sshd: Sshd) -> ICheck:
        """The check of this sshd."""
        return SshdCheck(self.keys_file, "10.0.0.1", 22, self.listeners, sshd, at_once, self.root)

    def healthy(self) -> ICheck:
        return self.check(Sshd())

    def ill(self) -> ICheck:
        return self.check(Sshd("authorizedkeysfile .ssh/authorized_keys\n"))

    def test_the_keys_file_is_missing(self) -> None:
        """The remedy is what to write, and where."""
        (finding,) = self.looked(self.ill()).findings
        assert str(KEYS) in finding.text
        assert f"AuthorizedKeysFile .ssh/authorized_keys {KEYS}" in finding.remedy

    def test_root_is_not_let_in(self) -> None:
        """No agent gets in then."""
        settings = GOOD.replace("without-password", "no")
        (finding,) = self.looked(self.check(Sshd(settings))).findings
        assert "forced-commands-only" in finding.remedy

    def test_nobody_listens(self) -> None:
        """Then nothing else is asked."""
        self.listeners.listening = {}
        sshd = Sshd()
        (finding,) = self.looked(self.check(sshd)).findings
        assert (finding.text.split(":")[0], sshd.asked) == ("nothing listens at port 22", [])

    def test_a_configuration_of_its_own(self) -> None:
        """The sshd that runs is asked about the file that it was given."""
        (self.root / "proc/7").mkdir(parents=True)
        (self.root / "proc/7/cmdline").write_text("sshd: /usr/sbin/sshd -D -f /etc/own [listener]")
        sshd = Sshd()
        self.looked(self.check(sshd))
        assert sshd.asked == [
            ("sshd", "-T", "-f", "/etc/own", "-C", "user=root,host=10.0.0.1,addr=10.0.0.1")
        ]
        assert configuration_of("/usr/sbin/sshd\0-f\0/etc/own\0-D") == "/etc/own"
        assert configuration_of("/usr/sbin/sshd -f/etc/own -D") == "/etc/own"
        assert configuration_of("/sbin/init") is None

    def test_it_does_not_take_its_configuration(self) -> None:
        """What it says is the finding."""
        (finding,) = self.looked(self.check(Sshd(None))).findings
        assert "Bad configuration option" in finding.text

    def test_an_administrator_manages_it(self) -> None:
        """Then it is only looked whether it listens."""
        self.keys_file = None
        found = self.looked(self.ill())
        assert found.findings == ()
        assert "administrator" in found.fact

    def test_what_sshd_means(self) -> None:
        """Its words for root's home."""
        for word in ("%h/keys", "keys", "/root/keys"):
            assert not findings(f"authorizedkeysfile {word}", "/root/keys")
