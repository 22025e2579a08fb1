"""Whether everything is in place that SMS need: for people, with what to do where it is not.

`readiness` says the same to machines, of what stops SMS at this moment alone.
"""
