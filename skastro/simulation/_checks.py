"""Checks of parameters shared by the mocks."""

from numbers import Integral

import numpy as np

from ..datasets._checks import message


def check_count(owner, parameter, value, low):
    """Raise unless a parameter is an integer of at least `low`."""
    allowed = f"an integer of at least {low}"
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(message(owner, parameter, allowed, value))
    if value < low:
        raise ValueError(message(owner, parameter, allowed, value))


def seed_entropy(owner, random_state):
    """Seed of all seeds: an int as it is, or a number drawn."""
    if random_state is None:
        return np.random.SeedSequence().entropy
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(np.iinfo(np.int32).max))
    if isinstance(random_state, bool) or not isinstance(random_state, Integral) or random_state < 0:
        allowed = "None, an integer from 0 or a numpy.random.RandomState"
        raise ValueError(message(owner, "random_state", allowed, random_state))
    return int(random_state)
