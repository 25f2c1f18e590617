"""Ionized regions by the excursion set."""

import numpy as np

from ._collapse import CRITICAL_CONTRAST
from ._lagrangian import SPHERE_OF_CELL, top_hat

STEP = 1.2
SHARP_K = (9 * np.pi / 2) ** (-1 / 3)  # equal volumes of a window sharp in k and a sphere
WINDOWS = {
    "sharp_k": lambda x: np.asarray(x * SHARP_K <= 1, dtype=np.float64),
    "top_hat": top_hat,
}
_COARSE, _FINE = 512, 4096


def smoothing_radii(cell_size, box_size, max_radius):
    """Radii of spheres, from the volume of a cell to `max_radius` or a third of the box."""
    smallest = SPHERE_OF_CELL * cell_size
    largest = max(min(max_radius, box_size / 3), smallest)
    radii = smallest * STEP ** np.arange(int(np.log(largest / smallest) / np.log(STEP) + 1))
    return radii if radii[-1] > largest * (1 - 1e-6) else np.append(radii, largest)


class ContrastTable:
    """A function of the density contrast, by linear interpolation in a fine table.

    Parameters
    ----------
    function : callable
        Takes contrasts from -1 to the critical one, beyond which its value stays.
    """

    def __init__(self, function):
        coarse = np.linspace(-1, CRITICAL_CONTRAST, _COARSE)
        fine = np.linspace(-1, CRITICAL_CONTRAST, _FINE)
        logarithm = np.log(np.maximum(function(coarse), 1e-30))
        self._values = np.exp(np.interp(fine, coarse, logarithm)).astype(np.float32)
        self._steps = np.diff(self._values, append=self._values[-1])
        self._scale = np.float32((_FINE - 1) / (CRITICAL_CONTRAST + 1))

    def __call__(self, contrast):
        position = (contrast + np.float32(1)) * self._scale
        np.clip(position, 0, _FINE - 1, out=position)
        number = position.astype(np.int32)
        position -= number
        position *= self._steps.take(number)
        position += self._values.take(number)
        return position


class CollapseTables:
    """Collapsed part of spheres of several radii at one redshift.

    Parameters
    ----------
    haloes : HaloModel
        Haloes at the redshift.
    radii : sequence of float
        Radii of the spheres, in comoving Mpc.

    Attributes
    ----------
    mean : float
        Collapsed part of all matter.
    """

    def __init__(self, haloes, radii):
        self.mean = haloes.mean
        self._tables = [
            ContrastTable(lambda contrast, r=radius: haloes.conditional(contrast, r))
            for radius in radii
        ]

    def collapsed(self, number, contrast):
        """Collapsed part of the sphere around each cell, brought to the mean of the haloes."""
        values = self._tables[number](contrast)
        values *= np.float32(self.mean / max(values.mean(dtype=np.float64), 1e-30))
        return values


class ExcursionSet:
    """Collapsed part of spheres around the cells of a grid.

    Parameters
    ----------
    grid : PeriodicGrid
        The cells, in comoving Mpc.
    max_radius : float
        Largest radius, in comoving Mpc.
    window : {"sharp_k", "top_hat"}
        How the density is smoothed.

    Attributes
    ----------
    radii : ndarray
        Radii of the spheres, in comoving Mpc; the first is that of a cell.
    """

    def __init__(self, grid, max_radius, window):
        self._grid = grid
        self.radii = smoothing_radii(grid.cell_size, grid.box_size, max_radius)
        wavenumber = grid.fundamental * np.sqrt(np.arange(grid.squared_modes.max() + 1))
        self._windows = [
            WINDOWS[window](wavenumber * radius).astype(np.float32) for radius in self.radii[1:]
        ]

    def collapsed(self, contrast, tables):
        """Collapsed part of the best sphere around each cell, and of the cell.

        Parameters
        ----------
        contrast : ndarray of float32, of shape (n_cells, n_cells, n_cells)
            Density contrast.
        tables : CollapseTables
            Of the radii.

        Returns
        -------
        best, cell : ndarray of float32, of shape (n_cells, n_cells, n_cells)
            Largest collapsed part over all radii, and that at the smallest radius, for the
            density of the cell itself. A cell is ionized by each efficiency above 1 / best.
        """
        grid = self._grid
        modes = grid.forward(contrast)
        cell = tables.collapsed(0, contrast)
        best = cell.copy()
        for number, window in enumerate(self._windows, 1):
            smoothed = grid.inverse(modes * window[grid.squared_modes])
            np.maximum(best, tables.collapsed(number, smoothed), out=best)
        return best, cell


def neutral_fraction(best, cell, efficiency):
    """Neutral fraction of cells.

    Parameters
    ----------
    best, cell : ndarray of float32
        Collapsed part of the best sphere, and of the cell.
    efficiency : float
        Ionizing photons per baryon in a halo of weight one, less recombinations.

    Returns
    -------
    ndarray of float32
        Zero where a sphere is ionized, else one less what the cell ionizes itself.
    """
    ionized = efficiency * best.astype(np.float64) > 1
    return np.where(ionized, np.float32(0), 1 - np.float32(efficiency) * cell)


def efficiency_of_mean(best, cell, mean):
    """Efficiency that leaves a mean neutral fraction.

    With the k cells of the least `best` neutral, the mean is linear in the efficiency, so that one
    sort solves for it.

    Parameters
    ----------
    best, cell : ndarray
        Collapsed part of the best sphere, and of the cell.
    mean : float
        Mean neutral fraction wanted, between 0 and 1.

    Returns
    -------
    float
        The efficiency. The mean jumps where cells become ionized, at most by these cells.
    """
    order = np.argsort(best, axis=None)
    thresholds = best.ravel()[order].astype(np.float64)
    emitted = np.cumsum(cell.ravel()[order], dtype=np.float64)
    steps = np.flatnonzero(np.diff(thresholds, append=np.inf))
    highest = (1 - 1e-9) / thresholds[steps]
    lowest_means = (steps + 1 - emitted[steps] * highest) / best.size
    at = max(int(np.searchsorted(lowest_means, mean, side="right")) - 1, 0)
    efficiency = (steps[at] + 1 - mean * best.size) / emitted[steps[at]]
    return float(np.clip(efficiency, np.append(highest, 0)[at + 1], highest[at]))
