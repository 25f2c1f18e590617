"""How lazy maps are shuffled and read ahead of the net."""

from numbers import Integral

from sklearn.base import BaseEstimator

from ..utils._params import Interval


class Streaming(BaseEstimator):
    """How maps in files are shuffled and read while a net is trained.

    Parameters
    ----------
    block_size : int, default=1
        Consecutive samples that stay together when samples are shuffled. 1 shuffles fully.
    memory : int, default=268435456
        Bytes of maps that may be read ahead, at least a batch.
    """

    _parameter_constraints = {
        "block_size": [Interval(Integral, 1, None, closed="left")],
        "memory": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(self, block_size=1, *, memory=2**28):
        self.block_size = block_size
        self.memory = memory
