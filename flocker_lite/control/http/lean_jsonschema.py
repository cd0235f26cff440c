"""Imports the parts of jsonschema that we use, without the slow packages behind some formats.

If ``rfc3987_syntax`` is installed, jsonschema imports it for the formats "iri" and
"iri-reference", and it builds its parsers at once. That costs two seconds of processor time at
each start. ``isoduration``, for the format "duration", imports all of arrow. Our schemas have none
of these formats.
"""

from __future__ import annotations

import sys

_LEFT_OUT = ("rfc3987_syntax", "isoduration")

_imported = {name: sys.modules[name] for name in _LEFT_OUT if name in sys.modules}
for _name in _LEFT_OUT:
    sys.modules[_name] = None  # type: ignore[assignment]
try:
    from jsonschema import Draft202012Validator, FormatChecker, ValidationError
    from jsonschema.protocols import Validator
    from jsonschema.validators import extend
finally:
    # Let other modules import them.
    for _name in _LEFT_OUT:
        del sys.modules[_name]
    sys.modules.update(_imported)

__all__ = ["Draft202012Validator", "FormatChecker", "ValidationError", "Validator", "extend"]
