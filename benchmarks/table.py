"""Prints the result: one table, then the notes that belong to its rows."""

from collections.abc import Sequence

from benchmarks.figures import Row

_HEAD = ("line", "ours", "against", "theirs", "ratio", "goal", "met?")


def printed(rows: Sequence[Row]) -> str:
    """The table as Markdown, so that it can go into the docs as it is."""
    cells = [_HEAD, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(_HEAD))]
    lines = ["| " + " | ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)) + " |"
             for line in cells]  # fmt: skip
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    notes = [f"- {row.line}{f', {row.against}' if row.against else ''}: {row.note}" for row in rows if row.note]
    return "\n".join([*lines, "", *notes])


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.line,
        "-" if row.ours is None else str(row.ours),
        row.against,
        "" if not row.against else "-" if row.theirs is None else str(row.theirs),
        "" if row.ratio is None else f"{row.ratio:.2f}x" if row.ratio < 10 else f"{row.ratio:.1f}x",
        "" if row.goal is None else str(row.goal),
        row.verdict,
    )
