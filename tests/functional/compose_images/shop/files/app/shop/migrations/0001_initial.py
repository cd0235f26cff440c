# mypy: ignore-errors
"""The table of orders."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """From nothing."""

    operations = [
        migrations.CreateModel(
            "Order",
            [("id", models.BigAutoField(primary_key=True)), ("text", models.TextField())],
        )
    ]
