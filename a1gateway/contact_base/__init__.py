"""The portal's contacts, leads and companies before a campaign: audited, cleaned, asked who would get an SMS."""
