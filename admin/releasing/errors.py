"""What can go wrong with a release."""


class ReleaseError(Exception):
    """A release cannot be made; the text says what to do."""
