"""The package for Debian on a fresh Debian."""
