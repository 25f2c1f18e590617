"""Fourier modes of a periodic box, sorted into bins of wavenumber."""

import functools
from typing import NamedTuple

import numpy as np

# Modes on an edge fall into the upper bin whichever way the edge is rounded.
_TOLERANCE = 1e-9
WINDOWS = {"ngp": 1, "cic": 2, "tsc": 3}


class BinnedModes(NamedTuple):
    """Modes of a real Fourier transform, in the order of their bins.

    Attributes
    ----------
    order : ndarray of int
        Positions of the modes in the flattened transform, bin after bin.
    bounds : list of tuple of int
        Start and stop of each bin in `order`.
    factors : ndarray of float
        What to multiply the squared modes by so that their sum over a bin is P(k).
    k, n_modes, edges : ndarray
        Mean wavenumber and number of modes of each bin, and its edges.
    """

    order: np.ndarray
    bounds: list
    factors: np.ndarray
    k: np.ndarray
    n_modes: np.ndarray
    edges: np.ndarray


def floats(values):
    """Numbers as an array, and what holds none as NaN, which is out of every range."""
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        return np.array(np.nan)


def box_lengths(owner, box_size, spatial):
    """Length of a box along each of its axes.

    Parameters
    ----------
    owner : str
        Who asks, named in errors.
    box_size : float, array-like of shape (dim,), astropy Quantity or None
        What the user gave; None is cells of side 1.
    spatial : tuple of int
        Cells along each axis.

    Returns
    -------
    ndarray of shape (dim,)
        The lengths.

    Raises
    ------
    ValueError
        If a length is not finite and greater than zero, or there is one for unequal axes.
    """
    if box_size is None:
        return np.array(spatial, dtype=np.float64)
    lengths = floats(box_size)
    if (
        lengths.shape not in ((), (len(spatial),))
        or not (np.isfinite(lengths) & (lengths > 0)).all()
    ):
        raise ValueError(
            f"The 'box_size' parameter of {owner} must be a length greater than zero or "
            f"{len(spatial)} of them, one for each axis; lengths with units as one Quantity, "
            f"such as [24, 24] * units.Mpc. Got {box_size!r} instead."
        )
    if lengths.ndim == 0 and len(set(spatial)) > 1:
        raise ValueError(
            f"The 'box_size' parameter of {owner} must be one length for each axis "
            f"where axes have unequal numbers of cells, here {spatial}. Got "
            f"{box_size!r} instead; for cubic cells of side a give [a * n for n in "
            f"{list(spatial)}]."
        )
    return np.broadcast_to(lengths, len(spatial)).copy()


def unitless(owner, parameter, values, unit, needed="of 'box_size'"):
    """Numbers of a parameter, in a unit of the box where both have units.

    Parameters
    ----------
    owner : str
        Who asks, named in errors.
    parameter : str
        Name of the parameter.
    values : object
        What the user gave; returned as it is unless it is a Quantity.
    unit : astropy Unit or None
        Unit to convert a Quantity to; None takes its numbers.
    needed : str, default="that of 'box_size'"
        Words for the unit, in errors.

    Returns
    -------
    object
        The values, a Quantity as an array of its numbers.

    Raises
    ------
    ValueError
        If the unit does not convert.
    """
    if not hasattr(values, "unit"):
        return values
    try:
        return np.asarray(values if unit is None else values.to(unit))
    except ValueError as error:
        raise ValueError(
            f"The '{parameter}' parameter of {owner} must have the unit {needed}, {unit}, or one "
            f"that converts to it. Got {values!r} instead."
        ) from error


def mode_numbers(spatial):
    """Signed numbers of the modes that ``rfftn`` returns, along each axis.

    Parameters
    ----------
    spatial : tuple of int
        Cells along each axis.

    Returns
    -------
    list of ndarray of int
        Number of waves in the box; one array for each axis, to broadcast against the others.
    """
    last = len(spatial) - 1
    numbers = [
        np.fft.rfftfreq(size, 1 / size) if axis == last else np.fft.fftfreq(size, 1 / size)
        for axis, size in enumerate(spatial)
    ]
    return np.meshgrid(*(np.rint(n).astype(int) for n in numbers), indexing="ij", sparse=True)


def mode_grid(spatial, lengths):
    """Wavenumber and multiplicity of the modes that ``rfftn`` returns, flattened.

    Parameters
    ----------
    spatial : tuple of int
        Cells along each axis.
    lengths : ndarray of shape (dim,)
        Length of the box along each axis.

    Returns
    -------
    k : ndarray
        Wavenumber 2 pi n / L of each mode.
    multiplicity : ndarray of int
        2 where the mode stands for its complex conjugate as well, else 1.
    """
    last = len(spatial) - 1
    squares = np.zeros(())
    for axis, (size, length) in enumerate(zip(spatial, lengths, strict=True)):
        frequencies = np.fft.rfftfreq if axis == last else np.fft.fftfreq
        one = (2 * np.pi * frequencies(size, length / size)) ** 2
        squares = squares[..., None] + one
    multiplicity = np.full(squares.shape, 2)
    multiplicity[..., 0] = 1
    if spatial[-1] % 2 == 0:
        multiplicity[..., -1] = 1
    return np.sqrt(squares).ravel(), multiplicity.ravel()


def default_range(spatial, lengths):
    """Least wavenumber of a box, and the least of the Nyquist wavenumbers of its axes.

    Parameters
    ----------
    spatial : tuple of int
        Cells along each axis; of two or more on one axis at least.
    lengths : ndarray of shape (dim,)
        Length of the box along each axis.

    Returns
    -------
    low, high : float
        The two wavenumbers.
    """
    sizes = np.asarray(spatial)
    varies = sizes > 1
    return 2 * np.pi / lengths[varies].max(), np.pi * (sizes / lengths)[varies].min()


def bin_modes(spatial, lengths, edges, window=None, *, nyquist=True):
    """Sort the modes of a box into bins; a bin without modes is joined to the one below.

    Parameters
    ----------
    spatial : tuple of int
        Cells along each axis.
    lengths : ndarray of shape (dim,)
        Length of the box along each axis.
    edges : ndarray of shape (n_bins + 1,)
        Edges of the bins; the last bin holds its upper edge, the others their lower one.
    window : {"ngp", "cic", "tsc"}, default=None
        Mass assignment to divide out.
    nyquist : bool, default=True
        Whether to keep modes at the Nyquist wavenumber of an axis, which have no sign there.

    Returns
    -------
    BinnedModes or None
        The bins; None if no mode is within the edges.
    """
    k, multiplicity = mode_grid(spatial, lengths)
    bins = np.searchsorted(edges * (1 - _TOLERANCE), k, side="right") - 1
    bins = np.minimum(bins, len(edges) - 2)
    bins[(k == 0) | (k > edges[-1] * (1 + _TOLERANCE))] = -1
    if not nyquist:
        for numbers, size in zip(mode_numbers(spatial), spatial, strict=True):
            at_nyquist = np.broadcast_to(2 * abs(numbers) == size, _half_shape(spatial))
            bins[at_nyquist.ravel()] = -1
    order = np.flatnonzero(bins >= 0)
    if not len(order):
        return None
    order = order[np.argsort(bins[order], kind="stable")]
    found, starts, inverse = np.unique(bins[order], return_index=True, return_inverse=True)
    stops = [*starts[1:], len(order)]
    edges = np.append(edges[found], edges[-1])
    weights = multiplicity[order]
    n_modes = np.bincount(inverse, weights)
    mean_k = np.bincount(inverse, weights * k[order]) / n_modes
    factors = weights / n_modes[inverse] * np.prod(lengths) / float(np.prod(spatial)) ** 2
    if window is not None:
        factors = factors / window_transform(spatial, window)[order] ** 2
    bounds = list(zip(starts.tolist(), map(int, stops), strict=True))
    return BinnedModes(order, bounds, factors, mean_k, n_modes.astype(np.int64), edges)


def window_transform(spatial, window):
    """Fourier transform of a mass assignment, at the modes that ``rfftn`` returns.

    Parameters
    ----------
    spatial : tuple of int
        Cells along each axis.
    window : {"ngp", "cic", "tsc"}
        The mass assignment.

    Returns
    -------
    ndarray
        Its transform, 1 at k = 0, flattened.
    """
    lines = [np.sinc(n / size) for n, size in zip(mode_numbers(spatial), spatial, strict=True)]
    return functools.reduce(np.multiply, lines).ravel() ** WINDOWS[window]


def white_noise(spatial, modes, window=None):
    """Spectrum, in each bin, of particles placed at random, one in a cell on average.

    It is the volume of a cell, but for what the window and its images beyond the Nyquist
    wavenumber leave of it, as in Jing (2005, equation 20 and what follows).

    Parameters
    ----------
    spatial : tuple of int
        Cells along each axis.
    modes : BinnedModes
        The bins, with the same window divided out.
    window : {"ngp", "cic", "tsc"}, default=None
        Mass assignment that painted the particles; None is "ngp", the count in each cell.

    Returns
    -------
    ndarray of shape (n_k,)
        The spectrum.
    """
    squares = [
        np.sin(np.pi * n / size) ** 2
        for n, size in zip(mode_numbers(spatial), spatial, strict=True)
    ]
    images = {
        "cic": lambda s: 1 - 2 / 3 * s,
        "tsc": lambda s: 1 - s + 2 / 15 * s**2,
    }.get(window, np.ones_like)
    found = functools.reduce(np.multiply, [images(s) for s in squares]).ravel()
    starts = [start for start, _ in modes.bounds]
    return np.add.reduceat(modes.factors * found[modes.order], starts) * np.prod(spatial)


def _half_shape(spatial):
    """Shape of what ``rfftn`` returns."""
    return (*spatial[:-1], spatial[-1] // 2 + 1)
