"""The packages, built for real."""
