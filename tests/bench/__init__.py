"""`make bench` in its short form."""
