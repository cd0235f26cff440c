"""The one error that the lab raises; its text says what to do."""


class LabError(Exception):
    """The lab could not do what was asked."""
