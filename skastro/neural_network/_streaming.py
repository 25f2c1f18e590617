"""How lazy maps are shuffled and read ahead of the net."""

import warnings
from numbers import Integral

import numpy as np
from sklearn.base import BaseEstimator

from ..exceptions import PerformanceWarning
from ..utils._params import Interval

_TOO_OFTEN = 4


class Streaming(BaseEstimator):
    """How lazy maps are shuffled and read while a net is trained.

    Lazy maps are read by a thread, ahead of the net: those of the next batches at once, in the
    order of the file, in which random reads cost least. What is read does not depend on how far
    ahead that is. Arrays in memory are not streamed.

    Parameters
    ----------
    block_size : int, default=1
        Rows of the file that stay near each other when samples are shuffled. 1 shuffles fully,
        as maps in memory are shuffled. With more, rows of the file are in blocks of this size
        from the first one on. In each epoch the blocks that have training samples in them come
        in random order, and as many samples as are read at once are shuffled one by one. Where
        a file is stored in compressed chunks of many rows, their number is a good size.
    memory : int, default=268435456
        Bytes of maps that may be held ahead of the net, as read and as transformed, on a GPU
        also there; four batches are held in any case. With ``block_size=1`` no result depends
        on it; with more, it says how many samples are read, and shuffled, at once.

    See Also
    --------
    CNNRegressor : Takes it as `streaming`.
    skastro.maps.open_maps : Opens maps in files.

    Notes
    -----
    A window is read at once: as many batches as fit into half of the memory, but one, since as
    many that are made already may wait for the net.

    Samples of a block that belong to the same simulation are alike. Blocks make an epoch less
    random, which may cost accuracy where `memory` holds but few of them.

    Examples
    --------
    >>> from skastro.neural_network import CNNRegressor, Streaming
    >>> model = CNNRegressor(streaming=Streaming(block_size=8, memory=2**30))
    >>> model.streaming
    Streaming(block_size=8, memory=1073741824)
    """

    _parameter_constraints = {
        "block_size": [Interval(Integral, 1, None, closed="left")],
        "memory": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(self, block_size: int = 1, *, memory: int = 2**28) -> None:
        self.block_size = block_size
        self.memory = memory

    def _n_ahead(self, batch_bytes):
        """Batches of a window: it, as many made, one in the making and one in use fit."""
        return max(1, self.memory // (2 * max(1, batch_bytes)) - 1)

    def _order(self, rng, rows, n_at_once):
        """Random order of training samples by their rows in the file."""
        if self.block_size == 1:
            return rng.permutation(len(rows))
        blocks, block = np.unique(rows // self.block_size, return_inverse=True)
        order = np.lexsort((rows, rng.permutation(len(blocks))[block]))
        for start in range(0, len(order), n_at_once):
            rng.shuffle(order[start : start + n_at_once])
        return order


def warn_of_chunks(dataset, batch_size):
    """Warn where random reads decompress the same chunks of a file many times in an epoch.

    Parameters
    ----------
    dataset : MapDataset
        What is trained on.
    batch_size : int
        Items of a batch.

    Warns
    -----
    PerformanceWarning
        If chunks of a file are decompressed more than four times as often as they have to be.
    """
    streaming, n_items = dataset.streaming, len(dataset)
    n_ahead = streaming._n_ahead(batch_size * dataset.item_bytes)
    share = min(1.0, n_ahead * batch_size / max(1, n_items))
    for field in dataset.lazy_fields.values():
        n_blocks = field.rows_per_chunk / streaming.block_size
        times = (1 - (1 - share) ** n_blocks) / share if n_blocks > 1 else 1
        if times > _TOO_OFTEN:
            rows = field.rows_per_chunk
            warnings.warn(
                f"{dataset.owner}: {field.source} keeps {rows} samples in each compressed chunk, "
                f"and samples in random order have each chunk decompressed about {times:.0f} "
                f"times in an epoch. Shuffle by chunks with streaming=Streaming(block_size="
                f"{rows}), raise the memory of Streaming, or write the file anew with "
                f"skastro.maps.rechunk.",
                PerformanceWarning,
                stacklevel=6,
            )
            return
