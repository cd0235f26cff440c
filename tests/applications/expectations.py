"""What becomes of each Compose file beside this one; docs/applications.rst has it as a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Expected:
    """What a file is, the containers and datasets that come of it, or what is refused, by path.

    `allow` is what its nodes have to allow.
    """

    title: str
    containers: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)
    allow: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)


FILES: Mapping[str, Expected] = {
    "wordpress.yml": Expected(
        "WordPress with MariaDB",
        ("blog", "db"),
        ("db", "html"),
        variables={"BLOG_PASSWORD": "hunter2"},
    ),
    "gitea.yml": Expected(
        "Gitea with PostgreSQL",
        ("db", "server"),
        ("data", "postgres"),
        allow=("/etc/timezone", "/etc/localtime"),
    ),
    "nextcloud.yml": Expected(
        "Nextcloud with MariaDB, Redis and cron",
        refused={"services.cron.volumes[0]": "is that of app already"},
    ),
    "mosquitto.yml": Expected(
        "Mosquitto, TCP and UDP",
        ("broker", "gateway"),
        ("data",),
        allow=("/srv/mosquitto/mosquitto.conf",),
    ),
    "rabbitmq.yml": Expected("RabbitMQ with limits", ("rabbitmq",), ("data",)),
    "prometheus.yml": Expected(
        "Prometheus, Grafana and an exporter",
        refused={
            "services.grafana.links": "each service finds the others by their names",
            "services.exporter.network_mode": "say its ports",
            "services.exporter.pid": "PID namespace of its own",
            "services.exporter.volumes[0]": "rslave is no mode",
        },
    ),
    "django.yml": Expected(
        "Django with a worker, Redis and PostgreSQL",
        ("db", "migrate", "queue", "web", "worker"),
        ("pg",),
        variables={"DJANGO_SECRET_KEY": "hunter2"},
    ),
    "nginx.yml": Expected(
        "nginx with files of the node",
        ("site",),
        allow=("/srv/site/nginx.conf", "/srv/site/html"),
    ),
    "mongo.yml": Expected(
        "A MongoDB replica set",
        ("initiate", "mongo1", "mongo2", "mongo3"),
        ("mongo1", "mongo2", "mongo3"),
    ),
    "mail.yml": Expected(
        "A mail server",
        ("mail",),
        ("config", "data", "state"),
        allow=("NET_ADMIN", "/etc/localtime"),
    ),
}
