"""`flockerctl registry` before a control service in memory; no answer has a password."""

from __future__ import annotations

from click.testing import Result

from tests.cli.case import AtTerminal, CLITestCase

PASSWORD = "hunter2"
HOST = "registry.example:5000"


class RegistryTestCase(CLITestCase):
    """`run_command` asks of each answer that it has no password."""

    def run_command(self, *words: str, input_text: str | bytes | None = None) -> Result:
        """See `CLITestCase`."""
        result = super().run_command(*words, input_text=input_text)
        assert PASSWORD not in result.output
        return result

    def password(self, registry: str = HOST) -> str:
        """What the service has."""
        return self.control.configuration.registries[registry].password


class RegistryCommandsTests(RegistryTestCase):
    def log_in(self, *words: str, password: str | bytes = f"{PASSWORD}\n") -> Result:
        """Log in as bob."""
        return self.run_command("registry", "login", "-u", "bob", *words, input_text=password)

    def test_none_yet(self) -> None:
        """A person is told what to do, a program gets an empty list."""
        assert "flockerctl registry login HOST" in self.answer("registry", "list")
        assert self.told("registry", "list") == []

    def test_log_in(self) -> None:
        """With the password on standard input; the newline at its end does not count."""
        for password in (PASSWORD, f"{PASSWORD}\n", f"{PASSWORD}\r\n"):
            said = self.log_in(HOST.upper(), password=password)
            assert said.output == f"nodes log in to {HOST} as bob, when they pull from it\n"
            assert self.password() == PASSWORD
        self.log_in(HOST, "--password-stdin", password="hunter3\n\n")
        assert self.password() == "hunter3\n"

    def test_refused(self) -> None:
        """No password, no text, and what is no registry; a user has to be given."""
        for words, password in (
            ([HOST], "\n"),
            ([HOST], b"\xff"),
            ([HOST], "x" * 65_537),
            ([f"https://{HOST}/v2"], PASSWORD),
        ):
            result = self.log_in(*words, password=password)
            assert result.exit_code == 2, result.output
        assert self.run_command("registry", "login", HOST, input_text=PASSWORD).exit_code == 2
        assert not self.control.configuration.registries

    def test_listed(self) -> None:
        """With the user; in each format, with no password in it."""
        self.log_in(HOST)
        self.log_in("docker.io")
        lines = self.answer("registry", "list").splitlines()
        assert lines[0].split() == ["REGISTRY", "USER", "PASSWORD", "CHANGED"]
        expected = [["docker.io", "bob", "kept"], [HOST, "bob", "kept"]]
        assert [line.split()[:3] for line in lines[1:]] == expected
        assert self.answer("registry", "list", "-q").split() == ["docker.io", HOST]
        assert [item["user"] for item in self.told("registry", "list")] == ["bob", "bob"]
        assert '"user": "bob"' in self.log_in(HOST, "-o", "json").output

    def test_log_out(self) -> None:
        """By any name of the registry; of one that is not there it is said so."""
        self.log_in("docker.io")
        result = self.run_command("registry", "logout", "dokcer.io")
        assert result.exit_code == 1
        assert "there is no registry 'dokcer.io'; did you mean docker.io?" in result.output
        said = self.answer("registry", "logout", "index.docker.io")
        assert said == "nodes do not log in to index.docker.io any more\n"
        assert not self.control.configuration.registries

    def test_help(self) -> None:
        """Each says what it does; `login` says why it takes no password."""
        for name in ("list", "login", "logout"):
            assert "Usage: " in self.answer("registry", name, "--help")
        assert "never an argument" in self.answer("registry", "login", "--help").replace(
            "\n  ", " "
        )


class AtTerminalTests(RegistryTestCase):
    session_type = AtTerminal

    def test_asked(self) -> None:
        """Once, as by `docker login`, unless the password is to come from standard input."""
        words = ("registry", "login", HOST, "--username", "bob")
        self.answer(*words, input_text=f"{PASSWORD}\nhunter3\n")
        assert self.password() == PASSWORD
        self.answer(*words, "--password-stdin", input_text="hunter3")
        assert self.password() == "hunter3"
