"""Fields of how a container is reached, and of what it reaches, in requests and answers."""

from __future__ import annotations

from typing import Any

from flocker_lite.model.container_fields.networks import NOT_NETWORKS
from tests.control.http.container_bodies import WEB, ContainersTestCase

IN_USE = "A specified external port is already in use."


def tcp(internal: int, external: int) -> dict[str, Any]:
    """A TCP port, as it is answered."""
    return {"internal": internal, "external": external}


def udp(internal: int, external: int) -> dict[str, Any]:
    """A UDP port, as it is answered."""
    return {**tcp(internal, external), "protocol": "udp"}


class PortsTests(ContainersTestCase):
    """POST /v1/configuration/containers"""

    def test_short(self) -> None:
        """Docker's short forms are answered as objects, ranges port by port."""
        asked = ["8080:80", "53:5353/udp", "53:5353/tcp", "7001-7003:1-3", {**tcp(9, 9)}]
        assert self.container(ports=asked)["ports"] == [
            tcp(9, 9),
            tcp(5353, 53),
            udp(5353, 53),
            tcp(1, 7001),
            tcp(2, 7002),
            tcp(3, 7003),
            tcp(80, 8080),
        ]

    def test_at_one_address(self) -> None:
        """The address is part of the answer, unless it stands for every address."""
        asked = [
            "127.0.0.1:80:80",
            "[::1]:81:80/udp",
            {**tcp(80, 82), "host_ip": "10.0.0.1"},
            "0.0.0.0:83:80",
            {**tcp(80, 84), "host_ip": "::", "protocol": "tcp"},
        ]
        assert self.container(ports=asked)["ports"] == [
            {**tcp(80, 80), "host_ip": "127.0.0.1"},
            {**udp(80, 81), "host_ip": "::1"},
            {**tcp(80, 82), "host_ip": "10.0.0.1"},
            tcp(80, 83),
            tcp(80, 84),
        ]

    def test_refused(self) -> None:
        """The answer says what a port is."""
        bad: tuple[Any, ...] = (
            *("80", "8080:80/sctp", "8080:80:udp", "0:80", "80:65536", "1-2:1-3", "2-1:2-1"),
            *("1.2.3.400:80:80", "localhost:80:80", "::1:80:80", "80:80 ", "", "web:80"),
            *(80, None, {"internal": 80}, {**tcp(80, 80), "protocol": "sctp"}),
            *({**tcp(80, 80), "host_ip": "localhost"}, {**tcp(80, 80), "mode": "host"}),
        )
        for value in bad:
            self.assert_invalid(self.create(ports=[value]))
        self.assert_nothing()
        answer = self.create(ports=["8080"])
        assert answer.body["problems"] == [
            {
                "path": "$.ports[0]",
                "given": '"8080"',
                "allowed": 'an object with internal and external, or a text such as "8080:80", '
                '"127.0.0.1:8080:80/udp" or "8000-8005:8000-8005"',
                "message": '$.ports[0]: "8080" is not an object with internal and external, or a '
                'text such as "8080:80", "127.0.0.1:8080:80/udp" or "8000-8005:8000-8005"',
            }
        ]

    def test_too_many(self) -> None:
        """Those of ranges count."""
        self.assert_invalid(self.create(ports=["1000-1200:1000-1200", "2000-2055:2000-2055"]))
        self.assert_nothing()
        body = self.container(ports=["1000-1200:1000-1200", "2000-2054:2000-2054"])
        assert len(body["ports"]) == 256

    def test_conflicts(self) -> None:
        """A number is in use for one protocol alone, whatever address it is open at."""
        self.container(ports=["53:53/udp", "127.0.0.1:80:80"])
        for port, said in (("50-53:1-4/udp", "53/udp"), ("80:1", "80"), ("10.0.0.1:80:1", "80")):
            answer = self.create(name="other", ports=[port])
            self.assert_refused(answer, 409, IN_USE)
            assert answer.body["problems"] == [
                {"message": f"external port {said} is used by container web", "used_by": "web"}
            ]
        answer = self.create(name="other", ports=["54:1/udp", "54:2/udp"])
        assert answer.body["problems"][0]["message"] == "external port 54/udp is named twice"
        assert self.create(name="other", ports=["53:53", "80:80/udp"]).status == 201

    def test_changed(self) -> None:
        """All ports are replaced, and null is none."""
        self.container(ports=["53:53/udp"])
        assert self.post(WEB, {"ports": ["53:54"]}).body["ports"] == [tcp(54, 53)]
        assert "ports" not in self.post(WEB, {"ports": None}).body


class NamesTests(ContainersTestCase):
    """The same, of how a container finds others by their names."""

    def test_accepted(self) -> None:
        """Each is answered as a list of texts, in the order in which it was asked for."""
        asked: tuple[tuple[str, Any, list[str]], ...] = (
            ("expose", [80, "53/udp", "90-91/tcp", "80"], ["80", "53/udp", "90", "91"]),
            ("extra_hosts", ["b:10.0.0.1", "a=fd00::1"], ["b:10.0.0.1", "a:fd00::1"]),
            ("extra_hosts", ["a:[fd00::1]", "a:::1"], ["a:fd00::1", "a:::1"]),
            (
                "extra_hosts",
                {"db.x": "10.0.0.1", "node": "host-gateway"},
                ["db.x:10.0.0.1", "node:host-gateway"],
            ),
            ("dns", "10.0.0.53", ["10.0.0.53"]),
            ("dns", ["fd00::53", "10.0.0.53"], ["fd00::53", "10.0.0.53"]),
            ("dns_search", ".", ["."]),
            ("dns_search", ["example.org", "x"], ["example.org", "x"]),
        )
        for number, (name, value, answer) in enumerate(asked):
            assert self.container(name=f"web{number}", **{name: value})[name] == answer

    def test_refused(self) -> None:
        """What Docker would not take is refused."""
        hosts: tuple[Any, ...] = ([], ["db"], ["db:host"], [":10.0.0.1"], ["a b:::1"])
        more: tuple[Any, ...] = ({"": "::1"}, {"a": "b"}, {"a\n": "::1"}, {}, "a:::1")
        bad: tuple[tuple[str, Any], ...] = (
            *(("expose", each) for each in ([], ["0"], [65536], ["80/sctp"], ["1-300"], ["2-1"])),
            *(("expose", each) for each in ([True], ["80:80"], "80")),
            *(("extra_hosts", each) for each in (*hosts, *more)),
            *(("dns", each) for each in ([], ["host"], "", "1.2.3", [1], ["::1", "::1"])),
            *(("dns_search", each) for each in ([], [""], ["a b"], "x\n", ["-"])),
        )
        for name, value in bad:
            self.assert_invalid(self.create(**{name: value}))
        self.assert_nothing()


class NetworksTests(ContainersTestCase):
    """The networks of a container."""

    def test_accepted(self) -> None:
        """A list of names, or what each network knows the container by."""
        assert self.container(networks=["front", "back"])["networks"] == {"back": {}, "front": {}}
        asked = {"front": {"aliases": ["api", "api.example.org"]}, "back": None, "x.y_z-1": {}}
        answer = self.post(WEB, {"networks": asked}).body["networks"]
        assert answer == {"back": {}, "front": asked["front"], "x.y_z-1": {}}
        assert "networks" not in self.post(WEB, {"networks": None}).body

    def test_refused(self) -> None:
        """Names are such as Docker takes."""
        bad: tuple[Any, ...] = (
            *([], {}, "front", ["a b"], ["-a"], ["a", "a"], [""], ["x" * 101], {"a\n": {}}),
            *({"a": {"aliases": ["x y"]}}, {"a": {"aliases": "x"}}, {"a": {"ipv4_address": "1"}}),
            *({"a": []}, {"a": {"aliases": ["x", "x"]}}, [f"n{number}" for number in range(17)]),
        )
        for value in bad:
            self.assert_invalid(self.create(networks=value))
        self.assert_nothing()

    def test_no_networks(self) -> None:
        """What Docker calls a network, and is none here, is refused with what to do instead."""
        for name, advice in NOT_NETWORKS.items():
            for value, path in (([name], "$.networks[0]"), ({name: None}, f"$.networks.{name}")):
                reply = self.create(networks=value)
                self.assert_invalid(reply)
                (problem,) = reply.body["problems"]
                message = f"{path}: {name} is not the name of a network: {advice}"
                assert (problem["path"], problem["message"]) == (path, message)
        self.assert_nothing()
        assert self.container(networks=["hosts"])["networks"] == {"hosts": {}}
