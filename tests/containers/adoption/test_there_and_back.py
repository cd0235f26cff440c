"""What we have Docker make of a container is translated back into the same container."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from hypothesis import assume, given

from flocker_lite.containers.adoption.draft import Inspected
from flocker_lite.containers.adoption.translation import adoption
from flocker_lite.containers.translate import create_arguments
from flocker_lite.control.http import bodies, openapi
from flocker_lite.model.adoption import Adoption
from flocker_lite.model.fields import rows
from flocker_lite.model.records import Container
from flocker_lite.testing.made_up_inspect import inspected, made_up_image
from tests.containers.adoption.containers_to_adopt import (
    BINDS,
    IMAGE_CONFIGS,
    NOT_TOLD,
    containers,
)

ALLOW = ("/srv/web", "/opt/app", "/home/someone")
OURS = ("flocker-lite.managed", "flocker-lite.configuration", "flocker-lite.fingerprint")


def arguments_of(container: Container) -> dict[str, Any]:
    """What Docker is asked for, without the labels by which we know our containers again."""
    arguments = create_arguments(container, BINDS, "10.0.0.1")
    labels = {key: each for key, each in arguments["Labels"].items() if key not in OURS}
    return {**arguments, "Labels": labels}


def adopted(container: Container, image: dict[str, Any]) -> Adoption:
    """What would become of it if somebody else had made it."""
    image = {**image, "Architecture": "arm64" if container.platform else "amd64"}
    details = inspected(container.name, arguments_of(container), image)
    return adoption(Inspected(details, image, node_platform="linux/amd64"), ALLOW)


def container_of(found: Adoption) -> Container:
    """The container that the control service makes of it, with the paths of its datasets as ids."""
    paths = {source.dataset: source.path for source in found.sources}
    ids = {path: dataset_id for dataset_id, path in BINDS.items()}
    volumes = [
        {
            **{key: value for key, value in volume.items() if key != "dataset"},
            "dataset_id": ids[path],
        }
        for volume in found.fields.get("volumes", ())
        if (path := paths[volume["dataset"]]) is not None
    ]
    body = {**found.fields, "volumes": volumes, "host": "a"}
    return replace(bodies.container_from_body(body), node="a")


@given(containers())
def test_the_same_fields(container: Container) -> None:
    """With an image that gives nothing, each field that Docker is told comes back."""
    found = adopted(container, made_up_image())
    assert container_of(found) == container
    assert not found.hindrances


@given(containers(), IMAGE_CONFIGS)
def test_the_same_in_docker(container: Container, image_config: dict[str, Any]) -> None:
    """With any image, Docker makes the same container of the fields again."""
    image = made_up_image(image_config)
    before = inspected("x", arguments_of(container), image)
    # Our own variables replace the image's, so none of those is missing.
    assume(before["Config"]["Cmd"] or before["Config"]["Entrypoint"])
    after = inspected("x", arguments_of(container_of(adopted(container, image))), image)
    for part in (before, after):
        part["Config"]["Env"].sort()
        program = (part["Config"].pop("Entrypoint") or []) + (part["Config"].pop("Cmd") or [])
        part["Config"]["program"] = program
        for key in ("Id", "Labels", "Hostname"):
            part.pop(key, None)
        part["NetworkSettings"]["Networks"] = sorted(part["NetworkSettings"]["Networks"])
    assert after == before


@given(containers(), IMAGE_CONFIGS)
def test_nothing_is_repeated(container: Container, image_config: dict[str, Any]) -> None:
    """What the image says already is in no field."""
    fields = adopted(container, made_up_image(image_config)).fields
    for text in image_config.get("Env", ()):
        key, _, value = text.partition("=")
        assert fields.get("environment", {}).get(key) != value
    for key, value in image_config.get("Labels", {}).items():
        assert fields.get("labels", {}).get(key) != value
    for field, key in (
        ("user", "User"),
        ("working_dir", "WorkingDir"),
        ("stop_signal", "StopSignal"),
    ):
        assert field not in fields or fields[field] != image_config.get(key)


@given(containers())
def test_what_can_be_asked_for(container: Container) -> None:
    """The fields are those of a request that creates a container, and what they say is allowed."""
    found = adopted(container, made_up_image())
    validator = openapi.load().validator("/components/schemas/CreateContainer")
    assert not list(validator.iter_errors({**found.fields, "host": "10.0.0.1"}))


def test_each_field_is_considered() -> None:
    """A new field comes back, or it is said why it does not."""
    drawn = {
        row.attribute
        for row in rows(Container)
        if row.attribute not in NOT_TOLD and row.about.request is not None
    }
    attributes = {field.name for field in fields(Container)}
    assert attributes >= NOT_TOLD.keys()
    examples: set[str] = set()

    @given(containers())
    def look(container: Container) -> None:
        examples.update(
            row.attribute
            for row in rows(Container)
            if getattr(container, row.attribute) != row.default
        )

    look()
    assert drawn <= examples
