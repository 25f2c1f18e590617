"""Which bin a value is in, fast where the bins are even."""

import numpy as np

_ROUNDING = 1e-9
_MOST_UNEVEN = 0.1


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
        self._margin = np.abs(edges - even).max() * self._per_unit + _ROUNDING

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
        if self._margin > _MOST_UNEVEN:
            return self._search(values)
        place = np.subtract(values, self.edges[0], dtype=np.float64)
        place *= self._per_unit
        np.clip(place, 0, self._last + 0.5, out=place)
        whole = np.floor(place)
        found = whole.astype(np.int64)
        place -= whole
        place -= 0.5
        np.abs(place, out=place)
        near_an_edge = np.flatnonzero(place > 0.5 - self._margin)
        found[near_an_edge] = self._search(values[near_an_edge])
        return found

    def _search(self, values):
        found = np.searchsorted(self.edges, values, side="right") - 1
        return np.clip(found, 0, self._last, out=found)
