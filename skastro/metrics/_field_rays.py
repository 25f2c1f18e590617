"""Rays through the cells of a box."""

import numpy as np


def ray_lengths(inside, n_rays, max_length, periodic, rng):
    """Lengths of rays from random points of the cells that are inside to the first one outside.

    Parameters
    ----------
    inside : ndarray of bool of shape (*spatial,)
        The cells.
    n_rays : int
        Number of rays.
    max_length : float
        Length at which a ray is cut, in cells.
    periodic : bool
        Whether rays enter the box again on the other side; else they end at its faces.
    rng : numpy.random.Generator
        Draws points and directions.

    Returns
    -------
    ndarray of shape (n_rays,) or None
        Lengths in cells; None where no cell is inside.

    Notes
    -----
    All rays go from face to face of their cells at once [1]_.

    References
    ----------
    .. [1] Amanatides, J. and Woo, A. 1987, Eurographics '87, 3.
    """
    flat = inside.ravel()
    starts = np.flatnonzero(flat)
    if not len(starts):
        return None
    cell = np.array(np.unravel_index(rng.choice(starts, n_rays), inside.shape))
    offset = rng.random(cell.shape)
    direction = rng.standard_normal(cell.shape)
    direction /= np.sqrt((direction**2).sum(axis=0))
    step = np.where(direction < 0, -1, 1)
    between = 1 / np.maximum(np.abs(direction), np.finfo(np.float64).tiny)
    following = np.where(step > 0, 1 - offset, offset) * between  # length at the next face
    sizes = np.array(inside.shape)
    strides = np.array([np.prod(inside.shape[axis + 1 :], dtype=int) for axis in range(len(sizes))])
    found = np.full(n_rays, float(max_length))
    ray = np.arange(n_rays)
    while len(ray):
        axis = following.argmin(axis=0)
        along = axis, np.arange(len(ray))
        length = following[along]
        moved = cell[along] + step[along]
        following[along] += between[along]
        size = sizes[axis]
        left = (moved < 0) | (moved >= size)
        moved %= size
        cell[along] = moved
        ends = ~flat[strides @ cell]
        if not periodic:
            ends |= left
        ends &= length < max_length
        found[ray[ends]] = length[ends]
        goes_on = ~ends & (length < max_length)
        if not goes_on.all():
            ray, cell, step = ray[goes_on], cell[:, goes_on], step[:, goes_on]
            following, between = following[:, goes_on], between[:, goes_on]
    return found
