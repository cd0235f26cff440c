"""Makes `flocker-control` and `flocker-agent` commands of twistd."""

from twisted.application.service import ServiceMaker

control = ServiceMaker(
    "flocker-control",
    "flocker_lite.taps.control",
    "The control service of flocker_lite.",
    "flocker-control",
)
agent = ServiceMaker(
    "flocker-agent",
    "flocker_lite.taps.agent",
    "The agent of flocker_lite.",
    "flocker-agent",
)
