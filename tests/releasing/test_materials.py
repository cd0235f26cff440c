"""The bill of materials has what the release has."""

from __future__ import annotations

import json
import re
from pathlib import Path

from admin.releasing import materials

CHECKOUT = Path(__file__).parents[2]
LOCK = """\
# made by pip-compile
klein==24.8.0 \\
    --hash=sha256:0a
    # via flocker-lite (pyproject.toml)
attrs==26.1.0 \\
    --hash=sha256:0b \\
    --hash=sha256:0c
    # via
    #   -c requirements/dev.lock
    #   klein
    #   twisted
"""


def test_libraries_and_who_needs_them() -> None:
    """As pip-compile notes it: on the same line, or in lines below, constraints left out."""
    assert list(materials.libraries(LOCK)) == [
        materials.Library("klein", "24.8.0", ("flocker-lite",)),
        materials.Library("attrs", "26.1.0", ("klein", "twisted")),
    ]


SCRIPTS = """\
{"packages": {
  "": {"dependencies": {"@preact/signals": "2"}, "devDependencies": {"esbuild": "0"}},
  "node_modules/@preact/signals": {"version": "2.1", "peerDependencies": {"preact": ">=10"}},
  "node_modules/preact": {"version": "11.0", "peerDependencies": {"left-out": "*"}},
  "node_modules/esbuild": {"version": "0.28", "dev": true}
}}
"""


def test_scripts_and_who_needs_them() -> None:
    """What is bundled into the dashboard, and not what bundles it."""
    signals, preact = materials.scripts(SCRIPTS)
    assert signals.reference == "pkg:npm/%40preact/signals@2.1"
    assert signals.needed_by == (materials.ROOT_NAME,)
    assert preact == materials.Library("preact", "11.0", ("@preact/signals",), "npm")


def test_styles() -> None:
    """What leaves something of itself in the documentation is a part of the project."""
    pinned = "sphinx==9.0 \\\n    # via flocker-lite (pyproject.toml)\nruff==1.0 \\\n    # via x\n"
    assert list(materials.styles(pinned)) == [
        materials.Library("sphinx", "9.0", (materials.ROOT_NAME,))
    ]


def test_the_bill_of_the_wheel() -> None:
    """It has what is in the wheel, and not what pip installs besides in versions of its choice."""
    bill = json.loads(materials.bill_of_wheel(CHECKOUT, "9.9.9"))
    names = {each["name"] for each in bill["components"]}
    assert names >= {*materials.DOCUMENTATION, "preact", "uplot"}
    assert not names & {"twisted", "openssl", "ruff"}
    needs = {each["ref"]: each["dependsOn"] for each in bill["dependencies"]}
    assert any(each.startswith("pkg:npm/uplot@") for each in needs["pkg:pypi/flocker-lite@9.9.9"])


def test_the_bill_here() -> None:
    """It has each pinned library, script and source, once; all that is needed is in it."""
    text = materials.bill(CHECKOUT, "9.9.9")
    assert text == materials.bill(CHECKOUT, "9.9.9")
    assert text != materials.bill(CHECKOUT, "9.9.8")
    bill = json.loads(text)
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.5")
    references = [component["bom-ref"] for component in bill["components"]]
    assert len(references) == len(set(references))
    pinned = re.findall(r"^[\w.-]+==[\w.]+", (CHECKOUT / materials.LOCK).read_text(), re.M)
    assert {each.replace("==", "@") for each in pinned} == {
        f"{each['name']}@{each['version']}"
        for each in bill["components"]
        if each["purl"].startswith("pkg:pypi/") and each["name"] not in materials.DOCUMENTATION
    }
    assert any("openssl" in each for each in references)
    assert any(each.startswith("pkg:npm/uplot@") for each in references)
    needs = {each["ref"]: each["dependsOn"] for each in bill["dependencies"]}
    root = bill["metadata"]["component"]["bom-ref"]
    assert root == "pkg:pypi/flocker-lite@9.9.9"
    reached, edge = {root}, [root]
    while edge:
        found = [each for each in needs[edge.pop()] if each not in reached]
        reached.update(found)
        edge += found
    assert reached == {root, *(each for each in references if not each.startswith("pkg:deb/"))}
