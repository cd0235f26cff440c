"""Computes the paths and contents of docker-registry's storage folder; pure."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

CONFIGURATION_TYPE = "application/vnd.docker.container.image.v1+json"
MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json"
# The layer is not compressed: within one machine it costs more to unpack than to copy.
LAYER_TYPE = "application/vnd.docker.image.rootfs.diff.tar"
TOP = "docker/registry/v2"


@dataclass(frozen=True, slots=True)
class Blob:
    """A file that the registry knows by its digest (`sha256:...`)."""

    digest: str
    size_bytes: int


def digest_of(content: bytes) -> str:
    """The digest by which the registry knows this content."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


def make_manifest(configuration: Blob, layers: Sequence[Blob]) -> bytes:
    """The manifest of an image: its configuration and its layers, lowest first."""
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": descriptor(CONFIGURATION_TYPE, configuration),
        "layers": [descriptor(LAYER_TYPE, layer) for layer in layers],
    }
    return json.dumps(manifest, indent=2).encode()


def descriptor(media_type: str, blob: Blob) -> dict[str, str | int]:
    """How a manifest names a blob."""
    return {"mediaType": media_type, "size": blob.size_bytes, "digest": blob.digest}


def blob_path(digest: str) -> str:
    """The path of a blob in the storage folder."""
    hexadecimal = digest.removeprefix("sha256:")
    return f"{TOP}/blobs/sha256/{hexadecimal[:2]}/{hexadecimal}/data"


def image_files(
    name: str, tag: str, configuration: bytes, layers: Sequence[Blob]
) -> Iterator[tuple[str, bytes]]:
    """Path and content of each file that makes an image known; the layers' own blobs are left out.

    `name` has the folder that Docker's default registry gives it: `library/redis`.
    """
    configuration_blob = Blob(digest_of(configuration), len(configuration))
    manifest = make_manifest(configuration_blob, layers)
    manifest_digest = digest_of(manifest)
    yield blob_path(configuration_blob.digest), configuration
    yield blob_path(manifest_digest), manifest
    repository = f"{TOP}/repositories/{name}"
    for digest in (configuration_blob.digest, *(layer.digest for layer in layers)):
        yield f"{repository}/_layers/{link_path(digest)}", digest.encode()
    manifests = f"{repository}/_manifests"
    yield f"{manifests}/revisions/{link_path(manifest_digest)}", manifest_digest.encode()
    yield f"{manifests}/tags/{tag}/index/{link_path(manifest_digest)}", manifest_digest.encode()
    yield f"{manifests}/tags/{tag}/current/link", manifest_digest.encode()


def link_path(digest: str) -> str:
    """The path of the link to this digest, in a folder of links."""
    return f"{digest.replace(':', '/')}/link"
