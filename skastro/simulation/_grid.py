"""A periodic box of cubic cells, and convolutions in it."""

from functools import cached_property

import numpy as np
from scipy import fft


class PeriodicGrid:
    """Cubic cells of a periodic box and their Fourier modes.

    Transforms are of real fields, and run in one thread, so that equal input gives equal bits.

    Parameters
    ----------
    n_cells : int
        Cells along each axis.
    box_size : float
        Side of the box. Its unit, Mpc/h or Mpc, is that of all lengths, and its inverse that of
        all wavenumbers.
    """

    def __init__(self, n_cells, box_size):
        self.n_cells = n_cells
        self.box_size = box_size
        self.shape = (n_cells, n_cells, n_cells)
        self.cell_size = box_size / n_cells

    @cached_property
    def modes(self):
        """Whole mode numbers along the three axes, of shapes that broadcast."""
        full = np.rint(fft.fftfreq(self.n_cells, 1 / self.n_cells)).astype(np.int64)
        half = np.arange(self.n_cells // 2 + 1)
        return full[:, np.newaxis, np.newaxis], full[:, np.newaxis], half

    @cached_property
    def squared_modes(self):
        """Squared length of the mode number of each mode."""
        x, y, z = self.modes
        return x**2 + y**2 + z**2

    @property
    def fundamental(self):
        """Wavenumber of the longest mode."""
        return 2 * np.pi / self.box_size

    def forward(self, field):
        """Fourier modes of a real field."""
        return fft.rfftn(field, workers=1)

    def inverse(self, modes):
        """Real field of Fourier modes."""
        return fft.irfftn(modes, self.shape, workers=1)

    def spread(self, field, radius):
        """Convolve a field that is nowhere negative with a Gaussian of unit sum.

        The kernel is sampled at the cells, so it is positive at every radius, and at radius 0
        leaves the field as it is. The sum over the box stays.

        Parameters
        ----------
        field : ndarray of shape (n_cells, n_cells, n_cells)
            What to spread, zero or more.
        radius : float
            Standard deviation along each axis.

        Returns
        -------
        ndarray of shape (n_cells, n_cells, n_cells)
            The field spread, zero or more.
        """
        steps = np.arange(self.n_cells)
        distance = np.minimum(steps, self.n_cells - steps) * self.cell_size
        kernel = np.exp(-0.5 * (distance / max(radius, 1e-3 * self.cell_size)) ** 2)
        full = fft.fft(kernel / kernel.sum(), workers=1).real
        half = full[: self.n_cells // 2 + 1]
        modes = self.forward(field)
        modes *= full[:, np.newaxis, np.newaxis] * full[:, np.newaxis]
        modes *= half
        return np.maximum(self.inverse(modes), 0)
