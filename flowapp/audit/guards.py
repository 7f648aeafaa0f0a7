"""The triggers that make the log append-only, for both databases.

They allow one change: the sealer filling in seq, prev_hash and hash, once. `flush` lifts them to empty a database.
"""

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

TABLE = "audit_auditentry"
_CONTENT = (
    *("id", "workspace_id", "at", "actor_kind", "actor_id", "actor_label", "member_id", "key_id", "on_behalf_of"),
    *("verb", "target", "before", "after", "reason", "channel", "request_id"),
)
_REFUSAL = "the audit log is append-only"

_changed = " OR ".join(f'NEW."{column}" IS NOT OLD."{column}"' for column in _CONTENT)
_SQLITE = (
    f"""CREATE TRIGGER IF NOT EXISTS audit_no_update BEFORE UPDATE ON {TABLE} WHEN OLD.seq IS NOT NULL OR {_changed}
        BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END""",
    f"""CREATE TRIGGER IF NOT EXISTS audit_no_delete BEFORE DELETE ON {TABLE}
        BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END""",
)
_SQLITE_LIFT = ("DROP TRIGGER IF EXISTS audit_no_update", "DROP TRIGGER IF EXISTS audit_no_delete")

_POSTGRESQL = (
    f"""CREATE OR REPLACE FUNCTION audit_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF TG_OP = 'UPDATE' AND OLD.seq IS NULL
               AND to_jsonb(NEW) - '{{seq,prev_hash,hash}}'::text[] = to_jsonb(OLD) - '{{seq,prev_hash,hash}}'::text[]
            THEN RETURN NEW; END IF;
            RAISE EXCEPTION '{_REFUSAL}' USING ERRCODE = 'integrity_constraint_violation';
        END $$""",
    f"""CREATE OR REPLACE TRIGGER audit_no_update BEFORE UPDATE OR DELETE ON {TABLE}
        FOR EACH ROW EXECUTE FUNCTION audit_append_only()""",
    f"""CREATE OR REPLACE TRIGGER audit_no_truncate BEFORE TRUNCATE ON {TABLE}
        FOR EACH STATEMENT EXECUTE FUNCTION audit_append_only()""",
)
_POSTGRESQL_LIFT = (
    f"DROP TRIGGER IF EXISTS audit_no_update ON {TABLE}",
    f"DROP TRIGGER IF EXISTS audit_no_truncate ON {TABLE}",
)


def install(connection: BaseDatabaseWrapper) -> None:
    """Make the log append-only."""
    _run(connection, _POSTGRESQL if connection.vendor == "postgresql" else _SQLITE)


def lift(connection: BaseDatabaseWrapper) -> None:
    """Take the triggers away, to empty the whole database."""
    _run(connection, _POSTGRESQL_LIFT if connection.vendor == "postgresql" else _SQLITE_LIFT)


def after_migrating(sender: object, *, using: str, **_: object) -> None:
    """On every `migrate`: SQLite drops a table's triggers when a migration alters the table."""
    install(connections[using])


def _run(connection: BaseDatabaseWrapper, statements: tuple[str, ...]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
