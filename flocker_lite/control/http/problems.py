"""What is wrong with a request, in words for a person: where, what was given, what is allowed.

The texts of Flocker 0.4, `description` and `errors`, stay as they are; programs know them.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, TypeAlias

from jsonschema import ValidationError

from flocker_lite.control.http.spelling import nearest
from flocker_lite.model.editing import Fact

Problem: TypeAlias = dict[str, Any]
Schema: TypeAlias = Mapping[str, Any]
Found: TypeAlias = Callable[[Schema], Schema]
"""What a schema that only refers to another one refers to; any other schema as it is."""

PROBLEMS_MAX = 100
GIVEN_CHARACTERS_MAX = 100
KEYS_MAX = 40

NAME_LIKENESS_MIN = 0.8

WORDS = "x-words"
"""The keyword of the document under which a schema says in words what it allows."""

VARIABLE_BYTES_MAX = "x-variable-bytes-max"
"""The keyword that limits each variable of an environment, as its name, "=", and its value."""

_ABOUT_KEYS = ("required", "additionalProperties")
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
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
    """The problems of a body that does not match its schema, each of them once."""
    problems: dict[tuple[str, str], Problem] = {}
    for error in errors:
        for problem in islice(_explained(error, found), PROBLEMS_MAX):
            problems.setdefault((problem["path"], problem["message"]), problem)
    return list(problems.values())[:PROBLEMS_MAX]


def wrong(path: str, given: Any, allowed: str) -> Problem:
    """A value that is not what is allowed there."""
    text = given_text(given)
    return {
        "path": path,
        "given": text,
        "allowed": allowed,
        "message": f"{path}: {text} is not {allowed}",
    }


def unknown(path: str, name: str, known: Iterable[str], what: str = "key") -> Problem:
    """Something of a name that is not known there."""
    known = list(known)
    near = nearest(name, known)
    allowed = _one_of(known[:KEYS_MAX]) if known else f"no {what}"
    advice = f"did you mean {near}?" if near is not None else f"allowed is {allowed}"
    problem = {
        "path": path,
        "given": shortened(name),
        "allowed": allowed,
        "message": f"{path}: there is no {what} {shortened(name)} here: {advice}",
    }
    return problem if near is None else {**problem, "nearest": near}


def of_facts(facts: Iterable[Fact], body: Any) -> list[Problem]:
    """What stands in the way of an edit that this body asked for."""
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
    """Where in a body some key has this value, whatever the case of a text; None when nowhere."""
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
    """What was given, as JSON, without the middle of it when it is long."""
    return shortened(json.dumps(value, ensure_ascii=False))


def shortened(text: str) -> str:
    """The text, without the middle of it when it is long."""
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
    names = [_TYPES[kind] for kind in ([kinds] if isinstance(kinds, str) else kinds)]
    return " or ".join(names or ["anything"]) + _limits(schema)


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
    else:
        yield wrong(path, error.instance, words(schema, found))


def _missing(error: ValidationError, schemas: Sequence[Schema], found: Found) -> Iterator[Problem]:
    """Keys that are not there; `schemas` are all those of which one should hold."""
    path = path_of(error.absolute_path)
    instance: Any = error.instance
    wanted: Any = error.validator_value
    for key in wanted:
        if key not in instance:
            known = [each["properties"][key] for each in schemas if key in each["properties"]]
            allowed = _one_of(list(dict.fromkeys(words(each, found) for each in known)))
            # What is there under another name was misspelt.
            properties = {name for each in schemas for name in each["properties"]}
            near = nearest(key, [name for name in instance if name not in properties])
            written = f" (there is {shortened(near)})" if near is not None else ""
            yield {
                "path": path_of([key], path),
                "allowed": allowed,
                "message": f"{path_of([key], path)} is missing{written}: it should be {allowed}",
            }


def _surplus(error: ValidationError, schemas: Sequence[Schema], found: Found) -> Iterator[Problem]:
    """Keys that should not be there; `schemas` has first the one that does not allow them."""
    path = path_of(error.absolute_path)
    schema, *others = schemas
    instance: Any = error.instance
    properties, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    for key in instance:
        if key in properties or any(re.search(pattern, key) for pattern in patterns):
            continue
        if patterns:
            yield wrong(path_of([key], path), key, schema.get("x-key-words", "a key that may be"))
        elif any(key in other.get("properties", ()) for other in others):
            rest = _one_of([each for each in instance if each in properties])
            message = f"{path_of([key], path)} does not go together with {rest}"
            allowed = _one_of(list(properties))
            yield {"path": path_of([key], path), "allowed": allowed, "message": message}
        else:
            yield unknown(path_of([key], path), key, properties)


def _of_branches(error: ValidationError, found: Found) -> Iterator[Problem]:
    """Why a value is nothing of what it might be: by what is nearest to it."""
    path, instance = path_of(error.absolute_path), error.instance
    schema: Any = error.schema
    context = list(error.context or ())
    if all(not each.relative_path and each.validator not in _ABOUT_KEYS for each in context):
        yield wrong(path, instance, words(schema, found))
        return
    branches: dict[int, list[ValidationError]] = defaultdict(list)
    for each in context:
        branches[int(each.schema_path[0])].append(each)
    fitting = {n: each for n, each in branches.items() if not _is_of_another_kind(each)}
    if not fitting:
        kinds = [each for each in context if each.validator == "const"]
        consts = list(dict.fromkeys(given_text(each.validator_value) for each in kinds))
        yield wrong(path_of(kinds[0].absolute_path), kinds[0].instance, _one_of(consts))
        return
    schemas = [found(each) for each in schema[error.validator]]
    if len(fitting) > 1 and all(
        each.validator == "required" for errors in fitting.values() for each in errors
    ):
        ways = [" and ".join(schemas[number]["required"]) for number in fitting]
        if len(set(ways)) > 1:
            yield wrong(path, instance, f"an object with {', or '.join(ways)}")
            return
    number = min(fitting, key=lambda each: len(fitting[each]))
    best_first = [schemas[number], *(each for each in schemas if each is not schemas[number])]
    for each in fitting[number]:
        if each.validator == "required":
            yield from _missing(each, best_first, found)
        elif each.validator == "additionalProperties":
            yield from _surplus(each, best_first, found)
        else:
            yield from _explained(each, found)


def _is_of_another_kind(errors: Iterable[ValidationError]) -> bool:
    return any(each.validator == "const" for each in errors)
