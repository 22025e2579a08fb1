"""The journal's messages as a file for a spreadsheet, written by a process of its own, as large as may be.

Whoever exports a million messages holds up none: the daemon hands the process a query (`order`) and passes on what it
writes as fast as the browser takes it (`exports`). The process is `python -m a1gateway.export`; its modules import
nothing heavy, as the server is small.
"""
