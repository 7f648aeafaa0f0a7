"""A prompt's files, as downloads: a browser saves them and does not show or run what is in them."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_GET

from approvals import queries
from approvals.models import Attachment
from flowapp.http.access import access
from flowapp.tenancy.models import Role

MEMBERS = tuple(Role)


@access(*MEMBERS)
@require_GET
def attachment(request: HttpRequest, prompt_id: UUID, attachment_id: UUID) -> HttpResponse:
    """One file. Any member may read it, as they may the prompt."""
    return response(queries.attachment(prompt_id, attachment_id))


def response(file: Attachment) -> HttpResponse:
    """The file with headers under which nothing in it can act: saved, not sniffed, sandboxed, kept by no cache."""
    answer = HttpResponse(bytes(file.content), content_type=file.content_type)
    answer.headers["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=file.name) or ""
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    answer.headers["Cache-Control"] = "private, no-store"
    return answer
