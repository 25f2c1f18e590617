"""Cut a box into slabs along its three axes, and project them to maps."""

import numpy as np

N_SLABS = 5


def slab_weights(n_cells, n_slabs=N_SLABS):
    """Fraction of each layer of cells that lies in each slab.

    Parameters
    ----------
    n_cells : int
        Layers across the box.
    n_slabs : int, default=5
        Slabs of equal thickness across the box.

    Returns
    -------
    ndarray of shape (n_slabs, n_cells)
        Zero to one; each column has the sum 1.
    """
    edges = np.linspace(0, n_cells, n_slabs + 1)
    layers = np.arange(n_cells)
    inside = np.minimum(edges[1:, np.newaxis], layers + 1) - np.maximum(
        edges[:-1, np.newaxis], layers
    )
    return np.maximum(inside, 0)


def project(field, weights):
    """Sum the layers of each slab, along each axis in turn.

    Parameters
    ----------
    field : ndarray of shape (n_cells, n_cells, n_cells)
        Values of the cells.
    weights : ndarray of shape (n_slabs, n_cells)
        Weight of each layer in each slab, as of `slab_weights`.

    Returns
    -------
    ndarray of shape (3 * n_slabs, n_cells, n_cells)
        Maps by axis, then slab. Those along an axis have the other two axes in their order.
    """
    maps = np.empty((3, *weights.shape[:1], *field.shape[1:]))
    for axis in range(3):
        layers = np.moveaxis(field, axis, 0)
        for slab, weight in enumerate(weights):
            kept = np.flatnonzero(weight)
            part = layers[kept[0] : kept[-1] + 1] * weight[kept, np.newaxis, np.newaxis]
            maps[axis, slab] = part.sum(axis=0)
    return maps.reshape(-1, *field.shape[1:])
