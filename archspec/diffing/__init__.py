"""What changed between two nets: `archspec diff`.

Only `coverage`, which reads weights, imports numpy.
"""
