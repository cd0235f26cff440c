"""Serves the dashboard: a page that uses the REST API as any other client does.

Its files are bundled from `web` by `admin/setup`, and are no part of the source.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources

from klein import Klein
from twisted.web.iweb import IRequest

from flocker_lite.control.http.files_for_browsers import File, answer, missing

FOLDER = "dashboard"
KINDS = {
    "index.html": "text/html; charset=utf-8",
    "app.js": "text/javascript; charset=utf-8",
    "style.css": "text/css; charset=utf-8",
}
_MISSING = "This build has no dashboard: admin/setup makes it. See /v1/docs."


def bundle() -> Mapping[str, File]:
    """The files of the bundle that are here, by name."""
    folder = resources.files(__package__).joinpath(FOLDER)
    found = {}
    for name in KINDS:
        path = folder.joinpath(name)
        if path.is_file():
            found[name] = File.of(path.read_bytes())
    return found


def add_dashboard(klein: Klein, files: Mapping[str, File]) -> None:
    """Serve the page at /, and what it needs below /dashboard."""

    def page(request: IRequest) -> bytes:
        return _answer(request, "index.html", files)

    def part(request: IRequest, name: str) -> bytes:
        return _answer(request, name, files)

    klein.route("/", methods=["GET"], endpoint="dashboard")(page)
    klein.route(f"/{FOLDER}/<name>", methods=["GET"], endpoint="dashboard_part")(part)


def _answer(request: IRequest, name: str, files: Mapping[str, File]) -> bytes:
    file = files.get(name)
    return missing(request, _MISSING) if file is None else answer(request, file, KINDS[name])
