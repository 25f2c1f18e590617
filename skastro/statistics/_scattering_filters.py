"""Wavelets in Fourier space, each on the coarsest grid that holds it."""

import math
import warnings

import numpy as np
from scipy import fft

# Central frequency and width of the finest wavelets of kymatio: cycles per cell in 1D, radians per
# cell and cells in 2D.
_XI_1D = 0.35
_XI_2D = 0.75 * np.pi
_SIGMA_2D = 0.8
# Cells along each axis that a coarser grid has at least; in 1D there is none.
_LEAST = {1: math.inf, 2: 64, 3: 32}
# Where an envelope is cut, in standard deviations: there it is 1e-8.
_CUT = 6


def make_wavelets(spatial, n_scales, n_angles):
    """Fourier transforms of wavelets, scale by scale.

    Parameters
    ----------
    spatial : tuple of int
        Cells along each axis of the periodic box.
    n_scales : int
        Number of octaves.
    n_angles : int
        In 2D the number of directions, in 3D the number of degrees of the spherical harmonics.

    Returns
    -------
    list of list of ndarray of shape (n_parts, *grid)
        For each scale and direction the parts whose squared moduli are summed. The grid has the
        size of the box, or that divided by a power of two.

    Raises
    ------
    ImportError
        If kymatio is not installed, in 1D and 2D.
    """
    make = {1: _morlets_1d, 2: _morlets_2d, 3: _harmonics_3d}[len(spatial)]
    wavelets = []
    for j in range(n_scales):
        step = _coarsening(spatial, j)
        wavelets.append(make(tuple(n // step for n in spatial), 2**j / step, n_angles))
    return wavelets


def _coarsening(spatial, j):
    """How many times larger cells may be at a scale: half its size, and a divisor of the box."""
    step, least = 1, _LEAST[len(spatial)]
    while (
        4 * step <= 2**j
        and min(spatial) >= 2 * step * least
        and not any(n % (2 * step) for n in spatial)
    ):
        step *= 2
    return step


def _filter_bank(dim):
    """Module of kymatio that makes wavelets; the warning filters that it adds are dropped."""
    try:
        with warnings.catch_warnings():
            if dim == 1:
                from kymatio.scattering1d import filter_bank
            else:
                from kymatio.scattering2d import filter_bank
    except ImportError as error:
        raise ImportError(
            f"WaveletScattering needs kymatio for its wavelets in {dim}D: "
            f"pip install 'skastro[scatter]'."
        ) from error
    return filter_bank


def _morlets_1d(grid, scale, n_angles):
    bank, xi = _filter_bank(1), _XI_1D / scale
    return [bank.morlet_1d(grid[0], xi, bank.compute_sigma_psi(xi, 1))[None]]


def _morlets_2d(grid, scale, n_angles):
    bank, sigma, slant = _filter_bank(2), _SIGMA_2D * scale, 4 / n_angles
    support = 2 * math.ceil(_CUT * sigma * max(1, 1 / slant))
    window = tuple(min(n, support) for n in grid)
    places = np.ix_(*(np.round(fft.fftfreq(n, 1 / n)).astype(int) for n in window))
    found = []
    for angle in range(n_angles):
        wavelet = np.zeros(grid, complex)
        wavelet[places] = bank.morlet_2d(
            *window, sigma, angle * np.pi / n_angles, _XI_2D / scale, slant
        )
        found.append(fft.fft2(wavelet).real[None].astype(np.float32))
    return found


def _harmonics_3d(grid, scale, n_angles):
    """Solid harmonics times a Gaussian; orders m and -m have equal moduli on real maps."""
    z, y, x = np.meshgrid(*(2 * np.pi * scale * fft.fftfreq(n) for n in grid), indexing="ij")
    square = x * x + y * y + z * z
    gaussian = np.exp(-square / 2)
    for axis, n in enumerate(grid):
        if n % 2 == 0:
            # The Nyquist mode would be that of one sign alone.
            gaussian[(slice(None),) * axis + (n // 2,)] = 0
    # P_l^m(cos theta) k^l exp(i m phi), by the recurrence of the Legendre functions.
    solid = {(0, 0): np.ones(grid, complex)}
    found = []
    for degree in range(1, n_angles + 1):
        solid[degree, degree] = (2 * degree - 1) * (x + 1j * y) * solid[degree - 1, degree - 1]
        parts = np.empty((degree + 1, *grid), np.complex64)
        for m in range(degree + 1):
            if m < degree:
                last = (2 * degree - 1) * z * solid[degree - 1, m]
                if m < degree - 1:
                    last -= (degree + m - 1) * square * solid[degree - 2, m]
                solid[degree, m] = last / (degree - m)
            weight = (1 if m == 0 else 2) * math.factorial(degree - m) / math.factorial(degree + m)
            parts[m] = math.sqrt(weight) * _harmonic_norm(degree) * solid[degree, m] * gaussian
        found.append(parts)
    return found


def _harmonic_norm(degree):
    """The norm of kymatio, with that of the spherical harmonics but for their orders."""
    return math.sqrt(math.pi / 2) / (2 ** ((degree + 1) / 2) * math.gamma((degree + 3) / 2))
