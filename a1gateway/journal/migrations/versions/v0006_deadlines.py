"""When messages may leave, and until when they are of use."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add five columns and an index."""
    for name in ("not_before", "leave_by", "again_from", "again_by", "deliver_by"):
        op.add_column("messages", sa.Column(name, sa.Double))
    op.create_index(
        "ix_messages_leave_by",
        "messages",
        ["stage", "leave_by"],
        sqlite_where=sa.text("leave_by IS NOT NULL AND due_at IS NOT NULL"),
    )
