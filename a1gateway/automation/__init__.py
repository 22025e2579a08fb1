"""Automation: rules of the gateway in Bitrix24, scenarios of its own, templates and reminders."""
