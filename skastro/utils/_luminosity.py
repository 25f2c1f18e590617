"""What a luminosity function is, for all who make, learn or draw one."""

import numpy as np

KINDS = ("dn", "cumulative", "dn_dlogl", "phi")
PER_VOLUME = ("dn_dlogl", "phi")
#: Edges in Lsun of the 49 bins of luminosity functions, 10^3.5 to 10^7, equal in the logarithm.
LUMINOSITY_EDGES = np.logspace(3.5, 7, 50)
LUMINOSITY_EDGES.flags.writeable = False
"""Edges of bins of luminosity in Lsun, read-only."""


def sources_above(counts):
    """Add to each bin all brighter ones.

    Parameters
    ----------
    counts : ndarray of shape (..., n_bins)
        Counts.

    Returns
    -------
    ndarray of the same shape
        Numbers of sources above the lower edge of each bin.
    """
    return np.cumsum(counts[..., ::-1], axis=-1)[..., ::-1]


def bin_widths(edges, kind):
    """Width of each bin, by which a density is divided.

    Parameters
    ----------
    edges : ndarray of shape (n_bins + 1,)
        Edges in Lsun.
    kind : {"dn_dlogl", "phi"}
        The density: per dex or per Lsun.

    Returns
    -------
    ndarray of shape (n_bins,)
        Widths in dex or Lsun.
    """
    return np.diff(np.log10(edges) if kind == "dn_dlogl" else edges)
