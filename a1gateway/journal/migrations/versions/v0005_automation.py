"""Automation: runs of automation rules, reminders, and events to look into."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add a column and seven tables."""
    op.add_column("messages", sa.Column("teller", sa.String, nullable=False, server_default="sender"))
    op.create_table(
        "runs",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("event_token", sa.String, nullable=False, unique=True),
        sa.Column("received_at", sa.Double, nullable=False),
        sa.Column("code", sa.String, nullable=False),
        sa.Column("entity_type", sa.Integer),
        sa.Column("item", sa.Integer),
        sa.Column("properties", sa.Text, nullable=False),
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("due_at", sa.Double),
        sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
        sa.Column("message", sa.Integer, sa.ForeignKey("messages.id")),
        sa.Column("answer", sa.Text),
        sa.Column("trouble", sa.Text),
        sa.Column("over_at", sa.Double),
    )
    op.create_index("ix_runs_due", "runs", ["state", "due_at"], sqlite_where=sa.text("due_at IS NOT NULL"))
    op.create_index("ix_runs_message", "runs", ["message"], sqlite_where=sa.text("message IS NOT NULL"))
    op.create_table(
        "reminders",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("rule", sa.String, nullable=False),
        sa.Column("run", sa.Integer, sa.ForeignKey("runs.id")),
        sa.Column("entity_type", sa.Integer, nullable=False),
        sa.Column("item", sa.Integer, nullable=False),
        sa.Column("moment", sa.Double, nullable=False),
        sa.Column("ahead", sa.Double, nullable=False),
        sa.Column("due_at", sa.Double),
        sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("reason", sa.String),
        sa.Column("message", sa.Integer, sa.ForeignKey("messages.id")),
        sa.UniqueConstraint("rule", "entity_type", "item", "moment", "ahead"),
    )
    op.create_index("ix_reminders_due", "reminders", ["due_at"], sqlite_where=sa.text("due_at IS NOT NULL"))
    op.create_index(
        "ix_reminders_item", "reminders", ["entity_type", "item"], sqlite_where=sa.text("due_at IS NOT NULL")
    )
    op.create_index("ix_reminders_message", "reminders", ["message"], sqlite_where=sa.text("message IS NOT NULL"))
    op.create_index("ix_reminders_run", "reminders", ["run"], sqlite_where=sa.text("run IS NOT NULL"))
    op.create_table(
        "look_ups",
        sa.Column("key", sa.String, primary_key=True),
        sa.Column("entity_type", sa.Integer),
        sa.Column("item", sa.Integer),
        sa.Column("payload", sa.Text),
        sa.Column("first_at", sa.Double, nullable=False),
        sa.Column("latest_at", sa.Double, nullable=False),
        sa.Column("due_at", sa.Double, nullable=False),
    )
    op.create_index("ix_look_ups_due", "look_ups", ["due_at"])
    op.create_table(
        "positions",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("record", sa.Integer, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
    )
    op.create_table(
        "stage_records",
        sa.Column("entity_type", sa.Integer, primary_key=True),
        sa.Column("record", sa.Integer, primary_key=True),
    )
    op.create_table(
        "said",
        sa.Column("scenario", sa.String, primary_key=True),
        sa.Column("msisdn", sa.String, primary_key=True),
        sa.Column("digest", sa.String, primary_key=True),
        sa.Column("at", sa.Double, nullable=False),
    )
    op.create_index("ix_said_at", "said", ["at"])
    op.create_table(
        "conditions",
        sa.Column("scenario", sa.String, primary_key=True),
        sa.Column("item", sa.Integer, primary_key=True),
        sa.Column("held", sa.Boolean, nullable=False),
        sa.Column("times", sa.Integer, nullable=False),
    )
