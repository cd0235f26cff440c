"""Explains to people what is wrong with a request: the place, the value, and what is allowed.

The texts of Flocker 0.4, `description` and `errors`, stay as they are, because programs use them.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, TypeAlias

from flocker_lite.control.http.lean_jsonschema import ValidationError
from flocker_lite.control.http.suggestions import nearest
from flocker_lite.errors import Fact
from flocker_lite.model.quantities import UNIT

Problem: TypeAlias = dict[str, Any]
Schema: TypeAlias = Mapping[str, Any]
Found: TypeAlias = Callable[[Schema], Schema]
"""Resolves a schema that is a reference; returns any other schema as it is."""

PROBLEMS_MAX = 100
GIVEN_CHARACTERS_MAX = 100
KEYS_MAX = 40

NAME_LIKENESS_MIN = 0.8

WORDS = "x-words"
"""The keyword with which a schema of the document says in words what it allows."""

REFUSED = "x-refused"
"""The keyword that says what to do about keys, or texts, that people know from elsewhere."""

SEE = "x-see"
"""The keyword that says where people find what an object may have."""

VARIABLE_BYTES_MAX = "x-variable-bytes-max"
"""The keyword that limits the bytes of each "NAME=VALUE" of an environment."""

OPENAPI = "/v1/openapi.json"
"""Where people find it of all other objects."""

_ABOUT_KEYS = ("required", "additionalProperties")
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_EXAMPLES = {"bytes": '"512m"', "seconds": '"1m30s"'}
_TYPES = {
    "integer": "a whole number",
    "number": "a number",
    "string": "a text",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
}


def explain(errors: Iterable[ValidationError], found: Found) -> list[Problem]:
    """The problems of a body that does not match its schema, without duplicates."""
    problems: dict[tuple[str, str], Problem] = {}
    for error in errors:
        for problem in islice(_explained(error, found), PROBLEMS_MAX):
            problems.setdefault((problem["path"], problem["message"]), problem)
    return list(problems.values())[:PROBLEMS_MAX]


def problem_with(path: str, given: Any, allowed: str) -> Problem:
    """The problem of a value that is not allowed there."""
    text = given_text(given)
    return {
        "path": path,
        "given": text,
        "allowed": allowed,
        "message": f"{path}: {text} is not {allowed}",
    }


def unknown(
    path: str,
    name: str,
    known: Iterable[str],
    what: str = "key",
    elsewhere: Mapping[str, str] | None = None,
    see: str | None = None,
) -> Problem:
    """The problem of an unknown name; `elsewhere` is what REFUSED says of it, `see` what SEE says.

    Who is told a similar word need not look it up.
    """
    known = list(known)
    allowed = _one_of(known[:KEYS_MAX]) if known else f"no {what}"
    near = nearest(name, known) if elsewhere is None else elsewhere.get("nearest")
    if elsewhere is not None:
        advice = elsewhere["advice"]
    else:
        advice = f"did you mean {near}?" if near is not None else f"allowed is {allowed}"
    is_to_look = see is not None and (near is None or elsewhere is not None)
    at = f" (see {see})" if is_to_look else ""
    return {
        "path": path,
        "given": shortened(name),
        "allowed": allowed,
        "message": f"{path}: there is no {what} {shortened(name)} here: {advice}{at}",
        **({} if near is None else {"nearest": near}),
        **({"see": see} if is_to_look else {}),
    }


def of_facts(facts: Iterable[Fact], body: Any) -> list[Problem]:
    """The problems that keep this body's edit from being made."""
    problems = []
    for fact in facts:
        problem: Problem = {"message": fact.text}
        paths = (path_to(body, key, fact.value) for key in fact.keys)
        path = next((each for each in paths if each is not None), None)
        if path is not None:
            problem = {"path": path, "given": given_text(fact.value), **problem}
        if fact.used_by is not None:
            problem["used_by"] = fact.used_by
        near = (
            None if fact.value is None else nearest(str(fact.value), fact.known, NAME_LIKENESS_MIN)
        )
        if near is not None:
            problem = {**problem, "message": f"{fact.text}: did you mean {near}?", "nearest": near}
        problems.append(problem)
    return problems


def path_to(body: Any, key: str, value: Any, path: str = "$") -> str | None:
    """Where in a body the key has this value, ignoring case; None if nowhere."""
    if isinstance(body, dict):
        for each, item in body.items():
            if each == key and _same(item, value):
                return path_of([each], path)
        parts: Iterable[tuple[Any, Any]] = body.items()
    elif isinstance(body, list):
        parts = enumerate(body)
    else:
        return None
    inside = (path_to(item, key, value, path_of([part], path)) for part, item in parts)
    return next((each for each in inside if each is not None), None)


def path_of(parts: Iterable[str | int], start: str = "$") -> str:
    """A JSON path, such as $.ports[0].external."""
    for part in parts:
        if isinstance(part, int):
            start += f"[{part}]"
        elif _PLAIN_KEY.fullmatch(part):
            start += f".{shortened(part)}"
        else:
            start += f"[{shortened(json.dumps(part, ensure_ascii=False))}]"
    return start


def given_text(value: Any) -> str:
    """The value as JSON, without its middle if it is long."""
    return shortened(json.dumps(value, ensure_ascii=False))


def shortened(text: str) -> str:
    """The text, without its middle if it is long."""
    surplus = len(text) - GIVEN_CHARACTERS_MAX
    if surplus <= 0:
        return text
    half = GIVEN_CHARACTERS_MAX // 2
    return f"{text[:half]} [{surplus} characters] {text[-half:]}"


def words(schema: Schema, found: Found) -> str:
    """What a schema allows, in words."""
    if WORDS in schema:
        said: str = schema[WORDS]
        return said
    if "$ref" in schema:
        return words(found(schema), found)
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return ", or ".join(dict.fromkeys(words(each, found) for each in schema[key]))
    if "const" in schema:
        return given_text(schema["const"])
    if "enum" in schema:
        return _one_of([given_text(each) for each in schema["enum"]])
    kinds = schema.get("type", ())
    if UNIT in schema:
        return _words_of_quantity(schema)
    names = [_TYPES[kind] for kind in ([kinds] if isinstance(kinds, str) else kinds)]
    return " or ".join(names or ["anything"]) + _limits(schema)


def _words_of_quantity(schema: Schema) -> str:
    """A number within limits, and how else it may be written."""
    unit = schema[UNIT]
    (kind,) = (each for each in schema["type"] if each != "string")
    limits = _limits({**schema, "type": kind})
    return f"{_TYPES[kind]} of {unit}{limits}, or a text such as {_EXAMPLES[unit]}"


def _limits(schema: Schema) -> str:
    kind = schema.get("type")
    if kind in ("integer", "number"):
        low, high = schema.get("minimum"), schema.get("maximum")
        above = schema.get("exclusiveMinimum")
        if above is not None:
            return f" over {above}" + (f", at most {high}" if high is not None else "")
        return _between(low, high)
    for prefix, unit in (("Length", "characters"), ("Items", "items"), ("Properties", "keys")):
        low, high = schema.get(f"min{prefix}"), schema.get(f"max{prefix}")
        if low is not None or high is not None:
            once = ", none of them twice" if schema.get("uniqueItems") else ""
            return f" of{_counted(low, high)} {unit}{once}"
    return ""


def _between(low: Any, high: Any) -> str:
    if low is not None and high is not None:
        return f" from {low} to {high}"
    if low is not None:
        return f", {low} or more"
    return f", {high} or less" if high is not None else ""


def _counted(low: Any, high: Any) -> str:
    if low is not None and high is not None:
        return f" {low} to {high}"
    return f" {low} or more" if low is not None else f" at most {high}"


def _one_of(items: Sequence[str]) -> str:
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} or {items[-1]}"


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, str) and isinstance(other, str):
        return one.lower() == other.lower()
    return type(one) is not bool and bool(one == other)


def _explained(error: ValidationError, found: Found) -> Iterator[Problem]:
    path = path_of(error.absolute_path)
    schema: Any = error.schema
    if error.validator == "required":
        yield from _missing(error, [schema], found)
    elif error.validator == "additionalProperties" and isinstance(error.instance, dict):
        yield from _surplus(error, [schema], found)
    elif error.validator in ("anyOf", "oneOf") and error.context:
        yield from _of_branches(error, found)
    elif error.validator == VARIABLE_BYTES_MAX:
        yield {"path": path, "message": f"{path}: {error.message}"}
    elif error.validator == "pattern" and error.instance in schema.get(REFUSED, ()):
        yield _instead(path, str(error.instance), schema, words(schema, found))
    else:
        yield problem_with(path, error.instance, words(schema, found))


def _missing(error: ValidationError, schemas: Sequence[Schema], found: Found) -> Iterator[Problem]:
    """The missing keys; one of the `schemas` should hold."""
    path = path_of(error.absolute_path)
    instance: Any = error.instance
    desired: Any = error.validator_value
    objects = [each for each in schemas if "properties" in each]
    for key in desired:
        if key not in instance:
            known = [each["properties"][key] for each in objects if key in each["properties"]]
            allowed = _one_of(list(dict.fromkeys(words(each, found) for each in known)))
            # An unknown key that is similar is probably this one, misspelt.
            properties = {name for each in objects for name in each["properties"]}
            near = nearest(key, [name for name in instance if name not in properties])
            written = f" (there is {shortened(near)})" if near is not None else ""
            yield {
                "path": path_of([key], path),
                "allowed": allowed,
                "message": f"{path_of([key], path)} is missing{written}: it should be {allowed}",
            }


def _surplus(error: ValidationError, schemas: Sequence[Schema], found: Found) -> Iterator[Problem]:
    """The keys that should not be there; the first of the `schemas` does not allow them."""
    path = path_of(error.absolute_path)
    schema, *others = schemas
    instance: Any = error.instance
    properties, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    for key in instance:
        if key in properties or any(re.search(pattern, key) for pattern in patterns):
            continue
        if patterns:
            at, allowed = path_of([key], path), schema.get("x-key-words", "a key that may be")
            is_known = key in schema.get(REFUSED, ())
            yield _instead(at, key, schema, allowed) if is_known else problem_with(at, key, allowed)
        elif any(key in other.get("properties", ()) for other in others):
            rest = _one_of([each for each in instance if each in properties])
            message = f"{path_of([key], path)} cannot be combined with {rest}"
            allowed = _one_of(list(properties))
            yield {"path": path_of([key], path), "allowed": allowed, "message": message}
        else:
            elsewhere = schema.get(REFUSED, {}).get(key)
            see = schema.get(SEE, OPENAPI)
            yield unknown(path_of([key], path), key, properties, elsewhere=elsewhere, see=see)


def _instead(path: str, given: str, schema: Schema, allowed: str) -> Problem:
    """The problem of a text or a key that REFUSED says what to do about."""
    message = f"{path}: {given} is not {allowed}: {schema[REFUSED][given]['advice']}"
    return {**problem_with(path, given, allowed), "message": message}


def _of_branches(error: ValidationError, found: Found) -> Iterator[Problem]:
    """Why a value matches no branch of "anyOf": the problems with the branch nearest to it."""
    path, instance = path_of(error.absolute_path), error.instance
    schema: Any = error.schema
    context = list(error.context or ())
    if all(not each.relative_path and each.validator not in _ABOUT_KEYS for each in context):
        yield problem_with(path, instance, words(schema, found))
        return
    branches: dict[int, list[ValidationError]] = defaultdict(list)
    for each in context:
        branches[int(each.schema_path[0])].append(each)
    # A text is no near miss of an object, however little else is wrong with it.
    alike = {n: each for n, each in branches.items() if not _is_of_another_type(each)} or branches
    fitting = {n: each for n, each in alike.items() if not _is_of_another_kind(each)}
    if not fitting:
        kinds = [each for each in context if each.validator == "const"]
        consts = list(dict.fromkeys(given_text(each.validator_value) for each in kinds))
        yield problem_with(path_of(kinds[0].absolute_path), kinds[0].instance, _one_of(consts))
        return
    schemas = [found(each) for each in schema[error.validator]]
    if len(fitting) > 1 and all(
        each.validator == "required" for errors in fitting.values() for each in errors
    ):
        ways = [" and ".join(schemas[number]["required"]) for number in fitting]
        if len(set(ways)) > 1:
            yield problem_with(path, instance, f"an object with {', or '.join(ways)}")
            return
    number = min(fitting, key=lambda each: (_is_of_another_type(fitting[each]), len(fitting[each])))
    best_first = [schemas[number], *(each for each in schemas if each is not schemas[number])]
    for each in fitting[number]:
        if each.validator == "required":
            yield from _missing(each, best_first, found)
        elif each.validator == "additionalProperties":
            yield from _surplus(each, best_first, found)
        else:
            yield from _explained(each, found)


def _is_of_another_type(errors: Iterable[ValidationError]) -> bool:
    return any(each.validator == "type" and not each.relative_path for each in errors)


def _is_of_another_kind(errors: Iterable[ValidationError]) -> bool:
    return any(each.validator == "const" for each in errors)
