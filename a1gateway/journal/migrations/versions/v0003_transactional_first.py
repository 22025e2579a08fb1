"""The indexes of what is due, by kind: transactional messages go before those of a campaign."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the two indexes anew."""
    for name, columns in (("due", ["stage", "kind", "due_at"]), ("tell", ["kind", "tell_at"])):
        op.drop_index(f"ix_messages_{name}", "messages")
        op.create_index(
            f"ix_messages_{name}", "messages", columns, sqlite_where=sa.text(f"{columns[-1]} IS NOT NULL")
        )
