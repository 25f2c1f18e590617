"""Pieces of lazy cubes are read when they are needed, and are those of cubes in memory."""

import pickle

import h5py
import numpy as np
import pytest

from skastro.maps import LazyMaps, MapTransformer, open_maps
from skastro.preprocessing import CubeSlicer, FieldScaler

SETTINGS = [
    {},
    {"step": 2, "thickness": 3, "projection": "sum"},
    {"patch_size": (3, 4), "patch_step": (2, 3), "step": 3},
]
CUBES = np.random.default_rng(0).normal(size=(5, 2, 7, 8, 9)).astype(np.float32)


class Noise(MapTransformer):
    """Adds one number to each cube, drawn from epoch and row."""

    _parameter_constraints = {}
    _random = True

    def _apply(self, batch):
        return self._apply_random(batch, range(len(batch)), 0)

    def _apply_random(self, batch, samples, epoch):
        draws = [np.random.default_rng((epoch, s)).normal() for s in samples]
        return batch + np.float32(draws).reshape(-1, *[1] * (batch.ndim - 1))


@pytest.fixture(params=[(2, 7, 8, 9), (7, 8, 9)], ids=["channels", "no_channels"])
def cubes(request):
    return CUBES if len(request.param) == 4 else CUBES[:, 0]


@pytest.fixture
def lazy_cubes(cubes, tmp_path):
    with h5py.File(tmp_path / "cubes.h5", "w") as file:
        file["x"] = cubes
    return open_maps(tmp_path / "cubes.h5")


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_lazy_pieces_are_eager_pieces(lazy_cubes, cubes, axis, settings):
    slicer = CubeSlicer(axis, **settings)
    want = slicer.cut(cubes)
    got = slicer.cut(lazy_cubes)
    assert isinstance(got, LazyMaps)
    assert got.shape == want.shape
    np.testing.assert_array_equal(np.asarray(got), want)
    rows = np.random.default_rng(axis).integers(0, len(want), size=40)
    np.testing.assert_array_equal(np.asarray(got[rows]), want[rows])
    np.testing.assert_array_equal(np.concatenate(list(got[::-1].chunks(1))), want[::-1])


def test_pieces_of_chosen_cubes(lazy_cubes, cubes):
    slicer = CubeSlicer(2, step=4)
    np.testing.assert_array_equal(
        np.asarray(slicer.cut(lazy_cubes[[3, 0]])), slicer.cut(cubes[[3, 0]])
    )
    assert slicer.cut(lazy_cubes[[]]).shape == (0, *slicer.piece_shape(cubes.shape[1:]))


def test_transforms_before_and_after_the_cut(lazy_cubes, cubes):
    dim = 3
    scaler = FieldScaler(dim=dim).fit(cubes)
    slicer = CubeSlicer(1, thickness=2)
    pieces = slicer.cut(scaler.transform(lazy_cubes))
    want = slicer.cut(scaler.transform(cubes))
    np.testing.assert_allclose(np.asarray(pieces), want, rtol=1e-5, atol=1e-6)
    after = FieldScaler("minmax").fit(want)
    np.testing.assert_allclose(
        np.asarray(after.transform(pieces)[7:20]), after.transform(want)[7:20], atol=1e-6
    )


def test_cubes_are_read_once_for_many_pieces(lazy_cubes, monkeypatch):
    read = []
    source = type(lazy_cubes.source)
    original = source.read
    monkeypatch.setattr(
        source, "read", lambda self, rows: read.extend(rows) or original(self, rows)
    )
    pieces = CubeSlicer().cut(lazy_cubes)
    some = pieces[[30, 1, 29, 0, 2]]
    assert read == []
    np.asarray(some)
    assert read == [0, 4]


def test_pieces_of_one_realization_share_its_noise(lazy_cubes, cubes):
    noisy = Noise().fit(lazy_cubes).transform(lazy_cubes)
    pieces = CubeSlicer().cut(noisy)
    clean = CubeSlicer().cut(cubes)
    noise = {}
    for epoch in (0, 4):
        added = np.asarray(pieces.realization(epoch)) - clean
        noise[epoch] = added.reshape(5, 7, -1)
        want = [np.random.default_rng((epoch, cube)).normal() for cube in range(5)]
        for cube in range(5):
            np.testing.assert_allclose(noise[epoch][cube], want[cube], atol=1e-5)
    assert not np.allclose(noise[0], noise[4])
    np.testing.assert_array_equal(np.asarray(pieces), np.asarray(pieces.realization(0)))
    fourth = CubeSlicer().cut(noisy.realization(4))
    np.testing.assert_array_equal(np.asarray(fourth), np.asarray(pieces.realization(4)))


def test_later_settings_do_not_change_lazy_pieces(lazy_cubes, cubes):
    slicer = CubeSlicer(1)
    pieces = slicer.cut(lazy_cubes)
    want = slicer.cut(cubes)
    slicer.set_params(axis=2, step=3)
    np.testing.assert_array_equal(np.asarray(pieces), want)


def test_pickle(lazy_cubes, cubes):
    pieces = CubeSlicer(1, step=2).cut(lazy_cubes)[3:9]
    pickled = pickle.dumps(pieces)
    assert len(pickled) < 3000
    np.testing.assert_array_equal(
        np.asarray(pickle.loads(pickled)), CubeSlicer(1, step=2).cut(cubes)[3:9]
    )
