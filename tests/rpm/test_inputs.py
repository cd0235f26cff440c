"""What makes the packages anew, and what does not."""

import json
from pathlib import Path

from admin.packaging import inputs, layout

CHECKOUT = Path(__file__).parents[2]


def test_the_recipe_is_an_input_and_the_code_is_not() -> None:
    """The code is checked each day without packages."""
    made_by = {
        *("packaging/rpm/flocker-lite.spec", "packaging/systemd/flocker-agent.service"),
        *("admin/packaging/staging.py", "admin/rpm", "requirements/rpm.lock"),
    }
    not_by = {
        *("flocker_lite/errors.py", "requirements/dev.lock", "admin/rpmlint"),
        *("packaging/verified.json", "packaging-notes.rst", "tests/packaging/test_inputs.py"),
    }
    assert {name for name in made_by | not_by if inputs.is_input(name)} == made_by


def test_what_the_interpreter_is_made_by_is_there() -> None:
    """And is among the inputs, so a new one is built and checked."""
    assert inputs.read(CHECKOUT, inputs.INTERPRETER)
    assert all(map(inputs.is_input, inputs.INTERPRETER))


def test_every_shipped_file_is_there() -> None:
    """Where the packages take it from."""
    assert inputs.read(CHECKOUT, layout.SHIPPED)


def test_names_and_contents_tell_inputs_apart() -> None:
    """Two files that swap their contents are other inputs."""
    first = inputs.digest({"a": b"1", "b": b"2"})
    assert first == inputs.digest({"b": b"2", "a": b"1"})
    assert len({first, inputs.digest({"a": b"2", "b": b"1"}), inputs.digest({"a": b"1"})}) == 3


def test_a_stamp_is_about_its_inputs_alone() -> None:
    """It keeps what was found out, and is of no worth for others."""
    stamp = inputs.stamp("abc", {"elf files": 3})
    assert json.loads(stamp) == {"inputs": "abc", "elf files": 3}
    assert inputs.is_verified("abc", stamp)
    assert not inputs.is_verified("abd", stamp)
    assert not inputs.is_verified("abc", None)
