"""`/healthz`: whether this process answers and reaches its database. For load balancers and health checks."""

from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

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
