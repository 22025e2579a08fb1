"""The ways from the gateway to A1."""
