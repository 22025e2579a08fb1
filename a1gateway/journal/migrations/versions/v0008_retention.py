"""Retention and erasing: what was masked and when, what stays of what is gone, and erasures that were asked for."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add a column, tables and indexes."""
    op.add_column("messages", sa.Column("masked_at", sa.Double))
    op.create_index(
        "ix_messages_unmasked",
        "messages",
        ["received_at"],
        sqlite_where=sa.text("masked_at IS NULL AND stage = 'over' AND tell_at IS NULL"),
    )
    op.create_index("ix_messages_masked", "messages", ["received_at"], sqlite_where=sa.text("masked_at IS NOT NULL"))
    op.create_index("ix_message_items_message", "message_items", ["message"])
    op.create_index("ix_reminder_rules_run", "reminder_rules", ["run"], sqlite_where=sa.text("run IS NOT NULL"))
    op.create_table(
        "campaign_totals",
        sa.Column("campaign", sa.Integer, sa.ForeignKey("campaigns.id"), primary_key=True),
        sa.Column("status", sa.String, primary_key=True),
        sa.Column("reason", sa.String, primary_key=True),
        sa.Column("segments", sa.Integer, primary_key=True),
        sa.Column("a1_segments", sa.Integer, primary_key=True),
        sa.Column("amount", sa.String, primary_key=True),
        sa.Column("messages", sa.Integer, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "consent_evidence",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("msisdn", sa.String, nullable=False),
        sa.Column("message_id", sa.String, nullable=False),
        sa.Column("received_at", sa.Double, nullable=False),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("reason", sa.String),
        sa.Column("final_at", sa.Double),
        sa.Column("sender_id", sa.String),
        sa.Column("asked_at", sa.Double, nullable=False),
        sa.Column("field", sa.String, nullable=False),
        sa.Column("contact", sa.Integer),
        sa.Column("value", sa.Text),
        sa.Column("meaning", sa.Text, nullable=False),
        sa.Column("granted", sa.Boolean, nullable=False),
    )
    op.create_index("ix_consent_evidence_msisdn", "consent_evidence", ["msisdn"])
    op.create_index("ix_consent_evidence_asked", "consent_evidence", ["asked_at"])
    op.create_table(
        "erasures",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("asked_at", sa.Double, nullable=False),
        sa.Column("asked_by", sa.Text, nullable=False),
        sa.Column("with_evidence", sa.Boolean, nullable=False),
        sa.Column("msisdn", sa.String),
        sa.Column("done_at", sa.Double),
        sa.Column("counts", sa.Text, nullable=False),
    )
    op.create_table(
        "retention",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("begins_at", sa.Double, nullable=False),
        sa.Column("passed_at", sa.Double, nullable=False),
    )
