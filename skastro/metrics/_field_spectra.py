"""How well predicted fields agree with true ones at each wavenumber."""

from numbers import Integral
from typing import Literal

import numpy as np
from scipy import fft

from ..exceptions import MapShapeError
from ..utils import map_layout
from ..utils._modes import bin_modes, box_lengths, default_range
from ..utils._typing import ArrayLike, MapsLike
from ._field_sums import check_fields, chunk_slices, read_samples

# Power below this share of the mean power of all modes is rounding of the Fourier transform.
_ROUNDING = (32 * np.finfo(np.float64).eps) ** 2
_BINNINGS = ("log", "linear")


def cross_correlation_coefficient(
    y_true: MapsLike,
    y_pred: MapsLike,
    *,
    box_size: ArrayLike | None = None,
    n_bins: int = 16,
    binning: Literal["log", "linear"] = "log",
    dim: Literal[1, 2, 3] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    r"""Correlation of the Fourier modes of true and predicted fields.

    :math:`r(k) = P_{tp}(k) / \sqrt{P_{tt}(k) P_{pp}(k)}`, with :math:`P_{tp}` the cross spectrum
    of truth and prediction and :math:`P_{tt}, P_{pp}` their own. r is 1 where structures of
    the size 1/k are all in their places, whatever their amplitude, and 0 where they are
    placed at random [1]_.

    Parameters
    ----------
    y_true, y_pred : array-like or LazyMaps of shape (n_samples, [n_channels,] *spatial)
        True and predicted fields of periodic boxes, read a few samples at a time.
    box_size : float, array-like of shape (dim,) or astropy Quantity, default=None
        Length of the box, such as in comoving Mpc: one number where all axes have equally many
        cells, else one for each axis. k is in radians per unit of it. None takes cells of
        side 1.
    n_bins : int, default=16
        Bins between 2 pi / L of the longest axis and the least Nyquist wavenumber of the axes.
        A bin that holds no mode is joined to the one below it.
    binning : {"log", "linear"}, default="log"
        Whether bins are equally wide in log k or in k.
    dim : {1, 2, 3}, default=None
        Number of spatial axes. By default it follows from the number of axes, so that
        ``(n, d, h, w)`` is d channels of two axes: set ``dim=3`` for cubes without channels.

    Returns
    -------
    k : ndarray of shape (n_k,)
        Mean wavenumber of the modes of each bin.
    r : ndarray of shape (n_samples, [n_channels,] n_k)
        The coefficient of each sample, from -1 to 1. NaN where truth or prediction has no
        power, as a constant field has none; ``numpy.nanmean(r, axis=0)`` is the mean over
        the others.

    Raises
    ------
    MapShapeError
        If the number of axes does not fit `dim`, or there is one cell.
    ValueError
        If shapes differ, a value is not finite, or a parameter is out of its range.

    See Also
    --------
    power_ratio : Whether amplitudes are right.
    skastro.statistics.PowerSpectrum : Power spectra as features, with the same bins.

    References
    ----------
    .. [1] Zahn, O. et al. 2011, MNRAS 414, 727, where simulated ionized fractions are compared.

    Examples
    --------
    >>> import numpy as np
    >>> from skastro.metrics import cross_correlation_coefficient
    >>> rng = np.random.default_rng(0)
    >>> y_true, noise = rng.normal(size=(2, 5, 32, 32))
    >>> k, r = cross_correlation_coefficient(y_true, y_true + noise, box_size=96.0, n_bins=3)
    >>> k.round(2), r.mean(axis=0).round(1)
    (array([0.12, 0.31, 0.77]), array([0.6, 0.7, 0.7]))
    """
    owner = "cross_correlation_coefficient"
    k, (tt, pp, tp) = _spectra(owner, y_true, y_pred, box_size, n_bins, binning, dim)
    scale = np.sqrt(tt) * np.sqrt(pp)
    r = np.divide(tp, scale, out=np.full_like(tp, np.nan), where=scale > 0)
    return k, np.clip(r, -1, 1)


def power_ratio(
    y_true: MapsLike,
    y_pred: MapsLike,
    *,
    box_size: ArrayLike | None = None,
    n_bins: int = 16,
    binning: Literal["log", "linear"] = "log",
    dim: Literal[1, 2, 3] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Power spectrum of predicted fields in units of that of the true ones.

    It is 1 where structures of the size 1/k have the right amplitude, wherever they are, and
    less than 1 where the prediction is too smooth, as it is where details cannot be known.

    Parameters
    ----------
    y_true, y_pred : array-like or LazyMaps of shape (n_samples, [n_channels,] *spatial)
        True and predicted fields of periodic boxes, read a few samples at a time.
    box_size : float, array-like of shape (dim,) or astropy Quantity, default=None
        Length of the box, such as in comoving Mpc: one number where all axes have equally many
        cells, else one for each axis. k is in radians per unit of it. None takes cells of
        side 1.
    n_bins : int, default=16
        Bins between 2 pi / L of the longest axis and the least Nyquist wavenumber of the axes.
        A bin that holds no mode is joined to the one below it.
    binning : {"log", "linear"}, default="log"
        Whether bins are equally wide in log k or in k.
    dim : {1, 2, 3}, default=None
        Number of spatial axes. By default it follows from the number of axes, so that
        ``(n, d, h, w)`` is d channels of two axes: set ``dim=3`` for cubes without channels.

    Returns
    -------
    k : ndarray of shape (n_k,)
        Mean wavenumber of the modes of each bin.
    ratio : ndarray of shape (n_samples, [n_channels,] n_k)
        The ratio of each sample. NaN where the truth has no power, as a constant field has none.

    Raises
    ------
    MapShapeError
        If the number of axes does not fit `dim`, or there is one cell.
    ValueError
        If shapes differ, a value is not finite, or a parameter is out of its range.

    See Also
    --------
    cross_correlation_coefficient : Whether structures are in their places.

    Examples
    --------
    >>> import numpy as np
    >>> from skastro.metrics import power_ratio
    >>> y_true = np.random.default_rng(0).normal(size=(5, 32, 32))
    >>> k, ratio = power_ratio(y_true, 0.5 * y_true, box_size=96.0, n_bins=3)
    >>> ratio[0]
    array([0.25, 0.25, 0.25])
    """
    k, (tt, pp, _) = _spectra("power_ratio", y_true, y_pred, box_size, n_bins, binning, dim)
    return k, np.divide(pp, tt, out=np.full_like(tt, np.nan), where=tt > 0)


def _spectra(owner, y_true, y_pred, box_size, n_bins, binning, dim):
    """Wavenumbers, and the spectra of truths, of predictions and across, of each sample."""
    y_true, y_pred = check_fields(owner, y_true, y_pred)
    layout = map_layout(y_true.shape, dim, owner)
    if max(layout.spatial) < 2:
        raise MapShapeError(
            f"{owner} takes fields with two cells or more along an axis; got fields of shape "
            f"{layout.spatial}."
        )
    modes = _modes(owner, layout.spatial, box_size, n_bins, binning)
    found = np.empty((3, len(y_true), layout.n_channels, len(modes.k)))
    for start, stop in chunk_slices(y_true, y_pred):
        both = [
            read_samples(owner, name, values, start, stop).reshape(-1, *layout.map_shape)
            for name, values in (("y_true", y_true), ("y_pred", y_pred))
        ]
        for i, truth, pred in zip(range(start, stop), *both, strict=True):
            for channel, pair in enumerate(zip(truth, pred, strict=True)):
                found[:, i, channel] = _of_pair(*pair, modes)
    if not layout.has_channels:
        found = found[:, :, 0]
    return modes.k, found


def _modes(owner, spatial, box_size, n_bins, binning):
    if isinstance(n_bins, bool) or not isinstance(n_bins, Integral) or n_bins < 1:
        raise ValueError(
            f"The 'n_bins' parameter of {owner} must be an integer of 1 or greater. Got "
            f"{n_bins!r} instead."
        )
    if binning not in _BINNINGS:
        raise ValueError(
            f"The 'binning' parameter of {owner} must be one of {', '.join(_BINNINGS)}. Got "
            f"{binning!r} instead."
        )
    lengths = box_lengths(owner, box_size, spatial)
    low, high = default_range(spatial, lengths)
    spaced = np.geomspace if binning == "log" else np.linspace
    return bin_modes(spatial, lengths, spaced(low, max(low, high), n_bins + 1))


def _of_pair(truth, pred, modes):
    """Spectra of a truth, of its prediction and across; zero where there is but rounding."""
    flat = [_transform(field) for field in (truth, pred)]
    a, b = (field.take(modes.order) for field in flat)
    powers = (np.abs(a) ** 2, np.abs(b) ** 2, a.real * b.real + a.imag * b.imag)
    starts = [start for start, _ in modes.bounds]
    tt, pp, tp = (np.add.reduceat(power * modes.factors, starts) for power in powers)
    for power, transform in zip((tt, pp), flat, strict=True):
        per_mode = modes.factors.sum() / len(modes.k)  # of unit amplitudes
        power[power <= _ROUNDING * per_mode * np.mean(np.abs(transform) ** 2)] = 0
    return tt, pp, tp


def _transform(field):
    """Flattened Fourier transform of a field without its mean; zero where it is constant."""
    field = field.astype(np.float64)
    field -= field.flat[0]
    return fft.rfftn(field - field.mean()).ravel()
