"""Seeds from the parameter random_state."""

from numbers import Integral

import numpy as np


def seed_entropy(owner, random_state):
    """Seed of all seeds: an int as it is, or a number drawn.

    Parameters
    ----------
    owner : str
        Class or function to name in the error.
    random_state : int, numpy.random.RandomState or None
        The parameter.

    Returns
    -------
    int
        The seed.

    Raises
    ------
    ValueError
        If it is something else.
    """
    if random_state is None:
        return np.random.SeedSequence().entropy
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(np.iinfo(np.int32).max))
    if isinstance(random_state, bool) or not isinstance(random_state, Integral) or random_state < 0:
        raise ValueError(
            f"The 'random_state' parameter of {owner} must be None, an integer from 0 or a "
            f"numpy.random.RandomState. Got {random_state!r} instead."
        )
    return int(random_state)
