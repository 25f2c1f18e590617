"""Which bin a value is in, fast where the bins are even."""

import numpy as np


class Bins:
    """Bins between rising edges, closed as those of NumPy's histogram.

    Parameters
    ----------
    edges : ndarray of shape (n_bins + 1,)
        Rising edges.
    """

    def __init__(self, edges):
        self.edges = edges
        self._last = edges.size - 2
        self._per_unit = (self._last + 1) / (edges[-1] - edges[0])
        even = np.linspace(edges[0], edges[-1], edges.size)
        self._is_even = bool((np.abs(edges - even) * self._per_unit < 0.5).all())

    def numbers(self, values):
        """Number of the bin of each value.

        Parameters
        ----------
        values : ndarray of shape (n,)
            Values; those beyond the edges count to the nearest bin.

        Returns
        -------
        ndarray of int64 of shape (n,)
            Numbers from 0; bins hold their lower edge, the last its upper one too.
        """
        if not self._is_even:
            found = np.searchsorted(self.edges, values, side="right") - 1
            return np.clip(found, 0, self._last, out=found)
        place = np.subtract(values, self.edges[0], dtype=np.float64)
        place *= self._per_unit
        found = place.astype(np.int64)
        np.clip(found, 0, self._last, out=found)
        found -= values < self.edges[found]
        np.maximum(found, 0, out=found)
        found += values >= self.edges[found + 1]
        return np.minimum(found, self._last, out=found)
