"""The dashboard's files, and what protects who uses it."""

from __future__ import annotations

from twisted.web.resource import IResource

from flocker_lite.control.http.dashboard_pages import KINDS, bundle
from flocker_lite.control.http.files_for_browsers import POLICY, File
from tests.control.http.cluster import ADDRESS_1, RESTTestCase

FILES = {name: File(f"the {name}".encode(), b"tag") for name in KINDS}


class DashboardTests(RESTTestCase):
    """A service with a bundle."""

    files = FILES

    def resource(self) -> IResource:
        return self.api(dashboard=self.files).resource()

    def test_the_page(self) -> None:
        """At /, for a browser, with a policy that lets nothing else run or be asked."""
        reply = self.request("GET", "/")
        assert (reply.status, reply.content) == (200, b"the index.html")
        assert reply.headers["content-type"] == "text/html; charset=utf-8"
        assert reply.headers["content-security-policy"] == POLICY
        assert "unsafe" not in POLICY
        assert reply.headers["x-content-type-options"] == "nosniff"

    def test_its_parts(self) -> None:
        """By name, and nothing else; what the browser has is not sent again."""
        reply = self.request("GET", "/dashboard/app.js")
        assert reply.content == b"the app.js"
        assert reply.headers["content-type"] == "text/javascript; charset=utf-8"
        same = {"If-None-Match": reply.headers["etag"]}
        assert self.request("GET", "/dashboard/app.js", headers=same).status == 304
        for path in ("/dashboard/other", "/dashboard/..%2fdocs.html", "/dashboard/%00"):
            assert self.request("GET", path).status == 404

    def test_another_site(self) -> None:
        """A page of it cannot change anything with the certificate that a browser has."""
        path, body = "/v1/configuration/datasets", {"primary": ADDRESS_1}
        for origin in ("http://evil.example", "null", "http://control.evil.example"):
            reply = self.request("POST", path, json=body, headers={"Origin": origin})
            said = "A page of another site had your browser send this."
            self.assert_refused(reply, 403, said)
        assert self.get("/configuration/datasets") == []
        reply = self.request("POST", path, json=body, headers={"Origin": "https://control"})
        assert reply.status == 201


class NoBundleTests(DashboardTests):
    """A build without one."""

    files = {}

    def test_the_page(self) -> None:
        """Says how it is made; the REST API works."""
        reply = self.request("GET", "/")
        assert reply.status == 404
        assert "admin/setup" in reply.body["description"]
        assert self.get("/version")

    def test_its_parts(self) -> None:
        """Neither."""
        assert self.request("GET", "/dashboard/app.js").status == 404


def test_the_bundle_here() -> None:
    """It is whole, or not there, and asks nobody else."""
    found = bundle()
    assert set(found) in (set(), set(KINDS))
    for name, file in found.items():
        assert file.tag
        if name != "app.js":
            assert b"http" not in file.content.replace(b"http-equiv", b"")
