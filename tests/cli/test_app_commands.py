"""`flockerctl app`: a Compose file and what it names becomes a request, and the plan is told."""

from __future__ import annotations

from pathlib import Path

from flocker_lite.model.records import Container
from tests.cli.case import CLITestCase
from tests.control.http.cluster import ADDRESS_1, ADDRESS_2

SHOP = """\
services:
  web:
    image: nginx:${TAG:-latest}
    ports: ["8080:80"]
  db:
    image: postgres:16
    volumes: [data:/var/lib/postgresql/data]
volumes: {data: }
"""


class AppCommandsTests(CLITestCase):
    def setUp(self) -> None:
        super().setUp()
        self.both_report()
        self.folder = self.home / "Shop.1"
        self.folder.mkdir()

    def file(self, text: str = SHOP, name: str = "shop.yml") -> str:
        """A file of this text."""
        path = self.folder / name
        path.write_text(text)
        return str(path)

    def up(self, text: str = SHOP, *words: str) -> str:
        """What `app up` of this file says."""
        return self.answer("app", "up", self.file(text), "--host", ADDRESS_1, "--no-wait", *words)

    def container(self, name: str = "shop1-web") -> Container:
        """A container as it is configured."""
        return self.control.configuration.containers[name]

    def test_up(self) -> None:
        """The plan in plain words; the name is the directory's; again, nothing changes."""
        said = self.up(SHOP, "--dry-run")
        assert said.splitlines() == [
            f"container shop1-db is created on {ADDRESS_1}",
            f"container shop1-web is created on {ADDRESS_1}",
            f"dataset shop1_data is created on {ADDRESS_1}",
            "nothing was done: this is a dry run",
        ]
        assert not self.control.configuration.containers
        assert self.up() == said.replace("nothing was done: this is a dry run\n", "")
        assert self.up().count("stays as it is") == 2
        said = self.up(SHOP.replace("nginx", "httpd"))
        assert f"container shop1-web on {ADDRESS_1} is changed: image" in said

    def test_list_move_delete(self) -> None:
        """All of its containers, and the datasets that stay."""
        assert "flockerctl app up FILE" in self.answer("app", "list")
        self.up()
        assert "shop1        db, web   10.77.0.11" in self.answer("app", "list")
        assert self.answer("app", "list", "-q") == "shop1\n"
        said = self.answer("app", "move", "shop1", ADDRESS_2, "--no-wait")
        assert f"container shop1-db moves from {ADDRESS_1} to {ADDRESS_2}" in said
        assert self.run_command("app", "move", "shop1", "10.77.0.99").exit_code == 1
        said = self.answer("app", "delete", "shop1", "--dry-run")
        assert "nothing was done" in said
        said = self.answer("app", "delete", "shop1")
        assert f"container shop1-web on {ADDRESS_2} is removed" in said
        assert f"dataset shop1_data stays on {ADDRESS_2}; `flockerctl delete-dataset" in said
        assert self.run_command("app", "delete", "shop1").exit_code == 1

    def test_for_programs(self) -> None:
        """The answer of the service, as JSON."""
        (found,) = self.told(
            "app", "up", self.file(), "--host", ADDRESS_1, "--name", "other", "--no-wait"
        )
        assert found["name"] == "other"
        assert {each["action"] for each in found["containers"]} == {"created"}

    def test_stays_where_it_is(self) -> None:
        """Without --host nothing moves."""
        self.up()
        self.answer("app", "move", "shop1", ADDRESS_2, "--no-wait")
        said = self.answer("app", "up", self.file(), "--no-wait")
        assert said.count(f"on {ADDRESS_2} stays as it is") == 2

    def test_variables(self) -> None:
        """The environment counts more than .env; --env-file is instead of that; the rest stays."""
        (self.folder / ".env").write_text("TAG=1\nSECRET=hunter2\n")
        (self.folder / "other.env").write_text("TAG=3\n")
        self.up()
        assert self.container().image == "nginx:1"
        self.up(SHOP, "--env-file", str(self.folder / "other.env"))
        assert self.container().image == "nginx:3"
        self.environment["TAG"] = "2"
        self.up()
        assert self.container().image == "nginx:2"

    def test_environment_files(self) -> None:
        """Read here, in order; what environment says counts more; dollars stay dollars."""
        (self.folder / "a.env").write_text("A=1\nB='$TAG'\nC=${TAG}\nD\n")
        (self.folder / "b.env").write_text("A=2\n")
        self.environment |= {"TAG": "16", "D": "d", "E": "e"}
        self.up(
            "services:\n"
            "  web:\n"
            "    image: nginx\n"
            "    env_file: [a.env, {path: b.env}, {path: none.env, required: false}]\n"
            "    environment: [C=c, E]\n"
        )
        found = {"A": "2", "B": "$TAG", "C": "c", "D": "d", "E": "e"}
        assert dict(self.container().environment) == found
        words = ("app", "up", self.file("services:\n  web:\n    env_file: none.env\n"), "--no-wait")
        result = self.run_command(*words)
        assert result.exit_code == 2
        assert "shop.yml:3: cannot read" in result.output

    def test_relative_paths(self) -> None:
        """They are relative to the file; the node has to have them, and to allow them."""
        folder = str(self.folder.resolve())
        self.allow(f"{folder}/html", "/home/me/x", "/srv")
        self.environment |= {"HOME": "/home/me", "SITE": "./html"}
        self.up(
            "services:\n  web:\n    image: nginx\n    volumes:\n"
            "      - ${SITE}:/html:ro\n      - ~/x:/x\n"
            "      - {type: bind, source: /srv, target: /srv}\n"
        )
        found = [each.host_path for each in self.container().bind_mounts]
        assert found == [f"{folder}/html", "/home/me/x", "/srv"]

    def test_refused_with_lines(self) -> None:
        """Each fault on a line of its own, with the file and the line; nothing is done."""
        path = self.file(
            "x-base: &base\n"
            "  image: nginx\n"
            "  build: .\n"
            "services:\n"
            "  web:\n"
            "    <<: *base\n"
            "    cap_add:\n"
            "      - CHOWN\n"
            "      - FLY\n"
            "  db:\n"
            "    imgae: postgres\n"
        )
        result = self.run_command("app", "up", path, "--host", ADDRESS_1, "--no-wait")
        assert result.exit_code == 2
        lines = result.output.splitlines()
        assert f"{path}:3: services.web.build: build is not supported" in lines[0]
        assert f"{path}:11: services.db.imgae: there is no imgae here" in lines[1]
        assert lines[-1].endswith("are not possible; nothing was done")
        one = self.file(SHOP.replace("ports", "prots"))
        result = self.run_command("app", "up", one, "--host", ADDRESS_1, "--no-wait")
        assert result.output.startswith(f"flockerctl: {one}:4: services.web.prots:")
        assert not self.control.configuration.containers

    def test_judged_with_lines(self) -> None:
        """So is what a container cannot have."""
        path = self.file(
            "services:\n  web:\n    image: nginx\n    cap_add:\n      - CHOWN\n      - FLY\n"
        )
        result = self.run_command("app", "up", path, "--host", ADDRESS_1, "--no-wait")
        assert f'{path}:6: services.web.cap_add[1]: "FLY" is not' in result.output

    def test_no_compose_file(self) -> None:
        """It is said which line is wrong."""
        for text, said in (
            ("a: [1", "shop.yml:1: "),
            ("- a\n", "shop.yml:1: this should be a Compose file"),
            ("a: 1\na: 2\n", "shop.yml:2: a is here twice"),
            ("a: &x\n  b: *x\n", "shop.yml:1: an alias leads to what is around it"),
            ("a: !reset null\n", "the tag !reset is not supported"),
        ):
            result = self.run_command("app", "up", self.file(text), "--no-wait")
            assert result.exit_code == 2, result.output
            assert said in result.output
        result = self.run_command("app", "up", str(Path(self.folder) / "none.yml"), "--no-wait")
        assert "No such file" in result.output
