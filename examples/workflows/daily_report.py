"""Every morning at nine: ask five services for yesterday's figures, and tell Slack about those that stay silent."""

import os
from decimal import Decimal

import httpx
from pydantic import BaseModel

from flowapp import Context, Cron, Retry, step, workflow

SERVICES = ("sales", "refunds", "sign-ups", "tickets", "outages")


class Figure(BaseModel):
    """What one service says about yesterday."""

    service: str
    total: Decimal


class Report(BaseModel):
    """The morning's report: the figures that came, and the services that gave none."""

    figures: list[Figure]
    silent: list[str]


@step(retry=Retry(max_attempts=4, initial="2s", factor=2), timeout="10s")  # the first attempt, and three retries
async def ask(service: str) -> Figure:
    """Yesterday's figure of one service."""
    async with httpx.AsyncClient(base_url=os.environ.get("REPORT_API", ""), trust_env=False) as client:
        answer = await client.get(f"/{service}/yesterday")
    answer.raise_for_status()
    return Figure(service=service, total=answer.json()["total"])


@step(retry=Retry(max_attempts=5, initial="1s"))
async def alert(silent: list[str]) -> None:
    """Say in Slack which services did not answer."""
    text = f"The daily report lacks {', '.join(silent)}: no answer after three retries."
    if hook := os.environ.get("SLACK_WEBHOOK"):
        async with httpx.AsyncClient(trust_env=False) as client:
            (await client.post(hook, json={"text": text})).raise_for_status()
    else:
        print(text)


@workflow(name="daily-report", triggers=[Cron("0 9 * * *", tz="Europe/Berlin")])
async def daily_report(ctx: Context) -> Report:
    """Collect what can be had, and alert about the rest: one silent service does not cost the whole report."""
    answers = await ctx.map("ask", ask, SERVICES, on_error="collect")
    figures = [answer for answer in answers if isinstance(answer, Figure)]
    answered = {figure.service for figure in figures}
    silent = [service for service in SERVICES if service not in answered]
    if silent:
        await alert(silent)
    return Report(figures=figures, silent=silent)
