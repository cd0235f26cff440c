"""Sections 1 and 2 of the tables: the transport, and the shapes of errors."""

from __future__ import annotations

from flocker_lite import __version__
from tests.conformance.rows import (
    ADDRESS_1,
    ANYTHING,
    BAD_QUERY,
    CONTAINERS,
    D1,
    DATASET,
    DATASET_BODY,
    DATASETS,
    NODE_1,
    NODE_2,
    Row,
    Step,
    a_dataset,
    delete,
    get,
    post,
    row,
)

WRONG_TYPE = "The request Content-Type was not a supported type (application/json)."
NOT_JSON = (
    "The request body could not be decoded according to the value of the\nContent-Type header."
)
NOTHING_HERE = "There is nothing at this path; see /v1/docs."
_BODY = f'{{"primary": "{ADDRESS_1}"}}'.encode()


def _typed(content_type: str | None, status: int, description: str | None = None) -> Step:
    headers = {} if content_type is None else {"Content-Type": content_type}
    return Step("POST", DATASETS, status, _BODY, headers, description=description)


def _raw(body: bytes, status: int, description: str | None = None) -> Step:
    headers = {"Content-Type": "application/json"}
    return Step("POST", DATASETS, status, body, headers, description=description)


def _not_found(path: str) -> Step:
    return get(path, status=404, description=NOTHING_HERE)


def _not_allowed(method: str, path: str, methods: str) -> Step:
    return Step(method, path, 405, description=f"Here there is only {methods}.")


TRANSPORT: tuple[Row, ...] = (
    row("1", "query strings are ignored", get("/v1/version?x=y", answer={"flocker": __version__})),
    row(
        "1",
        "a read ignores what it does not know",
        get(f"{DATASETS}?_=1700000000&pretty", answer=ANYTHING),
    ),
    row(
        "1",
        "a misspelt parameter is refused",
        get(f"{DATASETS}?hots=10.77.0.11", status=400, errors=1),
        get(f"{DATASETS}?Delete=1", status=400, errors=1),
        differs="Flocker 0.4 has no query parameters: it ignores all of them.",
    ),
    row(
        "1",
        "a write refuses any parameter that it does not know",
        a_dataset,
        post(f"{D1}?dryrun=1", {"primary": NODE_2}, 400, errors=1),
        post(f"{D1}?x=y", {"primary": NODE_2}, 400, errors=1),
        post(f"{DATASETS}?dry_run=1", {"dataset_id": "<d2>", "primary": NODE_1}, 400, errors=1),
        delete(f"{D1}?dry_run=1", 400, errors=1),
        get(D1, answer=DATASET_BODY),
        differs="Query strings are ignored: the write is carried out.",
    ),
    row(
        "1",
        "a write refuses a condition that it does not know",
        post(DATASETS, DATASET, 400, headers={"If-Match": "x"}, answer=ANYTHING),
        post(DATASETS, DATASET, 400, headers={"X-If-Configuration-Match": "x"}, answer=ANYTHING),
        get(D1, status=404),
        differs="Headers that are not known are ignored: the write is carried out.",
    ),
    row(
        "1",
        "values that a known parameter cannot have are refused",
        get(f"{DATASETS}?limit=x", status=400, errors=1),
        get(f"{DATASETS}?limit=1&limit=2", status=400, errors=1),
        differs="Flocker 0.4 has no query parameters: it ignores all of them.",
    ),
    row(
        "1",
        "DELETE reads no body",
        a_dataset,
        Step("DELETE", D1, 200, b"{", {"Content-Type": "text/plain"}),
    ),
    row("1", "GET reads no body", Step("GET", DATASETS, 200, b"{")),
    row("1", "application/json", _typed("application/json", 201)),
    row(
        "1",
        "a charset",
        _typed("application/json; charset=utf-8", 201),
        differs="400: any parameter of the content type is refused.",
    ),
    row(
        "1",
        "other content types",
        _typed("application/x-www-form-urlencoded", 400, WRONG_TYPE),
        _typed("text/plain", 400, WRONG_TYPE),
        _typed(None, 400, WRONG_TYPE),
    ),
    row(
        "1",
        "the content type is looked at before the body",
        Step("POST", DATASETS, 400, b"{", {"Content-Type": "text/plain"}, description=WRONG_TYPE),
    ),
    row(
        "1",
        "the route is looked at before the content type",
        Step("POST", "/v1/version", 405, b"{", description="Here there is only GET, HEAD."),
    ),
    row(
        "1",
        "HEAD",
        *(Step("HEAD", path) for path in ("/v1/version", DATASETS, "/v1/docs", "/v1/events")),
        differs="400.",
    ),
)

ERRORS: tuple[Row, ...] = (
    row("2", "handler error", get(D1, status=404, description="Dataset not found.")),
    row(
        "2",
        "unparsable JSON",
        _raw(b"", 400, NOT_JSON),
        _raw(b"{", 400, NOT_JSON),
        _raw(b"\xff", 400, NOT_JSON),
        _raw(b'{"primary": NaN}', 400, NOT_JSON),
    ),
    row(
        "2",
        "a body that is too long",
        _raw(b" " * 1024 * 1024 + _BODY, 413, "The request body is longer than 1048576 bytes."),
        differs="There is no limit.",
    ),
    row(
        "2",
        "schema failure",
        post(DATASETS, [], 400, errors=1),
        post(DATASETS, None, 400, errors=1),
        post(DATASETS, {"junk": 1, "maximum_size": 1, "metadata": 5}, 400, errors=4),
        differs="The texts in ``errors`` are those of a later jsonschema: no u'...', for example.",
    ),
    row(
        "2",
        "unknown paths",
        *map(
            _not_found,
            ("/v1", "/v1/", f"{DATASETS}/", "/v1/version/", "/v2/version", "/v1//version"),
        ),
        differs="404 as well, with a page in HTML.",
    ),
    row(
        "2",
        "wrong methods",
        _not_allowed("PUT", DATASETS, "GET, HEAD, POST"),
        _not_allowed("PUT", D1, "DELETE, GET, HEAD, POST"),
        _not_allowed("PATCH", f"{CONTAINERS}/x", "DELETE, GET, HEAD, POST"),
        _not_allowed("DELETE", CONTAINERS, "GET, HEAD, POST"),
        differs="405 as well, with a page in HTML.",
    ),
    row(
        "2",
        "a query that is refused says what is wrong",
        get(
            f"{DATASETS}?deleted=maybe",
            status=400,
            answer={
                "description": BAD_QUERY,
                "errors": ["deleted: 'maybe' is not of type 'boolean'"],
                "problems": [
                    {
                        "path": "?deleted",
                        "given": '"maybe"',
                        "allowed": "true or false",
                        "message": '?deleted: "maybe" is not true or false',
                    }
                ],
            },
        ),
        differs="Flocker 0.4 has no query parameters.",
    ),
    row(
        "4",
        "GET /v1/version",
        get("/v1/version", answer={"flocker": __version__}),
        differs="The version is ours.",
    ),
    row(
        "beyond",
        "the document and the page",
        get("/v1/openapi.json", answer=ANYTHING),
        get("/v1/docs", answer=ANYTHING),
        differs="404.",
    ),
    row("4", "DELETE of what was never there", delete(D1, 404, description="Dataset not found.")),
    row("4", "a dataset that is created", post(DATASETS, DATASET, 201)),
)
