# mypy: ignore-errors
"""The worker: it writes what the site only takes in."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
app = Celery("shop", broker=os.environ["CELERY_BROKER_URL"])


@app.task
def write(text):
    """Keep an order."""
    from shop.models import Order

    Order.objects.create(text=text)
