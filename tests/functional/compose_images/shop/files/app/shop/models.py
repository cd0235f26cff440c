# mypy: ignore-errors
"""What the shop keeps."""

from django.db import models


class Order(models.Model):
    """What somebody wants."""

    text = models.TextField()
