"""Holds the server's answers against openapi.yml."""

from __future__ import annotations

import re
from typing import Any

from flocker_lite.control.http import openapi


class Documented:
    """What openapi.yml says that the server answers."""

    def __init__(self) -> None:
        self._document = openapi.load()

    def check(self, method: str, path: str, status: int, body: Any) -> None:
        """Fail when that is not what is documented, or not documented at all."""
        pointer = self._operation(method.lower(), path.removeprefix("/v1").partition("?")[0])
        if pointer is None:
            assert status in (404, 405), (method, path, status)
            response = "/components/responses/Refused"
        else:
            responses = self._get(pointer)["responses"]
            key = str(status) if str(status) in responses else "default"
            assert key != "default" or status >= 400, (method, path, status)
            response = (
                responses[key]["$ref"].removeprefix("#")
                if "$ref" in responses[key]
                else (f"{pointer}/responses/{key}")
            )
        schema = f"{response}/content/application~1json/schema"
        self._document.validator(schema).validate(body)

    def _operation(self, method: str, path: str) -> str | None:
        for template, item in self._document.content["paths"].items():
            if method in item and re.fullmatch(re.sub(r"{\w+}", "[^/]+", template), path):
                return f"/paths/{template.replace('/', '~1')}/{method}"
        return None

    def _get(self, pointer: str) -> Any:
        found: Any = self._document.content
        for part in pointer.split("/")[1:]:
            found = found[part.replace("~1", "/")]
        return found


DOCUMENTED = Documented()
