"""What every op computes: the definitions of record, in numpy and nothing else.

A function an op, named after its kind, written straight from the definition: for
reading, and for checking a backend against, not for speed. It takes the op, the values
that it reads, and by name what the op stores. Images are [N, C, H, W], vectors [N, F];
any float type goes in and comes out, `numpy.longdouble` too. `evaluate` computes a
whole graph, node by node; `derivative` takes differences.

    >>> import numpy as np
    >>> from archspec.ops.activation import LeakyRelu
    >>> from archspec.reference import compute
    >>> compute(LeakyRelu(negative_slope=0.5), np.array([[-2.0, 3.0]]))
    array([[-1.,  3.]])
"""

from archspec.reference.evaluation import FUNCTIONS, compute, evaluate, statistics
from archspec.reference.gradients import derivative

__all__ = ["FUNCTIONS", "compute", "derivative", "evaluate", "statistics"]
