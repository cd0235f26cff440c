# mypy: ignore-errors
"""The site: POST an order, GET all of them, one a line."""

from django.http import HttpResponse
from django.urls import path

from shop.celery import write
from shop.models import Order


def orders(request):
    """Hand a new one to the worker, or show what is in the database."""
    if request.method == "POST":
        write.delay(request.body.decode())
        return HttpResponse(status=202)
    texts = Order.objects.values_list("text", flat=True)
    return HttpResponse("\n".join(texts), content_type="text/plain")


urlpatterns = [path("orders", orders)]
