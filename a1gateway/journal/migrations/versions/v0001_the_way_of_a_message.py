"""The first journal: messages with their history, statuses of unknown messages, the portal that installed."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "messages",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("message_id", sa.String, nullable=False, unique=True),
        sa.Column("custom_id", sa.String, nullable=False, unique=True),
        sa.Column("a1_id", sa.String),
        sa.Column("received_at", sa.Double, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("origin", sa.JSON, nullable=False),
        sa.Column("number_received", sa.Text, nullable=False),
        sa.Column("msisdn", sa.String),
        sa.Column("warning", sa.String),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("sender_id", sa.String),
        sa.Column("segments", sa.Integer, nullable=False),
        sa.Column("a1_segments", sa.Integer),
        sa.Column("price", sa.String),
        sa.Column("amount", sa.String),
        sa.Column("refusal", sa.String),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("reason", sa.String),
        sa.Column("word", sa.String),
        sa.Column("stage", sa.String, nullable=False),
        sa.Column("due_at", sa.Double),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("uncertain", sa.String),
        sa.Column("asked", sa.Integer, nullable=False),
        sa.Column("final_at", sa.Double),
        sa.Column("told", sa.String),
        sa.Column("tell_at", sa.Double),
        sa.Column("tell_tries", sa.Integer, nullable=False),
        sa.Column("confirmed_at", sa.Double),
    )
    op.create_index("ix_messages_due", "messages", ["stage", "due_at"], sqlite_where=sa.text("due_at IS NOT NULL"))
    op.create_index("ix_messages_tell", "messages", ["tell_at"], sqlite_where=sa.text("tell_at IS NOT NULL"))
    op.create_index("ix_messages_a1_id", "messages", ["a1_id"], sqlite_where=sa.text("a1_id IS NOT NULL"))
    op.create_table(
        "history",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("message", sa.Integer, sa.ForeignKey("messages.id"), nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("source", sa.String, nullable=False),
        sa.Column("status", sa.String),
        sa.Column("word", sa.String, nullable=False),
        sa.Column("note", sa.Text),
    )
    op.create_index("ix_history_message", "history", ["message"])
    op.create_table(
        "unmatched",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("identifier", sa.String, nullable=False),
        sa.Column("word", sa.String, nullable=False),
        sa.Column("status", sa.String),
        sa.Column("source", sa.String, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
    )
    op.create_index("ix_unmatched_identifier", "unmatched", ["identifier"])
    op.create_table(
        "installation",
        sa.Column("member_id", sa.String, primary_key=True),
        sa.Column("domain", sa.String, nullable=False),
        sa.Column("client_endpoint", sa.String, nullable=False),
        sa.Column("access_token", sa.String, nullable=False),
        sa.Column("refresh_token", sa.String, nullable=False),
        sa.Column("application_token", sa.String, nullable=False),
        sa.Column("scope", sa.String, nullable=False),
        sa.Column("user_id", sa.String, nullable=False),
        sa.Column("language", sa.String, nullable=False),
        sa.Column("installed_at", sa.Double, nullable=False),
        sa.Column("refreshed_at", sa.Double, nullable=False),
    )
