"""`flockerctl edit`: what an editor makes of a container's configuration."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from unittest import mock

from hypothesis import given
from hypothesis import strategies as st

from flocker_lite.cli.edit_container import changes_of
from tests.cli.case import CLITestCase
from tests.control.http.cluster import ADDRESS_1, ADDRESS_2, NODE_2


class EditTests(CLITestCase):
    """A container, and an editor that does what a test wants."""

    def setUp(self) -> None:
        super().setUp()
        self.both_report()
        words = ("run", "--on", ADDRESS_1, "--name", "web", "-e", "A=1", "--no-wait", "nginx")
        self.answer(*words)
        self.seen = ""

    def edit(self, change: Callable[[str], str | None]) -> str:
        """What the command says, whatever its exit code."""

        def editor(text: str, **_: object) -> str | None:
            self.seen = text
            return change(text)

        with mock.patch("click.edit", editor):
            result = self.run_command("edit", "web")
        self.code = result.exit_code
        return result.output

    def test_changed(self) -> None:
        """Only what was changed is sent; what is gone has its default."""
        said = self.edit(lambda text: text.replace("nginx:latest", "nginx:1"))
        assert said == "container web: image changed\n"
        assert self.seen.startswith("# Container web.")
        assert "\nname:" not in self.seen
        container = self.control.configuration.containers["web"]
        assert (container.image, dict(container.environment)) == ("nginx:1", {"A": "1"})
        self.edit(lambda text: re.sub("environment:\n.*\n", "", text))
        assert not self.control.configuration.containers["web"].environment

    def test_moved(self) -> None:
        """Another host is a move."""
        self.edit(lambda text: text.replace(ADDRESS_1, ADDRESS_2))
        assert self.control.configuration.containers["web"].node == NODE_2

    def test_nothing(self) -> None:
        """Whoever leaves the editor as he came changes nothing, nor does an empty file."""
        for change in (lambda text: text, lambda _: None, lambda _: "\n"):
            assert self.edit(change) == "container web: nothing is changed\n"
            assert self.code == 0

    def test_refused(self) -> None:
        """The text is not lost: it is in a file that the error names."""
        for text, why in (
            ("image: [", "no YAML"),
            ("- image", "write fields"),
            ("image: nginx\nimagine: 1\nhost: x", "imagine"),
        ):
            said = self.edit(lambda _, text=text: text)  # type: ignore[misc]
            assert (self.code, why in said) == (2, True), said
            found = re.search("your text is in ([^\\s;]+)", said)
            assert found is not None, said
            path = Path(found[1])
            assert path.read_text() == text
            path.unlink()


@given(
    st.dictionaries(st.sampled_from("abc"), st.integers()),
    st.dictionaries(st.sampled_from("abc"), st.integers()),
)
def test_changes(before: dict[str, int], after: dict[str, int]) -> None:
    """What is sent makes the one of the other."""
    sent = changes_of(before, after)
    made = {key: value for key, value in {**before, **sent}.items() if value is not None}
    assert made == after
    assert all(before.get(key) != value or value is None for key, value in sent.items())
