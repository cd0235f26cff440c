# mypy: ignore-errors
"""A shop in Django. It runs in the image of its name, on Debian's Python and Django."""
