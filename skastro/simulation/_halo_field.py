"""Linear density and displacement on a periodic box of unequal sides."""

import numpy as np
from scipy import fft


def draw_linear_fields(shape, cell_size, power, rng):
    """Draw a Gaussian density contrast and the displacements that belong to it.

    Fields are smoothed by a Gaussian of standard deviation of half a cell. The displacement is
    psi_k = i k delta_k / k^2, along each axis.

    Parameters
    ----------
    shape : tuple of three int
        Cells along each axis.
    cell_size : float
        Side of a cell, in Mpc.
    power : callable
        Takes wavenumbers above zero in 1/Mpc and returns power in Mpc^3.
    rng : numpy.random.Generator
        Source of the phases.

    Returns
    -------
    contrast : ndarray of float32, of the shape given
        Density contrast, of mean zero.
    displacements : iterator of ndarray of float32, of the shape given
        Displacements along the three axes, in Mpc. They are made one after the other.
    variance : float
        Variance of `contrast` over all draws.
    """
    full = [2 * np.pi * fft.fftfreq(n, cell_size) for n in shape[:2]]
    waves = [*full, 2 * np.pi * fft.rfftfreq(shape[2], cell_size)]
    waves = [
        wave.astype(np.float32).reshape([-1 if i == axis else 1 for i in range(3)])
        for axis, wave in enumerate(waves)
    ]
    squared = waves[0] ** 2 + waves[1] ** 2 + waves[2] ** 2
    squared[0, 0, 0] = np.inf
    spectrum = _interpolated(power, squared)
    spectrum *= np.exp(-squared * np.float32(cell_size / 2) ** 2)

    weights = np.full(spectrum.shape[2], 2.0)
    weights[0] = 1
    if shape[2] % 2 == 0:
        weights[-1] = 1
    volume = np.prod(shape, dtype=float) * cell_size**3
    variance = float(spectrum.sum(axis=(0, 1), dtype=float) @ weights / volume)

    modes = fft.rfftn(rng.standard_normal(shape, dtype=np.float32), workers=1)
    modes *= np.sqrt(spectrum / np.float32(cell_size**3))
    contrast = fft.irfftn(modes, shape, workers=1)
    modes /= squared
    return contrast, _displacements(modes, waves, shape), variance


def _displacements(modes, waves, shape):
    for wave, n_cells in zip(waves, shape, strict=True):
        # The longest wavenumber of an even axis has no sign, and so no odd derivative.
        is_signed = 2 * np.arange(wave.size).reshape(wave.shape) != n_cells
        yield fft.irfftn(modes * (np.complex64(1j) * wave * is_signed), shape, workers=1)


def _interpolated(power, squared):
    """Power of modes of finite squared wavenumbers, by a table of its logarithm; others have 0."""
    low, high = squared.min(), squared[np.isfinite(squared)].max()
    nodes = np.linspace(np.log(low), np.log(high), 1024)
    table = np.log(power(np.exp(nodes / 2)))
    logs = np.log(squared)
    result = np.exp(np.interp(logs, nodes, table)).astype(np.float32)
    result[0, 0, 0] = 0
    return result
