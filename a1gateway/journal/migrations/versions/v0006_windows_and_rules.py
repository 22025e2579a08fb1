"""When messages may leave; what reminders follow; what is known of events that cannot be looked into."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add columns and tables, and follow what there are reminders of."""
    for name in ("not_before", "leave_by", "again_from", "again_by", "deliver_by"):
        op.add_column("messages", sa.Column(name, sa.Double))
    op.create_index(
        "ix_messages_leave_by",
        "messages",
        ["stage", "leave_by"],
        sqlite_where=sa.text("leave_by IS NOT NULL AND due_at IS NOT NULL"),
    )
    op.add_column("said", sa.Column("message", sa.String))
    op.add_column("runs", sa.Column("refusals", sa.Integer, nullable=False, server_default="0"))
    op.add_column("look_ups", sa.Column("tries", sa.Integer, nullable=False, server_default="0"))
    op.add_column("look_ups", sa.Column("trouble", sa.Text))
    op.create_table(
        "reminder_rules",
        sa.Column("rule", sa.String, primary_key=True),
        sa.Column("entity_type", sa.Integer, primary_key=True),
        sa.Column("item", sa.Integer, primary_key=True),
        sa.Column("run", sa.Integer, sa.ForeignKey("runs.id")),
        sa.Column("moment", sa.Double, nullable=False),
        sa.Column("held", sa.Boolean, nullable=False),
        sa.Column("until", sa.Double, nullable=False),
    )
    op.create_index("ix_reminder_rules_item", "reminder_rules", ["entity_type", "item"])
    op.create_index("ix_reminder_rules_until", "reminder_rules", ["until"])
    op.execute(
        "INSERT INTO reminder_rules (rule, entity_type, item, run, moment, held, until)"
        " SELECT rule, entity_type, item, max(run), max(moment), 1, max(moment) + 2592000 FROM reminders"
        " WHERE due_at IS NOT NULL GROUP BY rule, entity_type, item"
    )
    op.drop_index("ix_reminders_item", "reminders")
    op.create_table(
        "moves",
        sa.Column("entity_type", sa.Integer, primary_key=True),
        sa.Column("item", sa.Integer, primary_key=True),
        sa.Column("at", sa.Double, nullable=False),
    )
    op.create_table(
        "documents_of",
        sa.Column("member_id", sa.String, primary_key=True),
        sa.Column("domain", sa.String, nullable=False),
        sa.Column("generation", sa.Integer, nullable=False),
    )
    op.execute(
        "INSERT INTO documents_of (member_id, domain, generation) SELECT member_id, domain, 0 FROM installation"
    )
    # These go by other names from now on.
    op.execute("DELETE FROM conditions")
    op.execute("DELETE FROM positions WHERE name LIKE 'dates:%'")
