"""Marketing: the evidence of consent, the stop list, and the choices that the CRM has to be told of."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add a column and three tables."""
    op.add_column("messages", sa.Column("consent_at", sa.Double))
    op.create_index("ix_messages_marketing", "messages", ["msisdn", "id"], sqlite_where=sa.text("kind = 'marketing'"))
    op.create_table(
        "consents",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("message", sa.Integer, sa.ForeignKey("messages.id"), nullable=False),
        sa.Column("asked_at", sa.Double, nullable=False),
        sa.Column("field", sa.String, nullable=False),
        sa.Column("contact", sa.Integer),
        sa.Column("value", sa.Text),
        sa.Column("meaning", sa.Text, nullable=False),
        sa.Column("granted", sa.Boolean, nullable=False),
    )
    op.create_index("ix_consents_message", "consents", ["message"])
    op.create_table(
        "stop_list",
        sa.Column("msisdn", sa.String, primary_key=True),
        sa.Column("since", sa.Double, nullable=False),
        sa.Column("source", sa.String, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
    )
    op.create_table(
        "choices",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("msisdn", sa.String, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("choice", sa.String, nullable=False),
        sa.Column("source", sa.String, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("due_at", sa.Double),
        sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
        sa.Column("contacts", sa.Text),
        sa.Column("trouble", sa.Text),
    )
    op.create_index("ix_choices_msisdn", "choices", ["msisdn"])
    op.create_index("ix_choices_due", "choices", ["due_at"], sqlite_where=sa.text("due_at IS NOT NULL"))
