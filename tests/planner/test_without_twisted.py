"""The planner can be lifted out: it plans without Twisted, and without what does things."""

from __future__ import annotations

import subprocess
import sys

PLANS = """
import sys


class Nothing:
    def find_spec(self, name, path=None, target=None):
        ours = name.startswith("flocker_lite.")
        is_planner = name.startswith(("flocker_lite.model", "flocker_lite.planner"))
        if name.split(".")[0] == "twisted" or (ours and not is_planner and name not in ALLOWED):
            raise ImportError(f"{name} is not to be imported")


ALLOWED = {"flocker_lite.errors"}  # the model raises them
sys.meta_path.insert(0, Nothing())

import importlib, pkgutil

import flocker_lite.planner

for module in pkgutil.iter_modules(flocker_lite.planner.__path__, "flocker_lite.planner."):
    importlib.import_module(module.name)

from pyrsistent import pmap

from flocker_lite.model.records import Dataset, Grant
from flocker_lite.model.state import NodeView, DesiredDataset
from flocker_lite.planner.groups import Local
from flocker_lite.planner.plan import plan
from flocker_lite.planner.status import NodeFacts, report

view = NodeView(pmap({"d1": DesiredDataset(Dataset("d1", "me"), Grant("me"))}))
print(*plan("me", view, Local()))
print(report("me", NodeFacts(view, Local())) is not None)
"""


def test_it_plans_alone() -> None:
    """Every module of it is imported, and a change is planned and a state reported."""
    done = subprocess.run(
        [sys.executable, "-c", PLANS], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    assert done.stdout == "CreateDataset(dataset_id='d1', maximum_size=None)\nTrue\n"
