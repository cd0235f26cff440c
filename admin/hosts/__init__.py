"""Several real hosts on one machine: the lab that functional tests and demonstrations run in."""

from admin.hosts.errors import LabError
from admin.hosts.lab import Lab
from admin.hosts.node import Node

__all__ = ["Lab", "LabError", "Node"]
