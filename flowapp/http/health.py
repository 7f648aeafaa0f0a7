"""`/healthz`: whether this process answers and reaches its database. `/readyz`: whether work is done in time."""

from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from flowapp.engine.reading import readings

from .access import PUBLIC, access


@access(PUBLIC)
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """200 when requests can be served, 503 when the database cannot be reached."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return JsonResponse({"status": "no database"}, status=503)
    return JsonResponse({"status": "ok"})


@access(PUBLIC)
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """200 while nothing is due for longer than FLOWAPP_READY_SECONDS, else 503 with what and why."""
    try:
        due = readings.oldest_due()
        workers = len(readings.live_workers()) if due else 0
    except DatabaseError:
        return JsonResponse({"status": "no database"}, status=503)
    allowed: int = settings.FLOWAPP_READY_SECONDS
    answer = {"oldest_due_seconds": round(due.age, 3) if due else 0.0, "allowed_seconds": allowed}
    if due is None or due.age <= allowed:
        return JsonResponse({"status": "ok", **answer})
    alive = f"live workers: {workers}, and they do not keep up" if workers else "no worker is alive"
    return JsonResponse(
        {"status": "late", "why": f"{due.what} is due for {due.age:.0f} s; {alive}", **answer}, status=503
    )
