"""The gateway measured: the real daemon on a core of its own, all outside parties on the other.

`python -m benchmarks --help` says what can be chosen; docs/performance.md says how it is measured.
"""
