"""Setting a gateway up on a server."""
