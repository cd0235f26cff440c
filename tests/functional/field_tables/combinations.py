"""Fields as databases and others really use them together; the former have data."""

from __future__ import annotations

from tests.functional.field_tables.field import FIFTH, SEVENTH, SIXTH, Field

ECHO = (
    "use IO::Socket::INET; @all = map { IO::Socket::INET->new(LocalPort => $_, Proto => 'udp') } "
    "54, 55; $s = IO::Socket::INET->new(LocalPort => 53, Proto => 'udp') or die; "
    'while ($s->recv($_, 1024)) { $s->send("echo $_") }'
)
SHARED_KIB = "df -k /dev/shm | awk 'END {print $2}'"

FIELDS = {
    "like_postgresql": Field(
        {
            "image": "postgres:latest",
            "command_line": None,
            "user": "postgres",
            "environment": {"POSTGRES_HOST_AUTH_METHOD": "trust"},
            "volumes": [{"dataset_id": FIFTH, "mountpoint": "/var/lib/postgresql/data"}],
            "shm_size": "128m",
            "stop_signal": "SIGINT",
            "stop_timeout_seconds": "2m",
            "restart_policy": {"name": "always"},
            "health_check": {"command": ["psql", "-U", "postgres", "-c", "select 1"]},
        },
        f"id -un; {SHARED_KIB}; psql -U postgres -qtAc "
        "'create table if not exists t (x int); insert into t values (1); select min(x) from t'",
        "postgres\n131072\n1",
        {
            "shm_size": 128 * 2**20,
            "stop_timeout_seconds": 120,
            "health_check": {
                "command": ["psql", "-U", "postgres", "-c", "select 1"],
                "timeout_seconds": 5,
                "start_period_seconds": 30,
            },
        },
    ),
    "like_mariadb": Field(
        {
            "entrypoint": ["sh", "-c"],
            "command_line": ["echo maxclients 321 >/data/my.conf; exec redis-server /data/my.conf"],
            "volumes": [{"dataset_id": SIXTH, "mountpoint": "/data"}],
            "ulimits": {"nofile": {"soft": 900, "hard": 1000}},
            "memory_limit": "256m",
            "cpus": 0.9,
            "pids_limit": 200,
            "init": True,
        },
        "cat /proc/1/comm; redis-cli config get maxclients | tail -n 1; ulimit -Hn",
        "init\n321\n1000",
        {"memory_limit": 256 * 2**20},
    ),
    "like_a_web_application": Field(
        {
            "networks": {"shop": {"aliases": ["www"]}},
            "ports": ["7120:8080"],
            "extra_hosts": {"printer": "10.9.8.7"},
            "hostname": "www-1",
            "restart_policy": {"name": "always"},
        },
        "hostname; getent hosts www | grep -c .; getent hosts printer | tr -s ' '; "
        "test $(getent hosts www | cut -d ' ' -f 1) = $(hostname -i) && echo itself",
        "www-1\n1\n10.9.8.7 printer\nitself",
        {
            "ports": [{"internal": 8080, "external": 7120}],
            "extra_hosts": ["printer:10.9.8.7"],
        },
    ),
    "like_a_udp_service": Field(
        {
            "entrypoint": ["perl", "-e"],
            "command_line": [ECHO],
            "ports": ["7121:53/udp", "7122-7123:54-55/udp"],
            "init": True,
            "stop_timeout_seconds": 2,
        },
        "timeout 5 bash -c 'exec 3<>/dev/udp/127.0.0.1/53; echo hello >&3; head -n 1 <&3'",
        "echo hello",
        {
            "ports": [
                {"internal": inside, "external": outside, "protocol": "udp"}
                for inside, outside in ((53, 7121), (54, 7122), (55, 7123))
            ],
        },
    ),
    "like_rabbitmq": Field(
        {
            "hostname": "rabbit",
            "entrypoint": [
                "sh",
                "-c",
                "mkdir -p /data/$(hostname) && cd /data/$(hostname) && $0 $@",
            ],
            "command_line": ["redis-server"],
            "volumes": [{"dataset_id": SEVENTH, "mountpoint": "/data"}],
            "working_dir": "/tmp",
            "init": True,
        },
        "hostname; ls /data",
        "rabbit\nrabbit",
    ),
}
