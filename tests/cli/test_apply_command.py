"""`flockerctl apply`, `diff` and `apps`: the plan, a question, and nothing that nobody has seen."""

from __future__ import annotations

import json
from pathlib import Path

from flocker_lite.model.state import ContainerState
from tests.cli.case import AtTerminal, CLITestCase
from tests.control.http.cluster import ADDRESS_1

SHOP = """\
name: shop
services:
  web:
    image: nginx
    volumes: [data:/data]
volumes: {data: }
"""
CREATED = f"container shop-web is created on {ADDRESS_1}"


class ApplyTests(CLITestCase):
    """A person at a terminal, with a Compose file."""

    session_type = AtTerminal

    def setUp(self) -> None:
        super().setUp()
        self.both_report()
        self.path = self.home / "shop.yml"
        self.path.write_text(SHOP)

    @property
    def words(self) -> tuple[str, ...]:
        """The file, and where its services go."""
        return "-f", str(self.path), "--on", ADDRESS_1

    def names(self) -> set[str]:
        """The containers that are configured."""
        return set(self.control.configuration.containers)

    def test_agreed(self) -> None:
        """The plan is shown, and then carried out."""
        said = self.answer("apply", *self.words, "--no-wait", input_text="y\n")
        assert CREATED in said
        assert "nothing was done" not in said
        assert self.names() == {"shop-web"}

    def test_not_agreed(self) -> None:
        """Nothing is done; nobody to ask is no agreement."""
        for answer in ("n\n", ""):
            result = self.run_command("apply", *self.words, "--no-wait", input_text=answer)
            assert result.exit_code == 1
            assert CREATED in result.output
            assert "nothing was done" in result.stderr
        assert self.names() == set()

    def test_agreed_in_advance(self) -> None:
        """With -y nobody is asked; for a program the answer is the plan that was carried out."""
        (told,) = json.loads(self.answer("apply", *self.words, "-y", "--no-wait", "-o", "json"))
        assert told["containers"][0]["action"] == "created"
        assert "dry_run" not in told
        assert self.names() == {"shop-web"}

    def test_it_waits_until_the_containers_run(self) -> None:
        """And says what is in their way when they do not in time."""

        def run() -> None:
            web = self.control.configuration.containers["shop-web"]
            self.both_report(ContainerState(web, True))

        result = self.run_command("apply", *self.words, "-y", "--timeout", "0s")
        assert (result.exit_code, self.names()) == (5, {"shop-web"})
        assert "container shop-web does not run yet" in result.stderr
        self.path.write_text(SHOP.replace("nginx", "nginx:2"))
        web = self.control.configuration.containers["shop-web"]
        self.both_report(ContainerState(web, True))
        result = self.run_command("apply", *self.words, "-y", "--timeout", "0s")
        assert result.exit_code == 5
        self.path.write_text(SHOP.replace("nginx", "nginx:3"))
        self.meanwhile = [lambda: None, run]
        assert self.answer("apply", *self.words, "-y").endswith("done\n")

    def test_dry_run(self) -> None:
        """Nobody is asked, and nothing is done."""
        assert "this is a dry run" in self.answer("apply", *self.words, "--no-wait", "--dry-run")
        assert self.names() == set()

    def test_nothing_to_do(self) -> None:
        """Then nobody is asked either."""
        self.answer("apply", *self.words, "-y", "--no-wait")
        assert "stays as it is" in self.answer("apply", *self.words, "--no-wait")

    def test_somebody_was_faster(self) -> None:
        """A configuration that changed after the plan is a conflict, and nothing is done."""
        case = self

        class Slow(AtTerminal):
            """One whose answer takes a while, in which somebody else makes something."""

            @property
            def is_for_person(self) -> bool:
                if not case.names():
                    case.redis()
                return super().is_for_person

        self.session_type = Slow
        result = self.run_command("apply", *self.words, "-y", "--no-wait")
        assert (result.exit_code, self.names()) == (3, {"redis"})

    def test_diff(self) -> None:
        """What would change, or that nothing would."""
        assert CREATED in self.answer("diff", *self.words)
        assert self.names() == set()
        self.answer("apply", *self.words, "-y", "--no-wait")
        assert self.answer("diff", *self.words).strip() == f"shop is as {self.path} says"
        self.path.write_text(SHOP.replace("nginx", "httpd"))
        assert "is changed: image" in self.answer("diff", *self.words)

    def test_a_mistake_in_the_file(self) -> None:
        """Is told with its line, before anybody is asked."""
        self.path.write_text(SHOP.replace("image: nginx", "image: nginx\n    color: red"))
        for command in ("apply", "diff"):
            result = self.run_command(command, *self.words)
            assert result.exit_code == 2
            assert f"{Path(self.path).name}:5" in result.stderr

    def test_apps(self) -> None:
        """The same list as `app list`."""
        self.answer("apply", *self.words, "-y", "--no-wait")
        assert self.answer("apps") == self.answer("app", "list")
        assert self.answer("apps", "-q") == "shop\n"
