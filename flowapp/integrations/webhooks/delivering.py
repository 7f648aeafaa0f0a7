"""Sending a delivery to its endpoint, and what follows from the answer: done, again later, or no more."""

from __future__ import annotations

import logging
import time
from datetime import datetime, timedelta
from typing import NoReturn

from django.db import transaction

from flowapp import audit
from flowapp.engine import clock, sweep
from flowapp.integrations import outbox
from flowapp.integrations.delivery import DEAD_AFTER
from flowapp.integrations.models import OutboxMessage
from flowapp.integrations.outbox import GiveUp, TryAgain
from flowapp.integrations.webhook_tables import (
    DeliveryStatus,
    InboundDelivery,
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
)
from flowapp.tenancy.actors import SYSTEM
from flowapp.tenancy.secrets import Unreadable

from . import loops, posting, signatures
from .outgoing import CHANNEL
from .posting import Answer
from .signatures import Scheme

logger = logging.getLogger("flowapp.integrations")
GONE = 410
FIRST_QUIET, LONGEST_QUIET = timedelta(seconds=10), timedelta(minutes=10)
KEEP = timedelta(days=30)
PRUNE_EVERY = 600.0  # seconds
PRUNE_AT_ONCE = 500


@outbox.sender(CHANNEL)
def send(message: OutboxMessage) -> None:
    """Make one attempt, unless the endpoint is off, or does not answer anybody just now."""
    found = WebhookDelivery.objects.select_related("endpoint").filter(pk=message.payload["delivery"])
    delivery = found.first()
    if delivery is None or delivery.status == DeliveryStatus.DELIVERED:
        return
    endpoint, now = delivery.endpoint, clock.now()
    last = now - (message.first_tried_at or now) >= DEAD_AFTER
    if not endpoint.enabled:
        _fail(delivery, "the endpoint is disabled")
    if refusal := loops.too_many(delivery.hops):
        _fail(delivery, f"not sent: {refusal}")
    if endpoint.quiet_until and endpoint.quiet_until > now and not last:
        # Else one that lets every request run into its timeout would keep the threads from all the others.
        raise TryAgain("the endpoint does not answer just now", after=(endpoint.quiet_until - now).total_seconds())
    headers = _headers(delivery, endpoint, now)
    outbox.let_go()
    answer = posting.post(endpoint.url, headers, bytes(delivery.body))
    disabled = _note(delivery, answer, now=now, last=last)
    if answer.accepted:
        return
    if answer.refused or answer.goes_round or disabled or last:
        raise GiveUp(answer.error)
    raise TryAgain(answer.error, after=answer.retry_after)


def _headers(delivery: WebhookDelivery, endpoint: WebhookEndpoint, now: datetime) -> dict[str, str]:
    try:
        secrets = endpoint.secrets(now)
    except Unreadable as unreadable:
        _fail(delivery, str(unreadable))
    id = f"msg_{delivery.pk.hex}"
    signed = signatures.sign(Scheme.STANDARD, secrets, bytes(delivery.body), id=id, at=now)
    own = {"User-Agent": "Flowapp-Webhooks/1", **loops.headers(endpoint.workspace_id, delivery.hops)}
    return {"Content-Type": "application/json", **own, **signed}


def _fail(delivery: WebhookDelivery, why: str) -> NoReturn:
    """End a delivery without an attempt."""
    mine = WebhookDelivery.objects.filter(pk=delivery.pk)
    mine.update(status=DeliveryStatus.FAILED, error=why, ended_at=clock.now())
    raise GiveUp(why)


@transaction.atomic
def _note(delivery: WebhookDelivery, answer: Answer, *, now: datetime, last: bool) -> bool:
    """Write the attempt down; True when the endpoint is disabled for it.

    Locks the endpoint, then its delivery, and neither's key: a run that ends meanwhile may queue more for it.
    """
    endpoint = WebhookEndpoint.objects.select_for_update(no_key=True).get(pk=delivery.endpoint_id)
    disabled = _judge(endpoint, answer, now)
    row = WebhookDelivery.objects.select_for_update(no_key=True).defer("body").get(pk=delivery.pk)
    row.attempts, row.answer, row.error = row.attempts + 1, answer.status, answer.error
    over = answer.accepted or answer.refused or answer.goes_round or disabled or last
    if over:
        row.status = DeliveryStatus.DELIVERED if answer.accepted else DeliveryStatus.FAILED
        row.ended_at = clock.now()
    row.save(update_fields=["attempts", "answer", "error", "status", "ended_at"])
    WebhookAttempt.objects.create(
        delivery=row,
        number=row.attempts,
        at=now,
        took_ms=answer.took_ms,
        status=answer.status,
        error=answer.error,
        excerpt=answer.excerpt,
    )
    return disabled


def _judge(endpoint: WebhookEndpoint, answer: Answer, now: datetime) -> bool:
    """Keep how an endpoint does; True when it is disabled now: it is gone, or took nothing for a day."""
    if answer.accepted:
        if endpoint.failing_since or endpoint.misses:
            endpoint.failing_since, endpoint.misses, endpoint.quiet_until = None, 0, None
            endpoint.save(update_fields=["failing_since", "misses", "quiet_until"])
        return False
    endpoint.failing_since = endpoint.failing_since or now
    if answer.status is None and not answer.refused:
        endpoint.misses += 1
        endpoint.quiet_until = now + min(FIRST_QUIET * 2 ** min(endpoint.misses - 1, 10), LONGEST_QUIET)
    else:
        endpoint.misses, endpoint.quiet_until = 0, None
    if answer.status == GONE:
        endpoint.disabled_reason = "It answered 410 Gone: it wants no more."
    elif now - endpoint.failing_since >= DEAD_AFTER:
        endpoint.disabled_reason = f"It took nothing for a day. The last answer: {answer.error}"
    disabled = bool(endpoint.disabled_reason) and endpoint.enabled
    endpoint.enabled = endpoint.enabled and not disabled
    endpoint.save(update_fields=["failing_since", "misses", "quiet_until", "disabled_reason", "enabled"])
    if disabled:
        target = f"webhook-endpoint:{endpoint.pk}"
        audit.record(by=SYSTEM, verb="webhook-endpoint.disabled", target=target, reason=endpoint.disabled_reason)
        logger.warning(
            "the webhook endpoint %s (%s) is disabled: %s", endpoint.pk, endpoint.name, endpoint.disabled_reason
        )
    return disabled


_prune_at = 0.0


@sweep.chore
def prune() -> None:
    """Forget deliveries of more than a month ago, a batch now and then."""
    global _prune_at
    if time.monotonic() < _prune_at:
        return
    before = clock.now() - KEEP
    out = WebhookDelivery.unscoped.filter(created_at__lt=before).exclude(status=DeliveryStatus.PENDING)
    came = InboundDelivery.unscoped.filter(received_at__lt=before)
    ids = list(out.order_by("created_at").values_list("pk", flat=True)[:PRUNE_AT_ONCE])
    WebhookAttempt.unscoped.filter(delivery_id__in=ids).delete()
    WebhookDelivery.unscoped.filter(pk__in=ids).delete()
    gone = list(came.order_by("received_at").values_list("pk", flat=True)[:PRUNE_AT_ONCE])
    InboundDelivery.unscoped.filter(pk__in=gone).delete()
    if PRUNE_AT_ONCE not in (len(ids), len(gone)):  # else there is more, and the next sweep goes on
        _prune_at = time.monotonic() + PRUNE_EVERY
