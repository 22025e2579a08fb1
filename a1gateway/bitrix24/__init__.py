"""The Bitrix24 portal: its calls to the gateway, and the gateway's calls to it."""
