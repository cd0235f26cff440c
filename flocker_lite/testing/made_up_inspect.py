"""Docker's "inspect" of a container, made up of what it was created with, as Docker makes it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

ADDRESS_INSIDE = "172.17.0.2"

_SHM_BYTES = 64 * 2**20
_USUAL_HOST: Mapping[str, Any] = {
    "AutoRemove": False,
    "Binds": None,
    "BlkioDeviceReadBps": None,
    "BlkioWeight": 0,
    "BlkioWeightDevice": [],
    "CapAdd": None,
    "CapDrop": None,
    "Cgroup": "",
    "CgroupParent": "",
    "CgroupnsMode": "private",
    "ConsoleSize": [0, 0],
    "ContainerIDFile": "",
    "CpuPeriod": 0,
    "CpuQuota": 0,
    "CpuShares": 0,
    "CpusetCpus": "",
    "CpusetMems": "",
    "DeviceCgroupRules": None,
    "DeviceRequests": None,
    "Devices": [],
    "Dns": [],
    "DnsOptions": [],
    "DnsSearch": [],
    "ExtraHosts": None,
    "GroupAdd": None,
    "IpcMode": "private",
    "Isolation": "",
    "Links": None,
    "LogConfig": {"Type": "json-file", "Config": {}},
    "MaskedPaths": ["/proc/asound", "/proc/acpi"],
    "Memory": 0,
    "MemoryReservation": 0,
    "MemorySwap": 0,
    "MemorySwappiness": None,
    "NanoCpus": 0,
    "NetworkMode": "default",
    "OomKillDisable": None,
    "OomScoreAdj": 0,
    "PidMode": "",
    "PidsLimit": None,
    "PortBindings": {},
    "Privileged": False,
    "PublishAllPorts": False,
    "ReadonlyPaths": ["/proc/bus", "/proc/sys"],
    "ReadonlyRootfs": False,
    "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0},
    "Runtime": "runc",
    "SecurityOpt": None,
    "ShmSize": _SHM_BYTES,
    "UTSMode": "",
    "Ulimits": None,
    "UsernsMode": "",
    "VolumeDriver": "",
    "VolumesFrom": None,
}
_USUAL_CONFIG: Mapping[str, Any] = {
    "AttachStderr": True,
    "AttachStdin": False,
    "AttachStdout": True,
    "Cmd": None,
    "Domainname": "",
    "Entrypoint": None,
    "Env": [],
    "Image": "",
    "Labels": {},
    "OnBuild": None,
    "OpenStdin": False,
    "StdinOnce": False,
    "Tty": False,
    "User": "",
    "Volumes": None,
    "WorkingDir": "",
}


def made_up_image(
    config: Mapping[str, Any] | None = None, name: str = "redis:latest"
) -> dict[str, Any]:
    """Docker's "inspect" of an image with this "Config"."""
    return {
        "Id": f"sha256:{hashlib.sha256(name.encode()).hexdigest()}",
        "RepoTags": [name],
        "RepoDigests": [],
        "Os": "linux",
        "Architecture": "amd64",
        "Config": dict(config or {}),
    }


def inspected(
    name: str,
    arguments: Mapping[str, Any],
    image: Mapping[str, Any],
    status: str = "running",
) -> dict[str, Any]:
    """Docker's "inspect" of a container that was created with these arguments of that image."""
    identity = hashlib.sha256(f"{name} {arguments}".encode()).hexdigest()
    host = {**_USUAL_HOST, **_given(arguments.get("HostConfig", {}))}
    if host["Memory"] and not host["MemorySwap"]:
        host["MemorySwap"] = 2 * host["Memory"]
    if host["Privileged"]:
        host |= {"MaskedPaths": None, "ReadonlyPaths": None}
        host["SecurityOpt"] = [*(host["SecurityOpt"] or ()), "label=disable"]
    config = {
        **_USUAL_CONFIG,
        **_merged_with_image(arguments, image.get("Config") or {}),
        "Hostname": arguments.get("Hostname") or identity[:12],
    }
    networks = (arguments.get("NetworkingConfig") or {}).get("EndpointsConfig") or {"bridge": {}}
    return {
        "Id": identity,
        "Name": f"/{name}",
        "Image": image["Id"],
        "State": {
            "Status": status,
            "Running": status in ("running", "paused"),
            "Paused": status == "paused",
        },
        "Config": config,
        "HostConfig": host,
        "Mounts": [*_mounts(host), *_image_volumes(identity, config, host)],
        "NetworkSettings": {
            "Ports": _ports(host, config) if status == "running" else {},
            "Networks": {
                network: _endpoint(endpoint, identity) for network, endpoint in networks.items()
            },
        },
    }


def _given(part: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in part.items() if value is not None}


def _merged_with_image(arguments: Mapping[str, Any], image: Mapping[str, Any]) -> dict[str, Any]:
    """The "Config", with what the image gives and the container does not say."""
    own = {
        key: value
        for key, value in _given(arguments).items()
        if key not in ("HostConfig", "NetworkingConfig", "Hostname")
    }
    names = {text.partition("=")[0] for text in own.get("Env") or ()}
    given = [text for text in image.get("Env") or () if text.partition("=")[0] not in names]
    merged = {**{key: value for key, value in image.items() if value}, **own}
    merged["Env"] = [*(own.get("Env") or ()), *given]
    merged["Labels"] = {**(image.get("Labels") or {}), **(own.get("Labels") or {})}
    merged["ExposedPorts"] = {**(image.get("ExposedPorts") or {}), **own.get("ExposedPorts", {})}
    # An entrypoint of the container's own has the image's command not follow it.
    if own.get("Entrypoint") and not own.get("Cmd"):
        merged["Cmd"] = None
    if own.get("Entrypoint") == [""]:
        merged["Entrypoint"] = None
    for key in ("User", "WorkingDir", "StopSignal"):
        if not own.get(key) and image.get(key):
            merged[key] = image[key]
    return merged


def _mounts(host: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = []
    for mount in host.get("Mounts") or ():
        if mount["Type"] == "tmpfs":
            continue
        source = mount.get("Source", "")
        options = mount.get("BindOptions") or {}
        found.append(
            _mount(
                mount["Type"],
                source,
                mount["Target"],
                not mount.get("ReadOnly", False),
                options.get("Propagation", "rprivate"),
            )
        )
    for text in host.get("Binds") or ():
        source, target, *mode = text.split(":")
        kind = "bind" if source.startswith("/") else "volume"
        found.append(_mount(kind, source, target, "ro" not in mode))
    return found


def _mount(
    kind: str, source: str, target: str, writable: bool, propagation: str = "rprivate"
) -> dict[str, Any]:
    mount = {"Type": kind, "Source": source, "Destination": target, "Mode": "", "RW": writable}
    if kind == "bind":
        return {**mount, "Propagation": propagation}
    path = f"/var/lib/docker/volumes/{source}/_data"
    return {**mount, "Name": source, "Source": path, "Driver": "local", "Propagation": ""}


def _image_volumes(
    identity: str, config: Mapping[str, Any], host: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Docker makes a volume without a name for each path that the image declares."""
    taken = {mount["Destination"] for mount in _mounts(host)} | set(host.get("Tmpfs") or ())
    return [
        _mount("volume", hashlib.sha256(f"{identity}{path}".encode()).hexdigest(), path, True)
        for path in config.get("Volumes") or ()
        if path not in taken
    ]


def _ports(host: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    """Where ports are open; for those of which nobody says where, Docker chooses."""
    chosen = 49152
    ports: dict[str, Any] = dict.fromkeys(config["ExposedPorts"])
    for key, bindings in host["PortBindings"].items():
        open_at = []
        for binding in bindings:
            chosen += 1
            port = binding.get("HostPort") or str(chosen)
            open_at.append({"HostIp": binding.get("HostIp") or "0.0.0.0", "HostPort": port})
        ports[key] = open_at
    return ports


def _endpoint(endpoint: Mapping[str, Any], identity: str) -> dict[str, Any]:
    aliases = endpoint.get("Aliases")
    return {
        "IPAMConfig": endpoint.get("IPAMConfig"),
        "IPAddress": ADDRESS_INSIDE,
        "Aliases": [*aliases, identity[:12]] if aliases else None,
    }
