"""The Sender ID: what may be one, the application for it to A1, and whether A1 has approved it."""
