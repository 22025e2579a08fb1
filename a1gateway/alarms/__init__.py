"""Telling the operator of a trouble through Bitrix24: once when it has come, and once when it is over."""
