"""The SMPP link: parts of messages with their receipts, uncertain messages sent again, messages from subscribers."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns and tables."""
    op.add_column("messages", sa.Column("resent", sa.Integer, nullable=False, server_default="0"))
    op.add_column("messages", sa.Column("postponed", sa.Integer, nullable=False, server_default="0"))
    op.add_column("messages", sa.Column("concatenation", sa.Integer))
    op.add_column("messages", sa.Column("partly_at", sa.Double))
    op.create_index(
        "ix_messages_concatenation",
        "messages",
        ["msisdn", "id"],
        sqlite_where=sa.text("concatenation IS NOT NULL"),
    )
    op.create_index("ix_messages_partly", "messages", ["partly_at"], sqlite_where=sa.text("partly_at IS NOT NULL"))
    op.create_table(
        "parts",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("message", sa.Integer, sa.ForeignKey("messages.id"), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("a1_id", sa.String),
        sa.Column("id_text", sa.String),
        sa.Column("id_value", sa.String),
        sa.Column("receipt_id", sa.String),
        sa.Column("status", sa.String),
        sa.Column("word", sa.String),
        sa.UniqueConstraint("message", "number"),
    )
    op.create_index("ix_parts_id_text", "parts", ["id_text"], sqlite_where=sa.text("id_text IS NOT NULL"))
    op.create_index("ix_parts_id_value", "parts", ["id_value"], sqlite_where=sa.text("id_value IS NOT NULL"))
    op.create_index("ix_parts_receipt", "parts", ["id"], sqlite_where=sa.text("receipt_id IS NOT NULL"))
    for column in (
        sa.Column("number", sa.String),
        sa.Column("reference", sa.Integer),
        sa.Column("id_text", sa.String),
        sa.Column("id_value", sa.String),
        sa.Column("due_at", sa.Double),
    ):
        op.add_column("unmatched", column)
    op.create_index("ix_unmatched_id_text", "unmatched", ["id_text"], sqlite_where=sa.text("id_text IS NOT NULL"))
    op.create_index("ix_unmatched_id_value", "unmatched", ["id_value"], sqlite_where=sa.text("id_value IS NOT NULL"))
    op.create_index("ix_unmatched_due", "unmatched", ["due_at"], sqlite_where=sa.text("due_at IS NOT NULL"))
    op.create_table(
        "incoming",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("received_at", sa.Double, nullable=False),
        sa.Column("source", sa.String, nullable=False),
        sa.Column("destination", sa.String, nullable=False),
        sa.Column("msisdn", sa.String),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("parts", sa.Integer, nullable=False),
        sa.Column("parts_received", sa.Integer, nullable=False),
    )
    op.create_table(
        "incoming_parts",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("received_at", sa.Double, nullable=False),
        sa.Column("source", sa.String, nullable=False),
        sa.Column("destination", sa.String, nullable=False),
        sa.Column("data_coding", sa.Integer, nullable=False),
        sa.Column("reference", sa.Integer, nullable=False),
        sa.Column("total", sa.Integer, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("octets", sa.LargeBinary, nullable=False),
        sa.UniqueConstraint("source", "destination", "reference", "total", "number"),
    )
