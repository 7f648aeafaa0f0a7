"""What every line is given: the database server, and how long to measure."""

from dataclasses import dataclass

from tests import servers


@dataclass(frozen=True)
class Setting:
    postgres: servers.Postgres
    quick: bool

    @property
    def rounds(self) -> int:
        return 3 if self.quick else 7

    @property
    def round_seconds(self) -> float:
        """How long a round of each side should last, whatever its speed."""
        return 1.0 if self.quick else 3.0
