"""The OpenAPI document is valid, and says what there is."""

from __future__ import annotations

import re

from openapi_spec_validator import validate

from flocker_lite import __version__
from flocker_lite.control.http import openapi
from tests.control.http.cluster import RESTTestCase

OPERATIONS = {
    "GET /v1/version",
    "GET /v1/leader",
    "GET /v1/openapi.json",
    "GET /v1/docs",
    "GET /v1/events",
    "GET /v1/configuration/datasets",
    "POST /v1/configuration/datasets",
    "GET /v1/configuration/datasets/{dataset_id}",
    "POST /v1/configuration/datasets/{dataset_id}",
    "DELETE /v1/configuration/datasets/{dataset_id}",
    "POST /v1/configuration/datasets/{dataset_id}/settle",
    "DELETE /v1/configuration/datasets/{dataset_id}/copies/{host}",
    "GET /v1/configuration/containers",
    "POST /v1/configuration/adoptions",
    "POST /v1/configuration/releases",
    "POST /v1/configuration/containers",
    "GET /v1/configuration/containers/{name}",
    "POST /v1/configuration/containers/{name}",
    "DELETE /v1/configuration/containers/{name}",
    "POST /v1/configuration/containers/{name}/restart",
    "POST /v1/configuration/containers/{name}/retry",
    "POST /v1/configuration/containers/{name}/failover",
    "POST /v1/configuration/datasets/{dataset_id}/failover",
    "GET /v1/configuration/leases",
    "POST /v1/configuration/leases",
    "GET /v1/configuration/leases/{dataset_id}",
    "DELETE /v1/configuration/leases/{dataset_id}",
    "GET /v1/configuration/images",
    "POST /v1/configuration/images",
    "GET /v1/configuration/images/{image_id}",
    "DELETE /v1/configuration/images/{image_id}",
    "GET /v1/configuration/nodes",
    "GET /v1/configuration/nodes/{node}",
    "POST /v1/configuration/nodes/{node}",
    "DELETE /v1/configuration/nodes/{node}",
    "POST /v1/configuration/nodes/{node}/drain",
    "DELETE /v1/configuration/nodes/{node}/drain",
    "POST /v1/configuration/nodes/{node}/return",
    "GET /v1/configuration/registries",
    "POST /v1/configuration/registries",
    "GET /v1/configuration/registries/{registry}",
    "DELETE /v1/configuration/registries/{registry}",
    "GET /v1/configuration/applications",
    "POST /v1/configuration/applications",
    "GET /v1/configuration/applications/{name}",
    "POST /v1/configuration/applications/{name}",
    "DELETE /v1/configuration/applications/{name}",
    "GET /v1/configuration/secrets",
    "POST /v1/configuration/secrets",
    "GET /v1/configuration/secrets/{name}",
    "POST /v1/configuration/secrets/{name}",
    "DELETE /v1/configuration/secrets/{name}",
    "GET /v1/state/images",
    "GET /v1/state/images/{image_id}",
    "GET /v1/user",
    "GET /v1/state/audit",
    "GET /v1/state/audit/{id}",
    "GET /v1/state/forgotten_nodes",
    "GET /v1/state/forgotten_nodes/{uuid}",
    "GET /v1/state/set_aside",
    "GET /v1/state/set_aside/{name}",
    "DELETE /v1/state/set_aside/{name}",
    "GET /v1/state/datasets",
    "GET /v1/state/datasets/{dataset_id}",
    "GET /v1/state/containers",
    "GET /v1/state/containers/{name}",
    "GET /v1/state/containers/{name}/logs",
    "GET /v1/state/nodes",
    "GET /v1/state/nodes/{uuid}",
    "GET /v1/state/nodes/by_era/{era}",
    "GET /v1/state/nodes/{uuid}/doctor",
    "GET /v1/state/doctor",
    "GET /v1/state/usage",
    "GET /v1/state/moves",
    "GET /v1/state/moves/{move_id}",
    "DELETE /v1/state/moves/{move_id}",
}


def test_valid() -> None:
    """It is OpenAPI 3.1."""
    validate(openapi.load().content)


def test_version() -> None:
    """It is the document of this release."""
    assert openapi.load().content["info"]["version"] == __version__


def test_operations() -> None:
    """It has every operation, and no other."""
    found = {f"{operation.method} {operation.path}" for operation in openapi.load().operations()}
    assert found == OPERATIONS


def violations(**more: object) -> tuple[str, ...]:
    """What is wrong with a container."""
    [create] = [o for o in openapi.load().operations() if o.name == "create_container"]
    return create.judged({"host": "10.0.0.1", "name": "a", "image": "b", **more})[0]


def test_few_violations() -> None:
    """Of very many violations, only so many are told."""
    environment = {str(number): 5 for number in range(10_000)}
    assert len(violations(environment=environment)) == openapi.VIOLATIONS_MAX


def test_short_violations() -> None:
    """A message does not quote much of what is wrong."""
    [message] = violations(name="." * 100 + "a" * 20)
    assert message.startswith(f"'{'.' * 100}")
    assert message.endswith("does not match '^[a-zA-Z0-9_-]+$(?!\\\\n)'")
    [message] = violations(memory_limit="1" * 100_000)
    assert "characters]" in message
    assert message.endswith("11' is no size")
    assert len(message) < openapi.VIOLATION_CHARACTERS_MAX + 50


def test_large_arrays() -> None:
    """Whether the items of a long array are unique is found out without comparing them all."""
    ports = [{"internal": number} for number in range(20_000)]
    assert not [m for m in violations(ports=ports) if "non-unique" in m]
    assert [m for m in violations(ports=[*ports, ports[0]]) if "non-unique" in m]


class OpenAPITests(RESTTestCase):
    """GET /v1/openapi.json"""

    def test_served(self) -> None:
        """Clients get the very document that requests are checked against."""
        assert self.get("/openapi.json") == openapi.load().content


class DocsTests(RESTTestCase):
    """GET /v1/docs"""

    def test_page(self) -> None:
        """It has every operation and every schema, and needs nothing from elsewhere."""
        reply = self.request("GET", "/v1/docs")
        assert reply.headers["content-type"] == "text/html; charset=utf-8"
        text = reply.content.decode()
        for operation in openapi.load().operations():
            assert f'<section id="{operation.name}">' in text
            assert operation.path in text
        for name in openapi.load().content["components"]["schemas"]:
            assert f'<section id="schema-{name}">' in text
        assert "src=" not in text
        assert "$ref" not in text
        links = re.findall('href="([^"]*)"', text)
        ids = set(re.findall('id="([^"]*)"', text))
        assert all(link in ("openapi.json", "../docs/") or link[1:] in ids for link in links)
        assert "{{" not in text
