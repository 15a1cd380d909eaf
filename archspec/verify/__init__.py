"""Are two backends the same function? Builds a net in each and compares the numbers.

A backend runs in a process of its own, so that a crash of one is a row of the report.
"""
