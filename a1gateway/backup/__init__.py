"""Backups: what the gateway keeps as one file, and a gateway made of such a file again."""
