"""What all transformers that add something random share."""

import copy
import hashlib
from abc import abstractmethod
from itertools import repeat

import numpy as np

from ..maps import MapTransformer, check_maps, open_maps
from ..utils import as_numpy, is_torch
from ..utils._params import StrOptions
from ..utils._typing import Maps, MapsLike
from ._units import without_units


class Streams:
    """Independent sequences of random numbers, found by two numbers each.

    Philox makes its numbers from a key and a counter, so a sequence is started by setting the
    counter: nothing is hashed for each map, and no sequence depends on those drawn before it.

    Parameters
    ----------
    *names : object
        What the key is made of; each combination has sequences of its own.
    """

    def __init__(self, *names):
        digest = hashlib.blake2b(repr(names).encode(), digest_size=16).digest()
        self._bits = np.random.Philox(key=np.frombuffer(digest, "<u8").astype(np.uint64))
        self._start = self._bits.state
        self._generator = np.random.Generator(self._bits)

    def at(self, first, second):
        """Start a sequence.

        Parameters
        ----------
        first, second : int
            Numbers of the sequence, below 2**64.

        Returns
        -------
        numpy.random.Generator
            The generator at its start; the next call moves it.
        """
        self._start["state"]["counter"][2:] = first, second
        self._bits.state = self._start
        return self._generator


class RandomTransformer(MapTransformer):
    """Base class of transformers that add something random to each map.

    A subclass implements ``_drawer(shape)``, which returns a function that writes what is
    added to one map of this shape into an array, with the generator that it is given; and
    ``_prepare(shape)``, which learns from parameters and the shape of the maps.

    In training (``fit_transform``) a draw is found by the seed, the epoch and the row in the
    source; in prediction (``transform``) by the seed and the bytes of the map. Training maps that
    went through steps of the same class and seed are given draws of their own.
    """

    _free_size = True
    _n_alike = 0  # steps of the same class and seed before this one
    _parameter_constraints = {
        "when": [StrOptions({"both", "fit", "predict"})],
        "random_state": ["random_state"],
    }

    def _fit(self, X):
        super()._fit(X)
        self._prepare(tuple(X.shape[1:]))
        self._drawer(tuple(X.shape[1:]))
        self.seed_ = _draw_seed(self.random_state)

    def fit_transform(self, X: MapsLike, y: object = None) -> Maps:
        """Fit, and return training maps that are drawn anew for each epoch.

        Parameters
        ----------
        X : array-like, torch.Tensor or LazyMaps of shape (n_samples, [n_channels,] *spatial)
            Training maps.
        y : None
            Ignored.

        Returns
        -------
        LazyMaps
            The maps, to which something is added when they are read; which, depends on the
            seed, the epoch (``maps.realization(epoch)``) and the row. With ``when="predict"``
            the maps as they are, float32.

        Raises
        ------
        MapShapeError
            If `X` has no shape of maps.
        UnitMismatchError
            If a quantity cannot be converted to the unit of the maps.
        ValueError
            If a value of `X` is not finite, or a parameter is out of its range.
        """
        self.fit(X, y)
        X = check_maps(self, X, reset=False, dim=self.dim, free_size=self._free_size)
        if self.when == "predict":
            return X
        maps = open_maps(as_numpy(X))
        step = copy.copy(self)
        step._random = True
        step._n_alike = sum(
            one._random and type(one) is type(self) and one.seed_ == self.seed_
            for one, _ in maps.steps
        )
        return maps.with_step(step)

    @abstractmethod
    def _prepare(self, shape):
        """Learn from parameters and the shape of a sample."""

    @abstractmethod
    def _drawer(self, shape):
        """Function of a generator and of the array that it writes a draw into."""

    def _apply(self, batch):
        if self.when == "fit":
            return batch
        maps = np.ascontiguousarray(as_numpy(batch))
        digests = (hashlib.blake2b(one, digest_size=16).digest() for one in maps)
        return self._add(batch, "predict", (np.frombuffer(digest, "<u8") for digest in digests))

    def _apply_random(self, batch, samples, epoch):
        return self._add(batch, "fit", zip(repeat(epoch), samples, strict=False))

    def _add(self, batch, side, places):
        names = (self._n_alike,) if self._n_alike else ()
        streams = Streams(type(self).__name__, self.seed_, side, *names)
        added = np.empty(tuple(batch.shape), dtype=np.float32)
        draw = self._drawer(added.shape[1:])
        for out, place in zip(added, places, strict=True):
            draw(streams.at(*place), out)
        if is_torch(batch):
            return batch + batch.new_tensor(added)
        added += batch
        return added

    def _identity(self):
        """What tells this transformer from others: `random_state` may have moved on since fit."""
        found = self.get_params() | {
            name: value for name, value in vars(self).items() if name.endswith("_")
        }
        if "seed_" in found:
            del found["random_state"]
        return self._random, {name: without_units(value) for name, value in found.items()}


def _draw_seed(random_state):
    """Seed of all draws: an int as it is, or a number drawn; the global state is left alone."""
    if random_state is None:
        return int(np.random.SeedSequence().generate_state(1, np.uint64)[0])
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(np.iinfo(np.int64).max, dtype=np.int64))
    return int(random_state)
