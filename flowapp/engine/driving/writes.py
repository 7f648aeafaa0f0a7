"""Puts together what a run wants committed: its own rows, and the waits that are due to be opened or dropped."""

from __future__ import annotations

from collections.abc import Sequence

from flowapp.engine.models import Run
from flowapp.engine.records import AttemptRow, CheckpointRow, End, Key, Write

from .open_waits import OpenWaits


class Writes:
    """Makes the writes of one run."""

    def __init__(self, run: Run, waits: OpenWaits) -> None:
        self._run = run
        self._waits = waits

    def build(
        self,
        *,
        checkpoints: Sequence[CheckpointRow] = (),
        attempts: Sequence[AttemptRow] = (),
        drop: Sequence[Key] = (),
        give_back: Sequence[tuple[str, Key]] = (),
        open_: bool = False,
        collect: bool = False,
        suspend: bool = False,
        pausing: bool = False,
        requeue: bool = False,
        end: End | None = None,
    ) -> Write:
        """A write under the run's fence; with `open_` it carries the waits that are due to be opened or dropped."""
        run, waits = self._run, self._waits
        return Write(
            run.id,
            run.workspace_id,
            run.fence,
            parent_id=run.parent_id,
            limit_id=run.limit_id,
            checkpoints=checkpoints,
            attempts=attempts,
            drop=(*drop, *waits.to_drop()) if open_ else drop,
            give_back=give_back,
            open=waits.to_open() if open_ else (),
            collect=collect,
            suspend=suspend,
            pausing=pausing,
            requeue=requeue,
            end=end,
            early=bool(checkpoints) and waits.early,
        )
