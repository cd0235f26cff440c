"""Imports the parts of jsonschema that we use, without its slow parser of IRIs.

If ``rfc3987_syntax`` is installed, jsonschema imports it for the formats "iri" and
"iri-reference", and it builds its parsers at once. That costs two seconds of processor time at
each start, and our schemas have neither format.
"""

from __future__ import annotations

import sys

_GRAMMAR = "rfc3987_syntax"

_imported = {_GRAMMAR: sys.modules[_GRAMMAR]} if _GRAMMAR in sys.modules else {}
sys.modules[_GRAMMAR] = None  # type: ignore[assignment]
try:
    from jsonschema import Draft202012Validator, FormatChecker, ValidationError
    from jsonschema.protocols import Validator
    from jsonschema.validators import extend
finally:
    # Let other modules import it.
    del sys.modules[_GRAMMAR]
    sys.modules.update(_imported)

__all__ = ["Draft202012Validator", "FormatChecker", "ValidationError", "Validator", "extend"]
