"""Luminosity functions of haloes."""

from numbers import Real
from typing import Literal

import numpy as np

from ..datasets._checks import check_choice, message
from ..utils._luminosity import KINDS, LUMINOSITY_EDGES, bin_widths, sources_above
from ..utils._typing import ArrayLike

_OWNER = "luminosity_function"


def luminosity_function(
    L: ArrayLike,
    edges: ArrayLike | None = None,
    kind: Literal["dn", "cumulative", "dn_dlogl", "phi"] = "dn",
    volume: float | None = None,
) -> np.ndarray:
    """Count haloes by luminosity.

    Parameters
    ----------
    L : array-like of shape (n,)
        Luminosities in Lsun.
    edges : array-like of shape (n_bins + 1,), default=None
        Rising edges of the bins in Lsun. None takes `LUMINOSITY_EDGES`, 50 from 10^3.5 to 10^7
        evenly in the logarithm. Bins hold their lower edge, the last its upper one too.
    kind : {"dn", "cumulative", "dn_dlogl", "phi"}, default="dn"
        "dn" counts the haloes in each bin, "cumulative" those from its lower edge up to the last
        edge. "dn_dlogl" is their density per dex, Mpc^-3 dex^-1, and "phi" that per luminosity,
        Mpc^-3 Lsun^-1.
    volume : float, default=None
        Comoving volume in Mpc^3, which the densities need; see `IntensityMapper.volume`.

    Returns
    -------
    ndarray of shape (n_bins,)
        Counts, int64, or densities, float64.

    Raises
    ------
    ValueError
        If the edges do not rise, a luminosity is NaN, or densities are asked for without a volume.

    Examples
    --------
    >>> from skastro.simulation import luminosity_function
    >>> L = [1e4, 2e4, 5e5, 1e6]
    >>> luminosity_function(L, edges=[1e4, 1e5, 1e6])
    array([2, 2])
    >>> luminosity_function(L, edges=[1e4, 1e5, 1e6], kind="cumulative")
    array([4, 2])
    """
    check_choice(_OWNER, "kind", kind, KINDS)
    L = np.asarray(L, dtype=np.float64)
    if L.ndim != 1 or np.isnan(L).any():
        raise ValueError(message(_OWNER, "L", "luminosities of shape (n,) without NaN", L))
    edges = np.asarray(LUMINOSITY_EDGES if edges is None else edges, dtype=np.float64)
    if edges.ndim != 1 or edges.size < 2 or not (np.diff(edges) > 0).all() or edges[0] < 0:
        raise ValueError(message(_OWNER, "edges", "at least two rising luminosities", edges))
    counts = np.histogram(L, edges)[0].astype(np.int64)
    if kind == "dn":
        return counts
    if kind == "cumulative":
        return sources_above(counts)
    if isinstance(volume, bool) or not isinstance(volume, Real) or not 0 < volume < np.inf:
        allowed = f"a positive number of Mpc^3 where kind is {kind!r}"
        raise ValueError(message(_OWNER, "volume", allowed, volume))
    if kind == "dn_dlogl" and edges[0] == 0:
        raise ValueError(message(_OWNER, "edges", "positive where kind is 'dn_dlogl'", edges))
    return counts / (volume * bin_widths(edges, kind))
