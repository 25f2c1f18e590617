"""Which simulation a sample is from."""

import numpy as np

from ._typing import ArrayLike


def check_groups(groups: ArrayLike, owner: str, n_samples: int | None = None) -> np.ndarray:
    """Check groups.

    Parameters
    ----------
    groups : array-like of shape (n_samples,)
        Numbers or strings.
    owner : str
        What is named in the error, such as "CNNRegressor.fit".
    n_samples : int, default=None
        How many there must be; None is any number.

    Returns
    -------
    ndarray of shape (n_samples,)
        Groups that can be sorted.

    Raises
    ------
    ValueError
        If there is more than one axis, groups are of several kinds, one is NaN, or there is not
        one for each sample.
    """
    groups = np.asarray(groups)
    if groups.dtype == object:
        kinds = {type(group) for group in groups.ravel()}
        if len(kinds) == 1 and kinds <= {str, int, float, bool}:
            groups = np.array(groups.tolist())
    unknown = groups.dtype.kind == "f" and np.isnan(groups).any()
    if groups.ndim != 1 or groups.dtype.kind not in "biufUSM" or unknown:
        raise ValueError(
            f"The 'groups' of {owner} must be one number or string for each sample, of one "
            f"kind and none NaN. Got an array of shape {groups.shape} and dtype {groups.dtype}. "
            f"Number them: numpy.unique(names, return_inverse=True)[1]."
        )
    if n_samples is not None and len(groups) != n_samples:
        raise ValueError(
            f"{owner} takes one group for each sample; got {len(groups)} groups and {n_samples} "
            f"samples."
        )
    return groups


def shares_of_groups(groups):
    """What each sample counts for when groups count the same.

    Parameters
    ----------
    groups : ndarray of shape (n_samples,)
        Group of each sample.

    Returns
    -------
    shares : ndarray of shape (n_samples,)
        One over the number of samples of the group, so that each group adds up to 1.
    n_groups : int
        Number of groups.
    """
    _, members, counts = np.unique(groups, return_inverse=True, return_counts=True)
    return 1 / counts[members], len(counts)
