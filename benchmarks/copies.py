"""Makes many rows of few: copies in SQL what really ran. Starting 100,000 runs would take longer than measuring."""

# What stands for a run in the tables, and the columns that name it or a row of it.
_TABLES = {
    "engine_run": ("id",),
    "engine_wait": ("run_id",),
    "engine_checkpoint": ("run_id",),
    "approvals_prompt": ("id", "run_id"),
    "approvals_assignment": ("id", "prompt_id"),
    "approvals_promptword": ("prompt_id",),
    "approvals_decision": ("id", "prompt_id"),
}
# Columns that are not generated from others.
_WRITTEN = "SELECT column_name FROM information_schema.columns WHERE table_name = %s AND is_generated = 'NEVER'"


def multiply(copies: int) -> None:
    """Add so many copies of every run with what belongs to it; all of them are older than what ran."""
    from django.db import connection

    with connection.cursor() as cursor:
        for table, keys in _TABLES.items():
            cursor.execute(_WRITTEN, [table])
            columns = [name for (name,) in cursor.fetchall()]
            names = ", ".join(f'"{name}"' for name in columns)
            values = ", ".join(_copied(name) if name in keys else f'"{name}"' for name in columns)
            source = f"{table}, generate_series(1, %s) AS copy"
            cursor.execute(f"INSERT INTO {table} ({names}) SELECT {values} FROM {source}", [copies])
        cursor.execute("ANALYZE")


def _copied(column: str) -> str:
    """The id of a copy: the same wherever its original is named, and in the order of the copies."""
    return f"(lpad(to_hex(copy), 8, '0') || substr(md5({column}::text || copy), 9))::uuid"
