"""A check for NaN and infinity that says where they are."""

from collections.abc import Sequence

import numpy as np

from ._backend import as_numpy, namespace
from ._shapes import map_layout
from ._typing import Array


def check_finite(
    X: Array,
    owner: str,
    *,
    dim: int | None = None,
    samples: Sequence[int] | None = None,
    input_name: str = "X",
) -> None:
    """Raise an error that names the first NaN or infinity in an array of maps.

    Parameters
    ----------
    X : ndarray or torch.Tensor of shape (n_samples, [n_channels,] *spatial)
        Floating-point maps.
    owner : str
        Who asks, named in the error.
    dim : int, default=None
        Number of spatial axes, see `map_layout`.
    samples : sequence of int, default=None
        Numbers of the rows of `X` in the user's array, for the error; None counts from 0.
    input_name : str, default="X"
        What the array is called in the error.

    Raises
    ------
    ValueError
        If a value is NaN or infinite.

    Examples
    --------
    >>> import numpy as np
    >>> from skastro.utils import check_finite
    >>> maps = np.zeros((4, 2, 3, 5), dtype="float32")
    >>> check_finite(maps, "FieldScaler")
    >>> maps[3, 1, 0, 4] = np.nan
    >>> check_finite(maps, "FieldScaler")
    Traceback (most recent call last):
        ...
    ValueError: Input X of FieldScaler contains NaN, first at sample 3, channel 1, cell (0, 4)...
    """
    xp = namespace(X)
    with np.errstate(over="ignore", invalid="ignore"):
        if bool(xp.isfinite(X.sum())):
            return
    sample = next((i for i, one in enumerate(X) if not bool(xp.isfinite(one).all())), None)
    if sample is None:
        return
    values = as_numpy(X[sample])
    number = sample if samples is None else int(samples[sample])
    cell = tuple(int(i) for i in np.argwhere(~np.isfinite(values))[0])
    kind, remedy = (
        ("NaN", "")
        if np.isnan(values[cell])
        else ("inf", "A value beyond 3.4e38 is infinite in float32: take a larger unit. ")
    )
    has_channels = map_layout(X.shape, dim, owner).has_channels
    channel = f"channel {cell[0]}, " if has_channels else ""
    raise ValueError(
        f"Input {input_name} of {owner} contains {kind}, first at sample {number}, {channel}"
        f"cell ({', '.join(map(str, cell[has_channels:]))}). {remedy}Mask or fill the bad cells, "
        f"or drop the sample, before fitting or predicting."
    )
