"""How the alarms stand, so that nobody is told twice of a trouble, nor left without the word that it is over."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add their table."""
    op.create_table(
        "alarms",
        sa.Column("word", sa.String, primary_key=True),
        sa.Column("since", sa.Double, nullable=False),
        sa.Column("gone_at", sa.Double),
        sa.Column("told_at", sa.Double),
        sa.Column("over_at", sa.Double),
        sa.Column("times", sa.Integer, nullable=False),
    )
