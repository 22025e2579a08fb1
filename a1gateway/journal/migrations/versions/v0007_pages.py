"""What the pages look for: who sent a message and from which items, campaigns, statistics, Sender IDs applied for."""

import json
import re
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_AT_ONCE = 2_000
_TYPES = {"LEAD": 1, "DEAL": 2, "CONTACT": 3, "COMPANY": 4, "QUOTE": 7, "SMART_INVOICE": 31}
_DOCUMENT = re.compile(r"(LEAD|DEAL|CONTACT|COMPANY|QUOTE|SMART_INVOICE)_(\d{1,18})|DYNAMIC_(\d{1,9})_(\d{1,18})")
_NAMED = re.compile(r"(lead|deal|contact|company|\d{1,9}):(\d{1,18})")
_SENT_BY = """
    UPDATE messages SET sent_by = CASE
        WHEN json_extract(origin, '$.scenario') IS NOT NULL
        THEN substr('scenario:' || json_extract(origin, '$.scenario'), 1, 80)
        WHEN json_extract(origin, '$.module_id') = 'crm' THEN 'card'
        WHEN json_extract(origin, '$.module_id') = 'bizproc' THEN 'robot'
        WHEN json_extract(origin, '$.module_id') = 'sender' THEN 'mailing'
        WHEN json_extract(origin, '$.module_id') IS NULL AND json_extract(origin, '$.code') IS NOT NULL
        THEN substr('rule:' || json_extract(origin, '$.code'), 1, 80)
        ELSE 'other' END
    WHERE id > ? AND id <= ?
    RETURNING id, origin, sent_by, coalesce(sender_id, '')
"""


def upgrade() -> None:
    """Add columns, tables and indexes, and fill them for the messages that there are."""
    op.create_table(
        "campaigns",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("began_at", sa.Double, nullable=False),
        sa.Column("latest_at", sa.Double, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("sender_id", sa.String),
        sa.Column("sent_by", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("state_at", sa.Double, nullable=False),
        sa.Column("state_by", sa.String),
        sa.Column("anew_at", sa.Double),
        sa.Column("unsettled", sa.Boolean, nullable=False, server_default=sa.text("0")),
    )
    op.create_index("ix_campaigns_latest", "campaigns", ["latest_at"])
    op.create_index("ix_campaigns_stopped", "campaigns", ["latest_at"], sqlite_where=sa.text("state != 'running'"))
    op.create_index("ix_campaigns_unsettled", "campaigns", ["id"], sqlite_where=sa.text("unsettled = 1"))
    op.add_column("messages", sa.Column("sent_by", sa.String, nullable=False, server_default="other"))
    op.execute("ALTER TABLE messages ADD COLUMN campaign INTEGER REFERENCES campaigns (id)")
    op.create_table(
        "message_items",
        sa.Column("entity_type", sa.Integer, primary_key=True),
        sa.Column("item", sa.Integer, primary_key=True),
        sa.Column("message", sa.Integer, sa.ForeignKey("messages.id"), primary_key=True),
        sqlite_with_rowid=False,
    )
    _create_statistics()
    op.create_table(
        "sender_ids",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("particulars", sa.Text, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("prepared_at", sa.Double, nullable=False),
        sa.Column("handed_in_at", sa.Double),
        sa.Column("decided_at", sa.Double),
        sa.Column("prepared_by", sa.Text, nullable=False),
        sa.Column("note", sa.Text),
    )
    op.create_table(
        "message_sources",
        sa.Column("sent_by", sa.String, primary_key=True),
        sa.Column("sender_id", sa.String, primary_key=True),
        sqlite_with_rowid=False,
    )
    _fill()
    op.create_index(
        "ix_messages_journal",
        "messages",
        ["received_at", "status", "kind", "sender_id", "sent_by", "reason", "msisdn"],
    )
    op.create_index(
        "ix_messages_refused_number",
        "messages",
        ["received_at", "status", "kind", "sender_id", "sent_by", "reason", "msisdn", "number_received"],
        sqlite_where=sa.text("msisdn IS NULL"),
    )
    op.create_index(
        "ix_messages_msisdn", "messages", ["msisdn", "received_at"], sqlite_where=sa.text("msisdn IS NOT NULL")
    )
    op.create_index("ix_messages_by_page", "messages", ["received_at"], sqlite_where=sa.text("sent_by = 'page'"))
    op.create_index(
        "ix_messages_campaign",
        "messages",
        ["campaign", "stage", "status", "reason", "segments", "a1_segments", "amount"],
        sqlite_where=sa.text("campaign IS NOT NULL"),
    )


def _create_statistics() -> None:
    op.create_table(
        "statistics_groups",
        sa.Column("id", sa.Integer, primary_key=True),
        *(sa.Column(name, sa.String, nullable=False) for name in ("kind", "operator", "sender_id", "sent_by")),
        sa.UniqueConstraint("kind", "operator", "sender_id", "sent_by"),
    )
    counted = ("accepted", "taken", "delivered", "failed")
    of_taken = ("segments", "amount", "priced", "unicode", "shortenable")
    for name, keys, counts in (
        ("days", (("day", sa.Integer),), counted + of_taken),
        ("hours", (("hour", sa.Integer),), counted),
        ("failures", (("day", sa.Integer), ("status", sa.String), ("reason", sa.String)), ("messages",)),
        ("times", (("day", sa.Integer), ("step", sa.Integer)), ("messages",)),
    ):
        op.create_table(
            f"statistics_{name}",
            *(sa.Column(key, of, primary_key=True) for key, of in keys),
            sa.Column("group_id", sa.Integer, sa.ForeignKey("statistics_groups.id"), primary_key=True),
            *(sa.Column(count, sa.Integer, nullable=False) for count in counts),
            sqlite_with_rowid=False,
        )
    op.create_table(
        "statistics_position",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("record", sa.Integer, nullable=False),
    )
    # Answers of A1's that statuses had overtaken were not written into the history (`rows.ANSWERED_LATE`).
    op.execute(
        "INSERT INTO history (message, at, source, word)"
        " SELECT id, final_at, 'api', 'answered_late' FROM messages WHERE final_at IS NOT NULL"
        " AND (amount IS NOT NULL OR a1_segments <> segments)"
        " AND NOT EXISTS (SELECT 1 FROM history WHERE message = messages.id AND status = 'sent')"
    )


def _fill() -> None:
    """In one pass over the messages: who sent each, from which items, and which senders there are."""
    connection = op.get_bind()
    last = connection.exec_driver_sql("SELECT max(id) FROM messages").scalar() or 0
    sources: set[tuple[str, str]] = set()
    for after in range(0, last, _AT_ONCE):
        rows = connection.exec_driver_sql(_SENT_BY, (after, after + _AT_ONCE)).fetchall()
        sources.update((sent_by, sender_id) for _, _, sent_by, sender_id in rows)
        items = [(*item, id_) for id_, origin, *_ in rows for item in _items(json.loads(origin))]
        if items:
            connection.exec_driver_sql("INSERT OR IGNORE INTO message_items VALUES (?, ?, ?)", items)
    if sources:
        connection.exec_driver_sql("INSERT INTO message_sources VALUES (?, ?)", sorted(sources))


def _items(origin: dict[str, Any]) -> list[tuple[int, int]]:
    found = []
    for binding in _values(origin.get("bindings")):
        if isinstance(binding, dict):
            of, id_ = (str(binding.get(name, "")) for name in ("OWNER_TYPE_ID", "OWNER_ID"))
            if of.isascii() and of.isdecimal() and id_.isascii() and id_.isdecimal() and len(of + id_) < 18:
                found.append((int(of), int(id_)))
    for name in _values(origin.get("document_id")):
        form = _DOCUMENT.fullmatch(str(name))
        if form is not None:
            found.append((_TYPES[form[1]] if form[1] else int(form[3]), int(form[2] or form[4])))
    form = _NAMED.fullmatch(str(origin.get("document", ""))) if not origin.get("call") else None
    if form is not None:
        found.append((_TYPES.get(form[1].upper()) or int(form[1]), int(form[2])))
    return found


def _values(given: Any) -> list[Any]:
    return list(given.values()) if isinstance(given, dict) else given if isinstance(given, list) else []
