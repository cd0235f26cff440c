"""Fields of what runs in a container."""

from __future__ import annotations

from tests.functional.field_tables.field import FOURTH, THIRD, Field

FIELDS = {
    "environment": Field(
        {"environment": {"GREETING": 'g\'day = "\N{SNOWMAN}"', "EMPTY": ""}},
        lambda details: sorted(e for e in details["Config"]["Env"] if "PATH" not in e),
        ["EMPTY=", 'GREETING=g\'day = "\N{SNOWMAN}"'],
    ),
    "command_line": Field(
        {"command_line": ["sh", "-c", "echo 'two  words'; trap exit TERM; sleep 1000000 & wait"]},
        lambda details: details["Config"]["Cmd"],
        ["sh", "-c", "echo 'two  words'; trap exit TERM; sleep 1000000 & wait"],
    ),
    "as_whom": Field(
        {
            "user": "1000:33",
            "working_dir": "/srv/app",
            "entrypoint": ["sh", "-c"],
            "command_line": ["trap exit TERM; sleep 1000000 & wait"],
        },
        "echo $(id -u):$(id -g) $(pwd) $(tr '\\0' ' ' </proc/1/cmdline | cut -d' ' -f1-3)",
        "1000:33 /srv/app sh -c trap",
    ),
    "host_names": Field(
        {"hostname": "rabbit-1", "domainname": "shop.example.org"},
        "hostname; cat /proc/sys/kernel/domainname",
        "rabbit-1\nshop.example.org",
    ),
    "terminal": Field(
        {"tty": True, "stdin_open": True},
        "readlink /proc/1/fd/0 | cut -d/ -f3",
        "pts",
    ),
    "terminal_in_docker": Field(
        {"tty": True, "stdin_open": True},
        lambda details: (details["Config"]["Tty"], details["Config"]["OpenStdin"]),
        (True, True),
    ),
    "end": Field(
        {
            "stop_signal": "SIGUSR1",
            "stop_timeout_seconds": "1m30s",
            # That it moves within a minute shows that it got the signal.
            "command_line": ["sh", "-c", "trap exit USR1; sleep 1000000 & wait"],
        },
        lambda details: (details["Config"]["StopSignal"], details["Config"]["StopTimeout"]),
        ("SIGUSR1", 90),
        {"stop_timeout_seconds": 90},
    ),
    "init": Field({"init": True}, "cat /proc/1/comm", "docker-init"),
    "behind_the_gate": Field(
        {
            "volumes": [{"dataset_id": THIRD, "mountpoint": "/data"}],
            "user": "1000",
            "working_dir": "/srv/app",
            "entrypoint": ["sh", "-c"],
            "command_line": ["trap exit TERM; sleep 1000000 & wait"],
            "tty": True,
            "stdin_open": True,
            "stop_signal": "SIGTERM",
        },
        "echo $(id -u) $(pwd) $(cat /proc/1/comm) $(readlink /proc/1/fd/0 | cut -d/ -f3)",
        "1000 /srv/app sh pts",
    ),
    "init_behind_the_gate": Field(
        {
            "volumes": [{"dataset_id": FOURTH, "mountpoint": "/data"}],
            "user": "1000",
            "init": True,
        },
        # Docker's own init has another name.
        "echo $(id -u) $(cat /proc/1/comm)",
        "1000 init",
    ),
}
