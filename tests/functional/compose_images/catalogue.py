"""Which images there are, by the names that the Compose files use; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from admin.hosts.images.recipes import SYSTEM_PATH, Recipe


@dataclass(frozen=True, slots=True)
class Image:
    """An image: its name and tag, whose `build.sh` installs its packages, and how it behaves.

    The folder of the recipe's name has the image's own `files`. Images of the same `packages` share
    their layer.
    """

    tag: str
    packages: str
    recipe: Recipe


IMAGES = (
    Image(
        "mariadb:11",
        "mariadb",
        Recipe("mariadb", ("mariadbd",), (3306,), volumes=("/var/lib/mysql",)),
    ),
    Image(
        "wordpress:6-apache",
        "wordpress",
        Recipe(
            "wordpress",
            ("php", "-S", "0.0.0.0:80", "-t", "/var/www/html"),
            (80,),
            working_folder="/var/www/html",
            volumes=("/var/www/html",),
            stop_signal="SIGINT",
        ),
    ),
    Image(
        "eclipse-mosquitto:2",
        "mosquitto",
        Recipe(
            "mosquitto",
            ("mosquitto", "-c", "/mosquitto/config/mosquitto.conf"),
            (1883,),
            volumes=("/mosquitto/data", "/mosquitto/log"),
        ),
    ),
    Image(
        "rabbitmq:3-management",
        "rabbitmq",
        Recipe(
            "rabbitmq",
            ("rabbitmq-server",),
            (5672, 15672),
            environment={
                "PATH": f"/usr/local/bin:/usr/lib/rabbitmq/bin:{SYSTEM_PATH}",
                "LANG": "C.UTF-8",
                "HOME": "/var/lib/rabbitmq",
            },
            volumes=("/var/lib/rabbitmq",),
        ),
    ),
    Image(
        "ghcr.io/docker-mailserver/docker-mailserver:14",
        "mail",
        Recipe("mail", (), (25, 143, 465, 587, 993)),
    ),
    Image(
        "registry.example.org/shop:latest",
        "python",
        Recipe("shop", ("python",), (), has_entrypoint=False, working_folder="/app"),
    ),
    Image(
        "docker.gitea.com/gitea:1.24",
        "python",
        Recipe("gitea", ("gitea",), (3000, 22), has_entrypoint=False, volumes=("/data",)),
    ),
    Image(
        "mongo:7",
        "python",
        Recipe(
            "mongo",
            ("mongod",),
            (27017,),
            has_entrypoint=False,
            volumes=("/data/db", "/data/configdb"),
        ),
    ),
    Image(
        "registry.example.org/mqtt-sn-gateway:1",
        "python",
        Recipe("mqtt_sn", ("mqtt-sn-gateway", "broker:1883"), (), has_entrypoint=False),
    ),
)

OF_THE_LAB: Mapping[str, str] = {
    "redis:7": "redis",
    "postgres:16": "postgres",
    "nginx:1.27-alpine": "nginx",
}
"""Names under which images that each lab has are wanted, too."""
