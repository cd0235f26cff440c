"""Answers with files of this build, as the dashboard and the documentation have them; no API."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from twisted.web.iweb import IRequest

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Whatever a text of the cluster says, the page runs nothing and asks nobody else."""

_HEADERS = {
    "Cache-Control": "no-cache",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@dataclass(frozen=True, slots=True)
class File:
    """What is in a file; the tag is another one when the content is."""

    content: bytes
    tag: bytes

    @classmethod
    def of(cls, content: bytes) -> File:
        """With the tag of this content."""
        return cls(content, hashlib.sha256(content).hexdigest()[:32].encode())


def answer(request: IRequest, file: File, kind: str, policy: str = POLICY) -> bytes:
    """The file, of this content type; nothing if the browser has it."""
    headers = {**_HEADERS, "Content-Security-Policy": policy, "Content-Type": kind}
    for header, value in headers.items():
        request.setHeader(header, value)
    return file.content if request.setETag(file.tag) is None else b""


def missing(request: IRequest, description: str) -> bytes:
    """That there is no such file, and what to do."""
    request.setResponseCode(404)
    request.setHeader("Content-Type", "application/json")
    return json.dumps({"description": description}).encode("ascii")
