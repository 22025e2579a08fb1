"""a1gateway: SMS from Bitrix24 through A1, and their delivery statuses back into the CRM."""

__version__ = "0.2.0"
