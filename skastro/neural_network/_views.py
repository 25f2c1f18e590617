"""Symmetric views of maps, over which a prediction is averaged."""

import torch


def check_symmetries(estimator, map_shape):
    """Refuse symmetries that the maps do not have, or averaging over none.

    Parameters
    ----------
    estimator : NetEstimator
        Has the parameters `augmentation` and `average_symmetries`.
    map_shape : tuple of int
        ``(n_channels, *spatial)``, the shape of a map.

    Raises
    ------
    ValueError
        If the parameters do not fit the maps or each other.
    """
    if estimator.augmentation is not None:
        estimator.augmentation.check(map_shape)
    elif estimator.average_symmetries:
        raise ValueError(
            f"{type(estimator).__name__}(average_symmetries=True) averages over the symmetries of "
            f"'augmentation', which is None. Set augmentation=Symmetries(...), or "
            f"average_symmetries=False."
        )


def symmetric_views(estimator, map_shape):
    """What is done to a batch before it goes through the net, once for each view.

    Parameters
    ----------
    estimator : NetEstimator
        Has the parameters `augmentation` and `average_symmetries`.
    map_shape : tuple of int
        ``(n_channels, *spatial)``, the shape of a map.

    Returns
    -------
    list of callable
        Each turns a batch into another one. Without averaging there is one, the identity.

    Raises
    ------
    ValueError
        If the parameters do not fit the maps or each other.
    """
    if not estimator.average_symmetries:
        return [lambda x: x]
    check_symmetries(estimator, map_shape)
    augmentation = estimator.augmentation
    elements = torch.from_numpy(augmentation.elements(map_shape[1:]))

    def view(element):
        return lambda x: augmentation.apply(x, element.expand(len(x), -1))

    return [view(element) for element in elements]
