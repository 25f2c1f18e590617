"""What statistics of Fourier modes share: bins of wavenumber, and the maps to transform."""

from numbers import Real

import numpy as np

from ..exceptions import MapShapeError
from ..utils import as_numpy
from ..utils._modes import default_range, unitless


def check_cells(owner, spatial):
    """Raise unless maps have two cells or more along an axis."""
    if max(spatial) < 2:
        raise MapShapeError(
            f"{owner} takes maps with two cells or more along an axis; got maps of shape "
            f"{spatial}, that is n_features = 1."
        )


def bin_edges(owner, n_bins, binning, k_range, spatial, lengths):
    """Edges of bins of wavenumber over a range, of which None is what the box holds."""
    numbers = [k for k in k_range if k is not None]
    if (
        len(k_range) != 2
        or not all(isinstance(k, Real) and k > 0 for k in numbers)
        or (len(numbers) == 2 and numbers[0] >= numbers[1])
    ):
        raise ValueError(
            f"The 'k_range' parameter of {owner} must be an increasing pair of numbers "
            f"greater than zero, or None in place of one; with units as one Quantity, such "
            f"as [0.3, 10] / units.Mpc. Got {k_range!r} instead."
        )
    low, high = default_range(spatial, lengths)
    low = low if k_range[0] is None else k_range[0]
    high = high if k_range[1] is None else k_range[1]
    # No mode is beyond the corner of Fourier space.
    corner = np.pi * np.sqrt(((np.array(spatial) / lengths) ** 2).sum())
    spaced = np.geomspace if binning == "log" else np.linspace
    return spaced(low, max(low, min(high, corner)), n_bins + 1)


def range_without_unit(owner, k_range, box_size):
    """What `k_range` holds, without units; a Quantity first goes into 1/unit of the box."""
    if isinstance(k_range, (tuple, list)):
        return k_range
    unit = getattr(box_size, "unit", None)
    inverse = None if unit is None else unit**-1
    return np.atleast_1d(unitless(owner, "k_range", k_range, inverse, "of 1/box_size")).tolist()


def no_modes(owner, k_range, spatial, lengths):
    """Error for a range of wavenumbers that holds no mode of the box."""
    least, nyquist = default_range(spatial, lengths)
    return ValueError(
        f"The 'k_range' parameter of {owner} leaves no mode: {k_range!r} for a box with k from "
        f"{least:g} to a Nyquist wavenumber of {nyquist:g}."
    )


def fluctuations(owner, batch, normalize):
    """Maps without their mean, or divided by it, and the means, one for each channel."""
    flat = batch.reshape(*batch.shape[:2], -1)
    mean = flat.mean(-1)
    if normalize:
        bad = as_numpy(mean <= 0)
        if bad.any():
            raise ValueError(
                f"{owner}(normalize=True) divides maps by their means, which must be above "
                f"zero; that of channel {int(np.argwhere(bad)[0][1])} of a map is not. Drop the "
                f"map, or set normalize=False."
            )
        flat = flat / mean[..., None] - 1
    else:
        flat = flat - mean[..., None]
    return flat.reshape(batch.shape), mean


def labels_of(numbers):
    """Numbers as short words that differ from one another."""
    labels, digits = [], 2
    while len(set(labels)) < len(numbers):
        digits += 1
        labels = [f"{number:.{digits}g}" for number in numbers]
    return labels
