"""A user who may only read: everything is shown, and nothing is changed."""

from __future__ import annotations

from twisted.web.resource import IResource

from flocker_lite.control.http import openapi
from tests.control.http.cluster import ADDRESS_1, ADDRESS_2, NODE_1, RESTTestCase

ONLY_READS = "Your certificate is that of a read-only user."


class ReadOnlyTests(RESTTestCase):
    """The REST API as such a user has it."""

    def resource(self) -> IResource:
        return self.api(may_write=lambda request: False).resource()

    def test_every_write(self) -> None:
        """Each is refused before anything else of it is looked at; nothing has changed then."""
        before = self.control.configuration
        writes = [item for item in openapi.load().operations() if not item.reads]
        assert len(writes) >= 10
        for operation in writes:
            path = operation.path.replace("{", "").replace("}", "")
            for body in (b"", b"nonsense", b'{"primary": "10.77.0.11"}'):
                headers = {"X-If-Configuration-Matches": "x"}
                reply = self.request(operation.method, path, data=body, headers=headers)
                self.assert_refused(reply, 403, ONLY_READS)
        assert self.control.configuration is before

    def test_a_write_that_is_right(self) -> None:
        """Also one that would have been carried out."""
        reply = self.post("/configuration/datasets", {"primary": ADDRESS_1})
        self.assert_refused(reply, 403, ONLY_READS)
        assert self.get("/configuration/datasets") == []

    def test_dry_run(self) -> None:
        """What a move would be like may be asked by anybody: it changes nothing."""
        where = {"host": ADDRESS_2}
        for query, status in (
            ("dry_run=1", 404),
            ("dry_run=true", 404),
            ("dry_run=0", 403),
            ("dry_run=perhaps", 403),
            ("dryrun=1", 403),
            ("", 403),
        ):
            reply = self.post(f"/configuration/containers/none?{query}", where)
            assert reply.status == status, query
        # Of an operation that knows no dry run it is none.
        reply = self.post("/configuration/datasets?dry_run=1", {"primary": ADDRESS_1})
        self.assert_refused(reply, 403, ONLY_READS)

    def test_reading(self) -> None:
        """What there is, and the documents."""
        for path in ("/version", "/openapi.json", "/configuration/datasets", "/state/nodes"):
            assert self.request("GET", f"/v1{path}").status == 200
        assert self.request("HEAD", "/v1/configuration/datasets").status == 200
        assert self.request("GET", f"/v1/state/nodes/{NODE_1}").status == 200
