"""Automation in memory: from an event or a run to a message in the journal."""
