"""What keeps a container in its box, in Docker's words."""

from __future__ import annotations

from flocker_lite.containers.arguments.security import device, security_arguments
from flocker_lite.model.records import Container


def test_arguments() -> None:
    """Each field has its key, and one that is not set has none."""
    container = Container("web", "node", "nginx:latest")
    assert security_arguments(container) == {"HostConfig": {}}
    container = Container(
        "web",
        "node",
        "nginx:latest",
        cap_add=("NET_ADMIN",),
        cap_drop=("ALL",),
        security_opt=("no-new-privileges",),
        read_only=True,
        group_add=("video",),
        userns_mode="host",
        privileged=True,
        devices=("/dev/kvm",),
    )
    assert security_arguments(container)["HostConfig"] == {
        "CapAdd": ["NET_ADMIN"],
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges"],
        "ReadonlyRootfs": True,
        "GroupAdd": ["video"],
        "UsernsMode": "host",
        "Privileged": True,
        "Devices": [device("/dev/kvm")],
    }


def test_device() -> None:
    """A device has the same path inside, and all permissions, unless something else is said."""
    for text, expected in (
        ("/dev/kvm", ("/dev/kvm", "/dev/kvm", "rwm")),
        ("/dev/sda:r", ("/dev/sda", "/dev/sda", "r")),
        ("/dev/sda:/dev/xvda", ("/dev/sda", "/dev/xvda", "rwm")),
        ("/dev/sda:/dev/xvda:rw", ("/dev/sda", "/dev/xvda", "rw")),
    ):
        assert tuple(device(text).values()) == expected
