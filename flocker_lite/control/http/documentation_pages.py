"""Serves the documentation: the pages of `docs`, as HTML.

`admin/setup` makes them with Sphinx; they are no part of the source.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from pathlib import Path, PurePosixPath

from klein import Klein
from twisted.web.iweb import IRequest

from flocker_lite.control.http.files_for_browsers import POLICY, File, answer, missing

FOLDER = "documentation"
PREFIX = "/docs/"
FIRST = "index.html"
KINDS = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}
"""By the end of a file's name; no other file is served."""

SEARCHES = POLICY.replace("form-action 'none'", "form-action 'self'")
"""The policy of the dashboard, but that a page may ask the page that searches."""

_PICTURE = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox"
"""A picture has styles of its own, and cannot do anything."""

_MISSING = "This build has no such page; admin/setup makes those of docs. See /v1/docs."


def pages() -> Mapping[str, Path]:
    """The files that are here, by their paths below /docs/."""
    folder = Path(str(resources.files(__package__))) / FOLDER
    return {
        path.relative_to(folder).as_posix(): path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix in KINDS
    }


def add_documentation(klein: Klein, files: Mapping[str, Path]) -> None:
    """Serve these files below /docs/, and the first page there."""

    def first(request: IRequest) -> bytes:
        return _answer(request, FIRST, files)

    def moved(request: IRequest) -> bytes:
        request.setResponseCode(308)
        request.setHeader("Location", PREFIX)
        return b""

    def page(request: IRequest, name: str) -> bytes:
        return _answer(request, name, files)

    klein.route(PREFIX.rstrip("/"), methods=["GET"], endpoint="documentation_moved")(moved)
    klein.route(PREFIX, methods=["GET"], endpoint="documentation")(first)
    klein.route(f"{PREFIX}<path:name>", methods=["GET"], endpoint="documentation_page")(page)


def _answer(request: IRequest, name: str, files: Mapping[str, Path]) -> bytes:
    """One of the files; whatever the name says, no other one."""
    if name not in files:
        return missing(request, _MISSING)
    suffix = PurePosixPath(name).suffix
    policy = _PICTURE if suffix == ".svg" else SEARCHES
    return answer(request, File.of(files[name].read_bytes()), KINDS[suffix], policy)
