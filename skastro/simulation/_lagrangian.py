"""Density evolved by Lagrangian perturbation theory of second order."""

from itertools import product

import numpy as np

from ._density import mode_power

SPHERE_OF_CELL = (3 / (4 * np.pi)) ** (1 / 3)  # radius over the side of a cube of equal volume


def top_hat(x):
    """Fourier transform of a sphere of unit volume, at wavenumber times radius x."""
    x = np.maximum(np.asarray(x, dtype=np.float64), 1e-2)
    return 3 * (np.sin(x) - x * np.cos(x)) / x**3


def linear_modes(grid, power, rng):
    """Draw the Fourier modes of a Gaussian linear density contrast.

    The contrast is smoothed on spheres of the volume of a cell.

    Parameters
    ----------
    grid : PeriodicGrid
        The cells.
    power : callable
        Takes wavenumbers and returns power, in the units of the grid.
    rng : numpy.random.Generator
        Source of the phases and amplitudes.

    Returns
    -------
    ndarray of complex64, of shape (n_cells, n_cells, n_cells // 2 + 1)
        The modes, of mean zero.
    """
    radius = SPHERE_OF_CELL * grid.cell_size
    amplitude = np.sqrt(
        mode_power(grid, lambda k: power(k) * top_hat(k * radius) ** 2) / grid.cell_size**3
    )
    noise = rng.standard_normal(grid.shape, dtype=np.float32)
    return grid.forward(noise) * amplitude.astype(np.float32)


def _derivative(grid, axis):
    """Factor i k of the derivative along an axis, without the Nyquist mode."""
    mode = grid.modes[axis]
    below_nyquist = np.where(2 * np.abs(mode) == grid.n_cells, 0, mode)
    return (1j * grid.fundamental * below_nyquist).astype(np.complex64)


def displacements(grid, modes):
    """Displacements of first and second order, for a growth factor of one.

    With psi = psi1 D - (3/7) psi2 D^2 in matter domination: psi1 = -grad phi1 with the Laplacian of
    phi1 equal to the linear contrast, and psi2 = grad phi2 with the Laplacian of phi2 equal to
    sum_{i<j} (phi1,ii phi1,jj - phi1,ij^2) [1]_.

    Parameters
    ----------
    grid : PeriodicGrid
        The cells.
    modes : ndarray of shape (n_cells, n_cells, n_cells // 2 + 1)
        Fourier modes of the linear density contrast at redshift 0.

    Returns
    -------
    first, second : ndarray of float32, of shape (3, n_cells, n_cells, n_cells)
        Vectors in cells, to be multiplied by D and by D^2. The factor 3/7 and its sign are in
        `second`.

    References
    ----------
    .. [1] R. Scoccimarro, "Transients from initial conditions: a perturbative analysis",
       MNRAS 299, 1097 (1998), appendix D.
    """
    inverse_laplacian = -1 / (grid.fundamental**2 * np.maximum(grid.squared_modes, 1)).astype(
        np.float32
    )
    gradient = [_derivative(grid, axis) for axis in range(3)]
    potential = modes * inverse_laplacian

    def derivatives(source, sign):
        return np.stack([sign * grid.inverse(source * ik) for ik in gradient])

    first = derivatives(potential, -1 / grid.cell_size)
    x, y, z = gradient
    diagonal = [grid.inverse(potential * ik * ik) for ik in gradient]
    source = diagonal[0] * (diagonal[1] + diagonal[2]) + diagonal[1] * diagonal[2]
    for one, other in ((x, y), (x, z), (y, z)):
        source -= grid.inverse(potential * one * other) ** 2
    second_potential = grid.forward(source) * inverse_laplacian
    return first, derivatives(second_potential, -3 / 7 / grid.cell_size)


def move_cells(grid, displacement, content=None):
    """Bring what cells hold to where they have moved.

    Each cell moves as a whole, a cube that is then shared among the cells around it in proportion
    to a cloud in cell of each of its points: the kernel of three cells per axis, quadratic in the
    distance (triangular-shaped cloud).

    Parameters
    ----------
    grid : PeriodicGrid
        The cells.
    displacement : ndarray of shape (3, n_cells, n_cells, n_cells)
        How far each cell moves, in cells.
    content : ndarray of shape (n_cells, n_cells, n_cells), default=None
        What each cell holds; one, if None.

    Returns
    -------
    ndarray of float64, of shape (n_cells, n_cells, n_cells)
        What the cells hold then; the sum stays.
    """
    n = grid.n_cells
    indices, weights = [], []
    for axis, (shift, stride) in enumerate(zip(displacement, (n * n, n, 1), strict=True)):
        nearest = np.rint(shift)
        off = (shift - nearest).ravel()
        start = np.arange(n).reshape([-1 if other == axis else 1 for other in range(3)])
        cell = (nearest.astype(np.int64) + start).ravel()
        indices.append([(cell + step) % n * stride for step in (-1, 0, 1)])
        weights.append([0.5 * (0.5 - off) ** 2, 0.75 - off**2, 0.5 * (0.5 + off) ** 2])
    if content is not None:
        weights[0] = [weight * content.ravel() for weight in weights[0]]
    moved = np.zeros(n**3)
    for (i, wx), (j, wy) in product(*(zip(indices[a], weights[a], strict=True) for a in (0, 1))):
        plane, weight = i + j, wx * wy
        for k, wz in zip(indices[2], weights[2], strict=True):
            moved += np.bincount(plane + k, weight * wz, minlength=n**3)
    return moved.reshape(grid.shape)


def velocity_gradient(grid, contrast, growth_rate):
    """Derivative along the last axis of the peculiar velocity, over the Hubble rate.

    By the linear continuity equation it is -f k_z^2 / k^2 times the contrast.

    Parameters
    ----------
    grid : PeriodicGrid
        The cells.
    contrast : ndarray of shape (n_cells, n_cells, n_cells)
        Density contrast.
    growth_rate : float
        Logarithmic derivative f of the growth factor by the scale factor.

    Returns
    -------
    ndarray of float32, of shape (n_cells, n_cells, n_cells)
        The derivative, dimensionless.
    """
    share = -growth_rate * grid.modes[2] ** 2 / np.maximum(grid.squared_modes, 1)
    return grid.inverse(grid.forward(contrast) * share.astype(np.float32))
