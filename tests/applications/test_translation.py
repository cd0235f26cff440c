"""The keys of a Compose file as the fields of containers, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flocker_lite.applications import document, keys, services
from flocker_lite.applications.document import Application
from flocker_lite.applications.faults import Findings, dotted
from flocker_lite.model import compose
from flocker_lite.model.container import Container
from flocker_lite.model.container_fields.ports import expanded
from flocker_lite.model.fields import rows

NUMBERS = st.integers(1, 65_000)


def translated(
    service: Any, *, profiles: tuple[str, ...] = (), **more: Any
) -> tuple[Application, Findings]:
    """The application of a document with this service, `web`, and more at the top."""
    found = {"services": {"web": {"image": "nginx", **service}}, **more}
    return document.translated(found, "shop", {"HOME": "/root"}, profiles)


def fields(**service: Any) -> dict[str, Any]:
    """The fields of its container; nothing may be wrong with it."""
    application, findings = translated(service)
    assert not findings.faults
    return application.services[0].fields


def faults(service: Any, **more: Any) -> dict[str, str]:
    """What is wrong, by the path within the service where it is one of the service's."""
    _, findings = translated(service, **more)
    return {dotted(each.path).removeprefix("services.web."): each.text for each in findings.faults}


def test_every_key_of_compose() -> None:
    """Each key of a service is supported or refused with advice, and none is both."""
    known = {*services.KEYS, *keys.SERVICE_REFUSED}
    assert set(compose.KEYS) - known == {"volumes_from"} - set(keys.SERVICE_REFUSED)
    assert not set(services.KEYS) & set(keys.SERVICE_REFUSED)


def test_every_field() -> None:
    """What keys become are fields of a container."""
    names = {row.name for row in rows(Container)}
    assert {compose.name_here(key) for key in services.FIELDS} <= names


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        ({"command": "a 'b c' \"d\""}, {"command_line": ["a", "b c", "d"]}),
        ({"command": ["a", 1, True]}, {"command_line": ["a", "1", "true"]}),
        ({"command": None}, {}),
        ({"environment": {"A": 1, "B": True, "C": "", "D": 0.5}}, None),
        ({"environment": ["A=1", "B=true", "C=", "D=0.5"]}, None),
        ({"environment": ["HOME", "GONE"]}, {"environment": {"HOME": "/root"}}),
        ({"environment": {"HOME": None}}, {"environment": {"HOME": "/root"}}),
        ({"labels": ["a=b", "c"]}, {"labels": {"a": "b", "c": ""}}),
        ({"init": "true"}, {"init": True}),
        ({"user": 1000}, {"user": "1000"}),
        ({"restart": False}, {"restart_policy": "no"}),
        ({"cpus": "0.5"}, {"cpus": 0.5}),
        ({"mem_limit": "1g"}, {"memory_limit": "1g"}),
        ({"memswap_limit": "-1"}, {"memory_swap": -1}),
        ({"dns": "9.9.9.9"}, {"dns": ["9.9.9.9"]}),
        ({"extra_hosts": {"a": ["::1", "127.0.0.1"]}}, {"extra_hosts": ["a=::1", "a=127.0.0.1"]}),
        ({"devices": [{"source": "/dev/a", "target": "/dev/b"}]}, {"devices": ["/dev/a:/dev/b"]}),
        ({"tmpfs": "/run:size=1m"}, {"tmpfs": {"/run": "size=1m"}}),
        ({"stop_grace_period": "1m30s"}, {"stop_timeout_seconds": 90.0}),
        ({"x-other": {"anything": 1}}, {}),
        ({"pull_policy": "missing"}, {}),
        ({"deploy": {"replicas": 1, "mode": "replicated"}}, {}),
        ({"deploy": {"restart_policy": {"condition": "any"}}}, {"restart_policy": "always"}),
        ({"healthcheck": {"test": ["NONE"]}}, {}),
        ({"healthcheck": {"disable": True}}, {}),
    ],
)
def test_forms(service: Any, expected: Any) -> None:
    """Each form of a key."""
    found = fields(**service)
    if expected is None:
        expected = {"environment": {"A": "1", "B": "true", "C": "", "D": "0.5"}}
    always = {"image", "networks", "application"}
    assert {key: each for key, each in found.items() if key not in always} == expected


@pytest.mark.parametrize(
    ("service", "path", "said"),
    [
        ({"ports": ["80"]}, "ports[0]", "no external port"),
        ({"ports": [80]}, "ports[0]", "no external port"),
        ({"ports": ["3000-3005"]}, "ports[0]", "no external port"),
        ({"ports": [{"target": 80}]}, "ports[0]", "no external port"),
        ({"ports": ["8000-9000:80"]}, "ports[0]", "1001 ports outside and 1 inside"),
        ({"ports": ["a:b"]}, "ports[0]", "is no port"),
        ({"ports": [{"target": 80, "published": "80-90"}]}, "ports[0].published", "one port"),
        ({"ports": "80:80"}, "ports", "a list"),
        ({"volumes": ["./a:/a"]}, "volumes[0]", "flockerctl app up"),
        ({"volumes": ["a:/a"]}, "volumes[0]", "declare it at the top"),
        ({"volumes": ["/a:/a:rshared"]}, "volumes[0]", "rshared is no mode"),
        ({"volumes": [{"type": "npipe", "target": "/a"}]}, "volumes[0].type", "volume, bind"),
        ({"volumes": [{"type": "bind", "target": "/a"}]}, "volumes[0].source", "is missing"),
        ({"volumes": [{"source": "a"}]}, "volumes[0].target", "is missing"),
        ({"networks": ["back"]}, "networks.back", "declare it at the top"),
        ({"secrets": ["pg"]}, "secrets[0]", "declare it at the top"),
        ({"depends_on": ["db"]}, "depends_on", "there is no service db"),
        ({"depends_on": ["web"]}, "depends_on", "in a circle: web -> web"),
        ({"depends_on": {"web": {"condition": "ready"}}}, "depends_on.web.condition", "one of"),
        ({"deploy": {"replicas": 2}}, "deploy.replicas", "only one"),
        ({"deploy": {"placement": {}}}, "deploy.placement", "x-flocker"),
        ({"healthcheck": {"interval": "5s"}}, "healthcheck.test", "test is missing"),
        ({"healthcheck": {"test": ["x"]}}, "healthcheck.test", "CMD-SHELL"),
        ({"healthcheck": {"test": "x", "timeout": "soon"}}, "healthcheck.timeout", "a time"),
        ({"command": "'"}, "command", "cannot be split"),
        ({"command": []}, "command", "an empty one"),
        ({"entrypoint": ""}, "entrypoint", "an empty one"),
        ({"init": "maybe"}, "init", "true or false"),
        ({"pull_policy": "always"}, "pull_policy", "pulls images that its node lacks"),
        ({"image": None, "x-flocker": {"hosts": 1}}, "x-flocker.hosts", "there is no hosts here"),
    ],
)
def test_refused(service: Any, path: str, said: str) -> None:
    """Each fault says where it is, and what to do."""
    assert said in faults(service).get(path, ""), faults(service)


@pytest.mark.parametrize(
    ("more", "path", "said"),
    [
        ({"include": ["other.yml"]}, "include", "another application"),
        ({"volumes": {"a": {"driver": "nfs"}}}, "volumes.a.driver", "in a dataset"),
        ({"volumes": {"a": {"driver_opts": {}}}}, "volumes.a.driver_opts", "in a dataset"),
        ({"networks": {"a": {"ipam": {}}}}, "networks.a.ipam", "addresses"),
        ({"secrets": {"pg": {"file": "pg.txt"}}}, "secrets.pg.file", "flockerctl secret set pg"),
        ({"configs": {"a": {"file": "a"}}}, "configs", "flockerctl secret set"),
    ],
)
def test_refused_at_the_top(more: Any, path: str, said: str) -> None:
    """The same outside of services."""
    assert said in faults({}, **more).get(path, ""), faults({}, **more)


def test_volume_of_two() -> None:
    """A dataset belongs to one container; both are named."""
    services_ = {
        name: {"image": "nginx", "volumes": ["data:/data:ro"]} for name in ("one", "other")
    }
    found = {"services": services_, "volumes": {"data": {}}}
    _, findings = document.translated(found, "shop", {})
    (fault,) = findings.faults
    assert fault.path == ("services", "other", "volumes", 0)
    assert "is that of one already" in fault.text


def test_secrets() -> None:
    """Those that the control service keeps, as files; a mode without quotes is octal."""
    application, findings = translated(
        {"secrets": ["pg", {"source": "tls", "target": "/tls.pem", "mode": 0o440, "uid": "999"}]},
        secrets={"pg": {"external": True}, "tls": {"external": True, "name": "shop-tls"}},
    )
    assert not findings.faults
    assert application.services[0].fields["secrets"] == [
        {"secret": "pg", "path": "/run/secrets/pg"},
        {"secret": "shop-tls", "path": "/tls.pem", "mode": "0440", "uid": 999},
    ]


def test_networks() -> None:
    """Those of the file have its name, external ones their own."""
    application, _ = translated(
        {"networks": {"back": {"aliases": ["www"]}, "out": None, "default": None}},
        networks={"back": None, "out": {"external": True}},
    )
    assert application.services[0].fields["networks"] == {
        "shop_back": {"aliases": ["web", "www"]},
        "out": {"aliases": ["web"]},
        "shop": {"aliases": ["web"]},
    }


def test_profiles() -> None:
    """A service with profiles is there when one of them is active."""
    service = {"profiles": ["debug", "test"]}
    assert not translated(service)[0].services
    for active in ("debug", "*"):
        assert translated(service, profiles=(active,))[0].services


def test_dependency_that_is_not_required() -> None:
    """It may be left out."""
    assert not faults({"depends_on": {"db": {"required": False}}})


@given(NUMBERS, NUMBERS, st.integers(0, 50), st.sampled_from(["", "/tcp", "/udp"]))
def test_ports(outside: int, inside: int, more: int, protocol: str) -> None:
    """Ranges and single ports in the short form are those that a container knows."""
    ends = (f"-{outside + more}", f"-{inside + more}") if more else ("", "")
    text = f"{outside}{ends[0]}:{inside}{ends[1]}{protocol}"
    assert fields(ports=[text])["ports"] == [text]
    assert len(expanded(text)) == more + 1


@given(NUMBERS, NUMBERS, st.sampled_from(["tcp", "udp"]), st.booleans())
def test_long_ports(outside: int, inside: int, protocol: str, is_text: bool) -> None:
    """The long form is an object here, too."""
    published = str(outside) if is_text else outside
    (found,) = fields(ports=[{"target": inside, "published": published, "protocol": protocol}])[
        "ports"
    ]
    assert found == {"internal": inside, "external": outside, "protocol": protocol}


@given(st.integers(0, 23), st.integers(0, 59), st.integers(1, 59), st.integers(0, 999))
def test_durations(hours: int, minutes: int, seconds: int, thousandths: int) -> None:
    """Times are in seconds here."""
    text = f"{hours}h{minutes}m{seconds}s{thousandths}ms"
    expected = hours * 3600 + minutes * 60 + seconds + thousandths / 1000
    found = fields(stop_grace_period=text)["stop_timeout_seconds"]
    assert found == pytest.approx(expected)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from([*services.KEYS, "source", "target", "test"]), inner)
        ),
        max_leaves=15,
    )
)
def test_any_document(anything: Any) -> None:
    """Whatever a document has at whatever place, it is translated, or it is said what is wrong."""
    for found in (
        {"services": {"web": anything}},
        {"services": {"web": dict.fromkeys(services.KEYS, anything)}},
        dict.fromkeys(keys.DOCUMENT_KEYS, anything),
    ):
        application, findings = document.translated(found, "shop", {})
        assert application.services or findings.faults or findings.notes
