"""Files in the manner of well-known projects, by flockerctl: each is taken, or refused by name."""

from __future__ import annotations

from typing import Any

import pytest

from tests.applications import tables
from tests.applications.expectations import FILES, FOLDER
from tests.cli.case import CLITestCase
from tests.control.http.cluster import ADDRESS_1, ADDRESS_2
from tests.model.field_table import with_tables


def up(file: str) -> tuple[str, ...]:
    """The words of the command; nothing runs here, so it does not wait for that."""
    return ("app", "up", str(FOLDER / file), "--name", "it", "--host", ADDRESS_1, "--no-wait")


class FilesTests(CLITestCase):
    def containers(self, file: str) -> dict[str, Any]:
        """The containers of a file by their services; it has to be possible."""
        expected = FILES[file]
        self.environment |= expected.variables
        self.both_report()
        self.allow(*expected.allow)
        self.answer(*up(file))
        found = self.get("/configuration/containers")
        return {each["application"]["service"]: each for each in found}

    def test_every_file(self) -> None:
        """No file is without its expectation."""
        assert {path.name for path in FOLDER.glob("*.yml")} == FILES.keys()

    def test_tables(self) -> None:
        """`python -m tests.applications.tables` has been run since something changed."""
        text = tables.PATH.read_text("utf-8")
        assert text == with_tables(text, tables.TABLES)

    def test_gitea(self) -> None:
        """Both are in the network that the file names, and find each other by their services."""
        found = self.containers("gitea.yml")
        networks = {name: each["networks"] for name, each in found.items()}
        assert networks == {name: {"it_forge": {"aliases": [name]}} for name in ("db", "server")}
        assert found["db"]["environment"]["POSTGRES_PASSWORD"] == "gitea"
        assert {"host_path": "/etc/timezone", "mountpoint": "/etc/timezone", "read_only": True} in (
            found["server"]["bind_mounts"]
        )

    def test_wordpress(self) -> None:
        """Docker counts the tries after the start period; so long it may take here."""
        check = self.containers("wordpress.yml")["db"]["health_check"]
        assert check["start_period_seconds"] == 60 + 5 * 10
        assert check["command"] == ["healthcheck.sh", "--connect", "--innodb_initialized"]
        assert (check["timeout_seconds"], check["interval_seconds"]) == (5, 10)

    def test_mosquitto(self) -> None:
        """Ports in all forms; 1883:1883 is no number of base 60."""
        found = self.containers("mosquitto.yml")
        broker = found["broker"]
        assert broker["ports"] == [
            {"internal": 1883, "external": 1883},
            {"internal": 9001, "external": 9001},
        ]
        assert found["gateway"]["ports"] == [
            {"internal": 10000, "external": 10000, "protocol": "udp"}
        ]
        assert broker["tmpfs"] == {"/mosquitto/log": {"size": 16 * 2**20}}
        assert broker["stop_timeout_seconds"] == 20
        assert broker["user"] == "1883"

    def test_rabbitmq(self) -> None:
        """What deploy says of one container."""
        (found,) = self.containers("rabbitmq.yml").values()
        assert (found["cpus"], found["memory_limit"]) == (1.5, 2**30)
        assert found["memory_reservation"] == 2**29
        assert found["restart_policy"] == {"name": "on-failure", "maximum_retry_count": 5}
        assert found["ulimits"] == {"nofile": {"soft": 65536, "hard": 65536}}
        assert found["logging"]["options"] == {"max-size": "10m", "max-file": "3"}
        assert found["health_check"]["command"] == ["sh", "-c", "rabbitmq-diagnostics -q ping"]

    def test_django(self) -> None:
        """Commands are split as by a shell, variables come from here, profiles are left out."""
        found = self.containers("django.yml")
        assert found["web"]["command_line"][-2:] == ["--workers", "4"]
        assert found["web"]["environment"]["DJANGO_SECRET_KEY"] == "hunter2"
        assert found["web"]["environment"]["ALLOWED_HOSTS"] == "*"
        assert found["worker"]["image"] == "registry.example.org/shop:latest"
        assert found["db"]["health_check"]["command"][-1] == "pg_isready -U ${POSTGRES_USER}"
        assert "flower" not in found

    def test_nginx(self) -> None:
        """The fields that keep it in its box, and a health check of ours."""
        (site,) = self.containers("nginx.yml").values()
        assert site["health_check"]["path"] == "/"
        assert site["tmpfs"] == {"/var/cache/nginx": {}, "/run": {"size": 2**20}}
        assert site["cap_drop"] == ["ALL"]
        assert site["sysctls"] == {"net.core.somaxconn": "1024"}
        assert site["extra_hosts"] == ["gateway:host-gateway"]

    def test_mail(self) -> None:
        """The file of variables is read here; no retries are Docker's three."""
        (mail,) = self.containers("mail.yml").values()
        assert mail["name"] == "mail"
        assert mail["environment"] == {
            "ENABLE_FAIL2BAN": "1",
            "ONE_DIR": "1",
            "POSTMASTER_ADDRESS": "postmaster@example.org",
            "SPOOF_PROTECTION": "$no",
            "EMPTY": "",
        }
        assert "retries" not in mail["health_check"]
        assert mail["dns"] == ["9.9.9.9"]

    def test_mongo(self) -> None:
        """One member is on another node, and all find each other."""
        found = self.containers("mongo.yml")
        assert {each["host"] for each in found.values()} == {ADDRESS_1, ADDRESS_2}
        assert found["mongo2"]["host"] == ADDRESS_2
        assert found["mongo1"]["networks"] == {"it": {"aliases": ["mongo1"]}}
        assert found["initiate"]["restart_policy"]["maximum_retry_count"] == 10
        assert found["initiate"]["command_line"][:3] == ["mongosh", "--host", "mongo1"]


@pytest.mark.parametrize("file", FILES)
def test_file(file: str) -> None:
    """The containers and the datasets of the table, or everything that is refused, and no more."""
    case = FilesTests("test_every_file")
    case.setUp()
    expected = FILES[file]
    case.environment |= expected.variables
    case.both_report()
    case.allow(*expected.allow)
    words = up(file)
    result = case.run_command(*words)
    if expected.refused:
        assert result.exit_code == 2, result.output
        lines = [line for line in result.output.splitlines() if ": services." in line]
        assert len(lines) == len(expected.refused), result.output
        for path, text in expected.refused.items():
            assert [line for line in lines if f": {path}: " in line and text in line], path
        assert case.get("/configuration/containers") == []
        return
    assert result.exit_code == 0, result.output
    found = case.get("/configuration/applications/it")
    assert tuple(each["service"] for each in found["services"]) == expected.containers
    assert tuple(each["volume"] for each in found["datasets"]) == expected.datasets
    again = case.answer(*words, "--dry-run")
    assert again.count("stays as it is") == len(expected.containers), again
