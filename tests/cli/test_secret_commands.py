"""`flockerctl secret` before a control service in memory: values go in, and never come out."""

from __future__ import annotations

from base64 import b64decode

from click.testing import Result

from tests.cli.case import AtTerminal, CLITestCase
from tests.control.http.cluster import ADDRESS_1

VALUE = "hunter2"


class SecretsTestCase(CLITestCase):
    """`run_command` asks of each answer that it has no value."""

    def run_command(self, *words: str, input_text: str | bytes | None = None) -> Result:
        """See `CLITestCase`."""
        result = super().run_command(*words, input_text=input_text)
        assert VALUE not in result.output
        return result

    def value(self, name: str) -> bytes:
        """What the service has of a secret."""
        return b64decode(self.control.configuration.secrets[name].data)


class SecretCommandsTests(SecretsTestCase):
    def test_none_yet(self) -> None:
        """A person is told what to do, a program gets an empty list."""
        assert "flockerctl secret set NAME" in self.answer("secret", "list")
        assert self.told("secret", "list") == []

    def test_standard_input(self) -> None:
        """Byte by byte, with - or without; a newline at the end is kept, and is said."""
        data = b"\xff\0hunter2"
        assert self.answer("secret", "set", "pg", "-", input_text=data) == "secret pg is kept\n"
        assert self.value("pg") == data
        said = self.answer("secret", "set", "pg", input_text=f"{VALUE}\n")
        assert "are replaced; it ends with a newline" in said
        assert self.value("pg") == b"hunter2\n"
        self.answer("secret", "set", "other", "--file", "-", input_text=VALUE)
        assert self.value("other") == b"hunter2"

    def test_file(self) -> None:
        """What is in it, byte by byte; one that cannot be read changes nothing."""
        path = self.home / "key"
        path.write_bytes(b"\xff\0\r\n")
        self.answer("secret", "set", "key", "--file", str(path))
        assert self.value("key") == b"\xff\0\r\n"
        result = self.run_command("secret", "set", "key", "--file", str(self.home / "none"))
        assert result.exit_code == 2
        assert "No such file" in result.output
        assert self.value("key") == b"\xff\0\r\n"

    def test_never_an_argument(self) -> None:
        """It is refused with the reason, and not repeated."""
        for words in ([VALUE], ["-", VALUE], [VALUE, "--file", "-"]):
            result = self.run_command("secret", "set", "pg", *words)
            assert result.exit_code == 2
            assert "everybody on this machine can see arguments" in result.output
        assert not self.control.configuration.secrets

    def test_both_ways(self) -> None:
        """Nothing is guessed."""
        result = self.run_command("secret", "set", "pg", "-", "--file", "f", input_text=VALUE)
        assert result.exit_code == 2
        assert "leave one out" in result.output

    def test_what_cannot_be_a_value(self) -> None:
        """Nothing at all, and too much; nor can every text be a name."""
        for name, text in (("pg", ""), ("pg", "x" * 65_537), ("p/g", VALUE)):
            assert self.run_command("secret", "set", name, input_text=text).exit_code == 2
        assert not self.control.configuration.secrets
        self.answer("secret", "set", "pg", input_text="x" * 65_536)

    def test_listed(self) -> None:
        """In the order of their names; in each format, with no value in it."""
        for name in ("pg10", "pg9"):
            self.answer("secret", "set", name, input_text=VALUE)
        lines = self.answer("secret", "list").splitlines()
        assert lines[0].split() == ["SECRET", "VALUE", "CREATED", "CHANGED"]
        assert [line.split()[:2] for line in lines[1:]] == [["pg9", "kept"], ["pg10", "kept"]]
        assert self.answer("secret", "list", "-q").split() == ["pg9", "pg10"]
        assert [item["name"] for item in self.told("secret", "list")] == ["pg9", "pg10"]

    def test_for_programs(self) -> None:
        """They get the secret, or its name."""
        said = self.answer("secret", "set", "pg", "-o", "json", input_text=VALUE)
        assert '"name": "pg"' in said
        assert self.answer("secret", "set", "pg", "-q", input_text=VALUE) == "pg\n"

    def test_removed(self) -> None:
        """By the whole name; all of them, or none."""
        for name in ("postgres", "tls"):
            self.answer("secret", "set", name, input_text=VALUE)
        result = self.run_command("secret", "rm", "tls", "postgrse")
        assert result.exit_code == 1
        assert "there is no secret 'postgrse'; did you mean postgres?" in result.output
        assert self.run_command("secret", "rm", "post").exit_code == 1
        assert len(self.control.configuration.secrets) == 2
        said = self.answer("secret", "rm", "postgres", "tls")
        assert said.splitlines() == ["secret postgres is forgotten", "secret tls is forgotten"]
        assert not self.control.configuration.secrets

    def test_used(self) -> None:
        """A conflict, which names the container; a new value is possible."""
        self.both_report()
        self.answer("secret", "set", "pg", input_text="other")
        self.answer("run", "--on", ADDRESS_1, "--secret", "pg", "--no-wait", "redis")
        result = self.run_command("secret", "rm", "pg")
        assert result.exit_code == 3
        assert "secret pg is used by container redis" in result.output
        self.answer("secret", "set", "pg", input_text=VALUE)
        assert self.value("pg") == b"hunter2"

    def test_help(self) -> None:
        """Each says what it does; `set` says why it takes no value."""
        for name in ("list", "set", "rm"):
            assert "Usage: " in self.answer("secret", name, "--help")
        said = " ".join(self.answer("secret", "set", "--help").split())
        assert "never an argument" in said


class AtTerminalTests(SecretsTestCase):
    session_type = AtTerminal

    def test_asked(self) -> None:
        """Twice, as nobody sees what he types; without a newline."""
        self.answer("secret", "set", "pg", input_text=f"{VALUE}\n{VALUE}\n")
        assert self.value("pg") == b"hunter2"

    def test_two_answers(self) -> None:
        """Are none: the question comes again, and then there is no more input."""
        result = self.run_command("secret", "set", "pg", input_text=f"{VALUE}\nhunter3\n")
        assert result.exit_code == 1
        assert not self.control.configuration.secrets

    def test_not_asked(self) -> None:
        """With -, the value is read from the terminal until its end."""
        self.answer("secret", "set", "pg", "-", input_text=VALUE)
        assert self.value("pg") == b"hunter2"
