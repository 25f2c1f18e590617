"""What a filter of smooth foregrounds does first."""

from ..maps import MapTransformer
from ..utils import is_torch
from ._sky import sky_shape


class ChannelMeanSubtraction(MapTransformer):
    """Subtract the mean over the sky from each frequency channel of each map.

    A total-power telescope does not see the mean of a map, which its filters take out along
    with the atmosphere and the smoothest part of foregrounds [1]_. The last two axes are the
    sky; signals of one axis lose their mean. Nothing is learned but the shape of the maps.

    Attributes
    ----------
    sample_shape_ : tuple of int
        Shape of a sample in fit. The sizes of the sky may differ in transform.
    n_features_in_ : int
        Length of the first axis of a sample.

    References
    ----------
    .. [1] Foss, M. K., et al. 2022, ApJ 933, 184 (arXiv:2111.05929).

    Examples
    --------
    >>> import numpy as np
    >>> from skastro.instrument import ChannelMeanSubtraction
    >>> maps = np.arange(8.0).reshape(1, 2, 2, 2)
    >>> ChannelMeanSubtraction().fit_transform(maps)[0, 1]
    array([[-1.5, -0.5],
           [ 0.5,  1.5]], dtype=float32)
    """

    _free_size = True
    _parameter_constraints: dict = {}

    def _apply(self, batch):
        sky = sky_shape(batch.shape[1:])
        cells = batch.reshape(*batch.shape[: batch.ndim - len(sky)], -1)
        if is_torch(batch):
            means = cells.double().mean(-1).float()
        else:
            means = cells.mean(-1, dtype="float64").astype("float32")
        return batch - means.reshape(*means.shape, *(1,) * len(sky))
