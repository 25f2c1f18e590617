"""Fields from boxes of any size, tile by tile."""

import math
from contextlib import contextmanager

import numpy as np
import torch

from ._symmetry_group import inverse_elements
from ._windows import cut

_CELLS_AT_ONCE = 2**18


def put_boxes_through(net, X, n_channels, n_outputs, tiles, *, augmentation=None, link=None):
    """Outputs of a net for boxes, put together from tiles.

    Parameters
    ----------
    net : MapNet
        The net.
    X : ndarray or LazyMaps of shape (n_samples, [n_channels,] *spatial)
        Checked maps; few are read at once.
    n_channels, n_outputs : int
        Channels of a map, and of what the net makes of it.
    tiles : list of Tile
        Where boxes are cut.
    augmentation : Symmetries, default=None
        Symmetries over which outputs are averaged, each turned back; None takes boxes as they
        are.
    link : callable, default=None
        What is done to outputs of the net.

    Returns
    -------
    ndarray of float32, of shape (n_samples, n_outputs, *spatial)
        The outputs.
    """
    spatial = tuple(X.shape[-len(tiles[0].shape) :])
    cells = max(math.prod(tile.shape) for tile in tiles)
    n_at_once = max(1, min(net.batch_size, _CELLS_AT_ONCE // cells))
    outputs = np.empty((len(X), n_outputs, *spatial), dtype=np.float32)
    net._set_training(False)

    def fill(out, boxes):
        """Put every tile of some boxes through the net."""
        for tile in tiles:
            made = net.put_through(
                net.module_, cut(boxes, tile.begin, tile.shape), fill_to=n_at_once
            )
            made = made[(..., *tile.inner)]
            out[(..., *tile.core)] = made if link is None else link(made)

    for start in range(0, len(X), n_at_once):
        boxes = torch.from_numpy(np.array(X[start : start + n_at_once]))
        boxes = boxes.reshape(len(boxes), n_channels, *spatial)
        out = torch.from_numpy(outputs[start : start + n_at_once])
        if augmentation is None:
            fill(out, boxes)
            continue
        there = augmentation.elements(spatial)
        back = there.copy()
        back[:, 0] = inverse_elements(spatial)
        out.zero_()
        turned = torch.empty_like(out)
        for element, inverse in zip(there, back, strict=True):
            rows = np.repeat([[element], [inverse]], len(boxes), axis=1)
            fill(turned, augmentation.apply(boxes, rows[0]))
            out += augmentation.apply(turned, rows[1], turn_vectors=False)
        out /= len(there)
    return outputs


@contextmanager
def memory_advice(owner, remedy):
    """Say what helps where torch finds no memory.

    Parameters
    ----------
    owner : str
        Estimator that is named in the error.
    remedy : str
        What helps.

    Yields
    ------
    None
        Nothing.

    Raises
    ------
    MemoryError
        If torch could not allocate memory.
    """
    try:
        yield
    except RuntimeError as error:
        if "memory" not in str(error):
            raise
        raise MemoryError(f"{owner} has not enough memory ({error}). {remedy}") from error
