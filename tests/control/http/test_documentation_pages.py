"""The documentation's pages, and what protects who reads them."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from twisted.web.resource import IResource

from flocker_lite.control.http.documentation_pages import FIRST, KINDS, SEARCHES, pages
from flocker_lite.control.http.files_for_browsers import POLICY
from tests.control.http.cluster import RESTTestCase

NAMES = ("index.html", "howto/lose-a-node.html", "_static/doctools.js", "_images/lease.svg")


class DocumentationTests(RESTTestCase):
    """A service with some pages."""

    def resource(self) -> IResource:
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        files = {name: folder / name.replace("/", "-") for name in NAMES}
        for name, path in files.items():
            path.write_text(f"the {name}", "utf-8")
        return self.api(documentation=files).resource()

    def test_the_first_page(self) -> None:
        """At /docs/, with a policy that lets nothing run but what is served here."""
        reply = self.request("GET", "/docs/")
        assert (reply.status, reply.content) == (200, b"the index.html")
        assert reply.headers["content-type"] == "text/html; charset=utf-8"
        assert reply.headers["content-security-policy"] == SEARCHES
        assert "unsafe" not in SEARCHES
        assert set(SEARCHES.split("; ")) - set(POLICY.split("; ")) == {"form-action 'self'"}
        moved = self.request("GET", "/docs", allow_redirects=False)
        assert (moved.status, moved.headers["location"]) == (308, "/docs/")

    def test_the_others(self) -> None:
        """By their paths, and nothing else; what the browser has is not sent again."""
        reply = self.request("GET", "/docs/howto/lose-a-node.html")
        assert reply.content == b"the howto/lose-a-node.html"
        same = {"If-None-Match": reply.headers["etag"]}
        assert self.request("GET", "/docs/howto/lose-a-node.html", headers=same).status == 304
        for name in (
            "howto",
            "howto/",
            "/index.html",
            "..%2f..%2fapp.py",
            "%2fetc%2fpasswd",
            "%00",
        ):
            assert self.request("GET", f"/docs/{name}").status == 404, name

    def test_a_picture(self) -> None:
        """It has styles, and can do nothing even where it is opened by itself."""
        reply = self.request("GET", "/docs/_images/lease.svg")
        assert reply.headers["content-type"] == "image/svg+xml"
        policy = reply.headers["content-security-policy"]
        assert "sandbox" in policy
        assert "script" not in policy


class NoDocumentationTests(RESTTestCase):
    """A build without it."""

    def resource(self) -> IResource:
        return self.api(documentation={}).resource()

    def test_says_how_it_is_made(self) -> None:
        """The REST API works."""
        reply = self.request("GET", "/docs/")
        assert reply.status == 404
        assert "admin/setup" in reply.body["description"]
        assert self.get("/version")


def test_the_pages_here() -> None:
    """All or none are there; no page has a script or a style in it, or asks another machine."""
    found = pages()
    assert not found or FIRST in found
    assert {path.suffix for path in found.values()} <= set(KINDS)
    inline = re.compile(r"<style|<script(?![^>]*src=)|<[^>]+ (?:style|on[a-z]+)=", re.IGNORECASE)
    elsewhere = re.compile(
        r"(?:src|srcset|action)=\"(?:https?:)?//|<link[^>]+href=\"(?:https?:)?//"
    )
    for name, path in found.items():
        text = path.read_text("utf-8") if path.suffix in (".html", ".css") else ""
        assert "@import url(http" not in text, name
        if path.suffix == ".html":
            assert not inline.search(text), name
            assert not elsewhere.search(text), name
