"""The options of `docker run` that are fields of a container."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flocker_lite.cli.edit_commands import run
from flocker_lite.cli.run_options import OPTIONS
from flocker_lite.model.container import Container
from flocker_lite.model.fields import rows
from tests.cli.case import CLITestCase
from tests.control.http.cluster import ADDRESS_1

PAGE = Path(__file__).resolve().parents[2] / "docs" / "flockerctl.rst"

HEALTH_CHECK = {
    "command": ["sh", "-c", "true"],
    "timeout_seconds": 2,
    "start_period_seconds": 60,
    "interval_seconds": 90,
    "retries": 5,
    "on_unhealthy": "restart",
}
SECRET = {"secret": "pg", "path": "/etc/key", "mode": "0400", "uid": 999, "gid": 0}
FAILOVER = {"mode": "manual", "after_seconds": 30, "max_lag_seconds": 120}
BEFORE_SWITCH = {"command": ["sh", "-c", "sync"], "timeout_seconds": 60, "required": True}
AFTER_SWITCH = {"command": ["sh", "-c", "true"], "timeout_seconds": 5}
LOGGING = {"driver": "local", "options": {"max-size": "5m"}}
NETWORKS = {"back": {"aliases": ["db"]}}
EVERY_OPTION: tuple[tuple[tuple[str, ...], str, str, Any], ...] = (
    (("-u", "--user"), "1000:1000", "user", "1000:1000"),
    (("-w", "--workdir"), "/srv", "working_dir", "/srv"),
    (("--entrypoint",), "sh", "entrypoint", ["sh"]),
    (("--hostname",), "rabbit", "hostname", "rabbit"),
    (("--domainname",), "example.org", "domainname", "example.org"),
    (("--init",), "", "init", True),
    (("-t", "--tty"), "", "tty", True),
    (("-i", "--interactive"), "", "stdin_open", True),
    (("--stop-signal",), "SIGINT", "stop_signal", "SIGINT"),
    (("--stop-timeout",), "2m", "stop_timeout_seconds", 120),
    (("--platform",), "linux/arm64/v8", "platform", "linux/arm64/v8"),
    (("-l", "--label"), "a=b=c", "labels", {"a": "b=c"}),
    (("--restart",), "always", "restart_policy", {"name": "always"}),
    (("-m", "--memory"), "512m", "memory_limit", 2**29),
    (("--memory-swap",), "-1", "memory_swap", -1),
    (("--memory-reservation",), "256m", "memory_reservation", 2**28),
    (("--cpus",), "1.5", "cpus", 1.5),
    (("-c", "--cpu-shares"), "512", "cpu_shares", 512),
    (("--cpuset-cpus",), "0-2,4", "cpuset", "0-2,4"),
    (("--pids-limit",), "100", "pids_limit", 100),
    (("--shm-size",), "128m", "shm_size", 2**27),
    (("--ulimit",), "nofile=1:2", "ulimits", {"nofile": {"soft": 1, "hard": 2}}),
    (("--sysctl",), "net.core.somaxconn=9", "sysctls", {"net.core.somaxconn": "9"}),
    (("--oom-score-adj",), "-500", "oom_score_adj", -500),
    (("--blkio-weight",), "300", "blkio_weight", 300),
    (("--cap-add",), "SYS_ADMIN", "cap_add", ["SYS_ADMIN"]),
    (("--cap-drop",), "ALL", "cap_drop", ["ALL"]),
    (("--security-opt",), "no-new-privileges", "security_opt", ["no-new-privileges"]),
    (("--read-only",), "", "read_only", True),
    (("--group-add",), "44", "group_add", ["44"]),
    (("--userns",), "host", "userns_mode", "host"),
    (("--privileged",), "", "privileged", True),
    (("--device",), "/dev/kvm", "devices", ["/dev/kvm"]),
    (("--tmpfs",), "/run:size=64m", "tmpfs", {"/run": {"size": 2**26}}),
    (("--secret",), "pg,target=/etc/key,mode=0400,uid=999", "secrets", [SECRET]),
    (("--env-secret",), "PASSWORD=pg", "environment_secret", {"PASSWORD": "pg"}),
    (("--network",), "back", "networks", NETWORKS),
    (("--network-alias",), "db", "networks", NETWORKS),
    (("--expose",), "53/udp", "expose", ["53/udp"]),
    (("--add-host",), "db:10.0.0.1", "extra_hosts", ["db:10.0.0.1"]),
    (("--dns",), "10.0.0.2", "dns", ["10.0.0.2"]),
    (("--dns-search",), "example.org", "dns_search", ["example.org"]),
    (("--failover",), "manual", "failover", FAILOVER),
    (("--before-switch",), "sync", "before_switch", BEFORE_SWITCH),
    (("--before-switch-timeout",), "1m", "before_switch", BEFORE_SWITCH),
    (("--before-switch-required",), "", "before_switch", BEFORE_SWITCH),
    (("--after-switch",), "true", "after_switch", AFTER_SWITCH),
    (("--after-switch-timeout",), "5s", "after_switch", AFTER_SWITCH),
    (("--log-driver",), "local", "logging", LOGGING),
    (("--log-opt",), "max-size=5m", "logging", LOGGING),
    (("--health-cmd",), "true", "health_check", HEALTH_CHECK),
    (("--health-timeout",), "2s", "health_check", HEALTH_CHECK),
    (("--health-start-period",), "1m", "health_check", HEALTH_CHECK),
    (("--health-interval",), "1m30s", "health_check", HEALTH_CHECK),
    (("--health-retries",), "5", "health_check", HEALTH_CHECK),
    (("--health-on-failure",), "restart", "health_check", HEALTH_CHECK),
)
"""Each option with a text, the field that it sets, and to what."""

OF_RUN_ITSELF = {
    "name": "name",
    "host": "node",
    "image": "image",
    "command_line": "command",
    "ports": "ports",
    "volumes": "volumes",
    "bind_mounts": "mounts",
    "environment": "variables",
}
"""The fields that `run` sets without the table, and what click calls the value of each."""

WITHOUT_OPTION = {
    "application": "`flockerctl app up` sets it",
    "depends_on": "it is about several containers: `flockerctl app up` sets it",
    "links": "Docker's --link names a container, and a link here names ports: use --network",
    "running": "`run` runs it; `flockerctl stop` and `flockerctl start` change it afterwards",
    "restart_generation": "nobody sets it: `flockerctl restart` counts it up",
}
"""The fields that `run` does not set, and why."""


class RunOptionsTests(CLITestCase):
    def test_run_with_all_options(self) -> None:
        """Each of Docker's options sets its field."""
        self.both_report()
        self.created("/configuration/secrets", {"name": "pg", "value": "hunter2"})
        self.allow("SYS_ADMIN", "/dev/kvm", "userns_mode", "privileged")
        words = [word for flags, text, *_ in EVERY_OPTION for word in (flags[-1], text) if word]
        assert [option.flags for option in OPTIONS] == [row[0] for row in EVERY_OPTION]
        self.answer("run", "-d", "--on", ADDRESS_1, *words, "--no-wait", "redis")
        (body,) = self.get("/configuration/containers")
        for flags, _, field, value in EVERY_OPTION:
            assert body[field] == value, flags

    def test_wrong(self) -> None:
        """What does not say what it should is refused before anything is asked of the service."""
        self.both_report()
        for words in (
            ["-m", "lots"],
            ["--ulimit", "nofile"],
            ["--cpus", "all"],
            ["--health-cmd", "true", "--health-retries", "some"],
            ["--restart", "x"],
            ["--network", "host"],
            ["--network-alias", "db"],
            ["--secret", "pg,where=/etc/key"],
            ["--env-secret", "pg"],
        ):
            result = self.run_command("run", "--on", ADDRESS_1, *words, "redis")
            assert result.exit_code == 2, result.output
            assert result.output.startswith("flockerctl: ")
        assert not self.control.configuration.containers

    def test_every_field(self) -> None:
        """Each field of a container has an option, or there is a reason why it has none."""
        of_table = {option.field for option in OPTIONS}
        fields = {row.name for row in rows(Container)}
        lists = (of_table, OF_RUN_ITSELF.keys(), WITHOUT_OPTION.keys())
        assert set().union(*lists) == fields
        assert sum(map(len, lists)) == len(fields), "a field is in two of them"
        assert set(OF_RUN_ITSELF.values()) <= {each.name for each in run.params}

    def test_files_of_variables(self) -> None:
        """A later file counts more than an earlier one, and --env counts most."""
        self.both_report()
        words = []
        for name, text in (("one", "A=1\nB=1\nC=1\nHOME_HERE\n"), ("two", "B=2\nC=2\n")):
            (self.home / name).write_text(text)
            words += ["--env-file", str(self.home / name)]
        self.environment["HOME_HERE"] = "/root"
        self.answer("run", "--on", ADDRESS_1, *words, "-e", "C=3", "--no-wait", "redis")
        found = dict(self.control.configuration.containers["redis"].environment)
        assert found == {"A": "1", "B": "2", "C": "3", "HOME_HERE": "/root"}

    def test_files_that_are_none(self) -> None:
        """A file that cannot be read, or is too long, or has something else, changes nothing."""
        self.both_report()
        wrong, long = self.home / "wrong", self.home / "long"
        wrong.write_text("A=1\nMY PASSWORD=hunter2\n")
        long.write_bytes(b"A=" + b"x" * 1024**2)
        for path, text in (
            (self.home / "nothing", "No such file"),
            (self.home, "Is a directory"),
            (wrong, "line 2 is not a variable"),
            (long, "more than 1048576 bytes"),
        ):
            result = self.run_command("run", "--on", ADDRESS_1, "--env-file", str(path), "redis")
            assert result.exit_code == 2, result.output
            assert text in result.output
            assert "hunter2" not in result.output
        assert not self.control.configuration.containers

    def test_documented(self) -> None:
        """The page has each of them."""
        text = PAGE.read_text("utf-8")
        flags = [each.flags[-1] for each in OPTIONS] + ["--env-file"]
        missing = [each for each in flags if f"``{each}``" not in text]
        assert missing == []
