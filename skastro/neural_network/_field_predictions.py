"""Fields from boxes of any size, tile by tile."""

import math
import re
from contextlib import contextmanager
from itertools import product

import numpy as np
import torch

from ..exceptions import DivergenceError
from ..maps import LazyMaps
from ..utils import check_finite
from ._shared_memory import share_memory
from ._symmetry_group import inverse_elements
from ._windows import cut

_CELLS_AT_ONCE = 2**16
_LACK_OF_MEMORY = re.compile("out of memory|not enough memory|allocate memory|ALLOC_FAILED")


def put_boxes_through(
    net, X, n_channels, n_outputs, tiles, *, owner, augmentation=None, link=None, scaler=None
):
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
    owner : str
        Estimator that is named in errors.
    augmentation : Symmetries, default=None
        Symmetries over which outputs are averaged, each turned back; None takes boxes as they
        are.
    link : callable, default=None
        What is done to outputs of the net.
    scaler : FieldScaler, default=None
        What has scaled the targets, to be undone.

    Returns
    -------
    ndarray of float32, of shape (n_samples, n_outputs, *spatial)
        The outputs.

    Raises
    ------
    ValueError
        If a value of maps that are read is not finite.
    DivergenceError
        If the net makes NaN or infinity of the maps.
    """
    spatial = tuple(X.shape[-len(tiles[0].shape) :])
    n_at_once = max(1, _CELLS_AT_ONCE // math.prod(spatial))
    outputs = np.empty((len(X), n_outputs, *spatial), dtype=np.float32)
    net._set_training(False)
    tiles_by_shape = {}
    for tile in tiles:
        tiles_by_shape.setdefault(tile.shape, []).append(tile)

    def fill(out, boxes):
        """Put every tile of some boxes through the net, small ones of one shape together."""
        for shape, alike in tiles_by_shape.items():
            n_windows = max(1, _CELLS_AT_ONCE // math.prod(shape))
            places = list(product(range(len(boxes)), alike))
            for start in range(0, len(places), n_windows):
                some = places[start : start + n_windows]
                windows = torch.stack([cut(boxes[i], tile.begin, shape) for i, tile in some])
                made = net.put_through(net.module_, windows, fill_to=n_windows)
                made = made if link is None else link(made)
                for (i, tile), field in zip(some, made, strict=True):
                    out[(i, ..., *tile.core)] = field[(..., *tile.inner)]

    def fill_by_views(out, boxes):
        """Fill with the mean over all symmetric views."""
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

    for start in range(0, len(X), n_at_once):
        some = slice(start, start + n_at_once)
        boxes, made = np.asarray(X[some]), outputs[some]
        if isinstance(X, LazyMaps):
            samples = range(start, start + len(boxes))
            check_finite(boxes, owner, dim=len(spatial), samples=samples)
        boxes = share_memory(boxes).reshape(len(boxes), n_channels, *spatial)
        (fill if augmentation is None else fill_by_views)(torch.from_numpy(made), boxes)
        if scaler is not None:
            with np.errstate(over="ignore"):
                made[:] = scaler._apply_inverse(made)
        if not np.isfinite(made).all():
            raise DivergenceError(
                f"{owner}: the net makes NaN or infinity of finite maps. Scale the maps as those "
                f"of the fit were scaled, or fit anew with a lower lr or scaled maps."
            )
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
        if _LACK_OF_MEMORY.search(str(error)) is None:
            raise
        raise MemoryError(f"{owner} has not enough memory ({error}). {remedy}") from error
