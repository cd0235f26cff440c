"""The checks of `admin/test`, for people who are used to nox: one session for each kind."""

import nox

nox.options.sessions = ["unit"]
# admin/test keeps an environment of its own, with the versions of requirements/dev.lock.
nox.options.default_venv_backend = "none"

KINDS = ("unit", "coverage", "simulation", "functional", "openzfs", "rpm", "crashes", "all")


def _session(kind: str) -> None:
    @nox.session(name=kind)
    def run(session: nox.Session) -> None:
        session.run("admin/test", kind, *session.posargs, external=True)


for _kind in KINDS:
    _session(_kind)
