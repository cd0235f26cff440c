"""What can go wrong with the packages, as types whose text says what to do."""


class PackagingError(Exception):
    """Anything that keeps the packages from being built, or from passing their checks."""
