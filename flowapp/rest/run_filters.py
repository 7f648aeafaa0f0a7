"""Which runs: the query parameters of GET /v1/runs, and the `where` of a bulk verb."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field

from flowapp.engine.reading.search import Filter, parse
from flowapp.engine.states import RunStatus

from .schemas import Name

Term = Annotated[str, Field(min_length=3, max_length=320, pattern=r"^[^\x00]+$")]


class Where(BaseModel):
    """Which runs; what is not given is not asked. Times without a zone are UTC."""

    status: list[RunStatus] = Field([], max_length=8, description="Any of these.")
    workflow: Name | None = None
    error: Name | None = Field(None, description="The type of the error that ended the run, such as `ValueError`.")
    since: datetime | None = Field(None, description="Started then or later.")
    until: datetime | None = Field(None, description="Started before.")
    search: list[Term] = Field(
        [], max_length=10, description="`field:value`, of the fields that workflows declare: `amount:420`. All of them."
    )

    def filter(self) -> Filter:
        """As the engine knows it. Raises BadFilter."""
        return parse(
            workflow=self.workflow or "",
            statuses=self.status,
            error=self.error or "",
            since=self.since,
            until=self.until,
            terms=self.search,
        )
