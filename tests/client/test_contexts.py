"""Which cluster is meant, by the file, the environment and the word of the user."""

from pathlib import Path

import pytest

from flocker_lite.client import contexts
from flocker_lite.client.contexts import Context, Contexts
from flocker_lite.client.errors import BadRequest, NotFound

HOME = Context("home", ("10.0.0.10", "10.0.0.20:9999"), Path("/certificates"), "alice")
LAB = Context("lab", ("10.77.0.10",))


def saved(tmp_path: Path) -> Path:
    """A file with two contexts, the first of which is used."""
    path = tmp_path / "deep" / "contexts.yml"
    contexts.save(path, Contexts().adding(HOME).adding(LAB))
    return path


def test_round_trip(tmp_path: Path) -> None:
    """What was saved is what is loaded; the first one is used until another one is."""
    kept = contexts.load(saved(tmp_path))
    assert kept == Contexts({"home": HOME, "lab": LAB}, "home")
    assert kept.using("lab").used == "lab"
    assert kept.removing("home") == Contexts({"lab": LAB}, None)


def test_which_is_meant(tmp_path: Path) -> None:
    """The word of the user, then the environment, then the file; else this machine."""
    path = saved(tmp_path)
    assert contexts.current(None, {}, path) == HOME
    assert contexts.current("lab", {"FLOCKER_CONTEXT": "home"}, path) == LAB
    assert contexts.current(None, {"FLOCKER_CONTEXT": "lab"}, path) == LAB
    assert contexts.current(None, {}, tmp_path / "none").hosts == ("localhost",)


def test_variables_of_flocker(tmp_path: Path) -> None:
    """As its tools had them; with an address the file is not asked."""
    environment = {
        "FLOCKER_CONTROL_SERVICE": "one, two",
        "FLOCKER_CERTS_PATH": "/certs",
        "FLOCKER_USER": "bob",
    }
    found = contexts.current(None, environment, saved(tmp_path))
    assert found == Context("", ("one", "two"), Path("/certs"), "bob")


def test_a_context_that_is_not_found(tmp_path: Path) -> None:
    """The error names those that are."""
    with pytest.raises(NotFound, match="home, lab"):
        contexts.current("work", {}, saved(tmp_path))


@pytest.mark.parametrize("text", ["[", "format: 2\ncontexts: {}", "contexts: {}", "a", "format: 1"])
def test_a_file_that_makes_no_sense(tmp_path: Path, text: str) -> None:
    """The error names the file."""
    path = tmp_path / "contexts.yml"
    path.write_text(text)
    with pytest.raises(BadRequest, match=r"contexts\.yml"):
        contexts.load(path)


def test_credentials(tmp_path: Path) -> None:
    """Those of the only user, or of the one that is named; the errors say what is missing."""
    context = Context("c", ("h",), tmp_path)
    with pytest.raises(BadRequest, match=r"no cluster\.crt"):
        contexts.credentials(context)
    (tmp_path / "cluster.crt").touch()
    with pytest.raises(BadRequest, match="no certificate and key of a user"):
        contexts.credentials(context)
    for name in ("alice", "bob"):
        (tmp_path / f"user-{name}.crt").touch()
        (tmp_path / f"user-{name}.key").touch()
    with pytest.raises(BadRequest, match="of alice, bob: choose one"):
        contexts.credentials(context)
    found = contexts.credentials(Context("c", ("h",), tmp_path, "bob"))
    assert found is not None
    assert [path.name for path in found] == ["cluster.crt", "user-bob.crt", "user-bob.key"]
    assert contexts.credentials(LAB) is None
