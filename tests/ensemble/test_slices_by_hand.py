"""Slice estimators against an explicit loop over cubes, slices and patches."""

import numpy as np
import pytest

from skastro.ensemble import SliceClassifier, SliceRegressor
from skastro.maps import open_maps
from skastro.preprocessing import CubeSlicer

SLICERS = [
    CubeSlicer(),
    CubeSlicer(axis=1, step=3),
    CubeSlicer(axis=2, step=2, thickness=3, patch_size=(3, 4), patch_step=2),
    CubeSlicer(axis=0, step=5, patch_size=4),
]
all_slicers = pytest.mark.parametrize("slicer", SLICERS)


def pieces_of(cube, slicer):
    """Pieces of one cube (c, d, h, w) as nested lists: slices of patches."""
    cube = np.moveaxis(cube, 1 + slicer.axis, 1)
    rows, columns = slicer.patch_size or cube.shape[2:], None
    if isinstance(rows, tuple):
        rows, columns = rows
    columns = columns or rows
    row_step = slicer.patch_step or rows
    column_step = slicer.patch_step or columns
    slices = []
    for start in range(0, cube.shape[1] - slicer.thickness + 1, slicer.step):
        flat = cube[:, start : start + slicer.thickness].mean(1)
        slices.append(
            [
                flat[:, i : i + rows, j : j + columns]
                for i in range(0, flat.shape[1] - rows + 1, row_step)
                for j in range(0, flat.shape[2] - columns + 1, column_step)
            ]
        )
    return slices


def predicted(model, cubes, slicer):
    """Answers of the inner estimator, averaged over patches: (n_cubes, n_slices, ...)."""
    inner = model.estimator_
    answer = inner.predict_proba if hasattr(inner, "predict_proba") else inner.predict
    return np.array(
        [
            [
                np.mean([answer(piece[None])[0] for piece in patches], axis=0)
                for patches in pieces_of(cube, slicer)
            ]
            for cube in cubes
        ]
    )


@all_slicers
@pytest.mark.parametrize("kind", ["classifier", "regressor"])
def test_what_the_estimator_is_given(kind, slicer, cubes, recording):
    """Pieces in the order cube, slice, patch, each with label, weight and group of its cube."""
    y, groups = np.array(list("cabbac")), np.array(["x", "y", "x", "z", "z", "y"])
    if kind == "regressor":
        y = np.arange(12.0).reshape(6, 2)
    weight = np.arange(1.0, 7.0)
    meta = SliceClassifier if kind == "classifier" else SliceRegressor
    inner = getattr(recording, kind)()
    model = meta(inner, slicer=slicer).fit(cubes, y, sample_weight=weight, groups=groups)
    expected = [
        (piece, label, w, group)
        for cube, label, w, group in zip(cubes, y, weight, groups, strict=True)
        for patches in pieces_of(cube, slicer)
        for piece in patches
    ]
    got = model.estimator_
    np.testing.assert_allclose(got.X_, [piece for piece, *_ in expected], rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(got.y_, [label for _, label, *_ in expected])
    np.testing.assert_array_equal(got.sample_weight_, [w for *_, w, _ in expected])
    np.testing.assert_array_equal(got.groups_, [group for *_, group in expected])
    assert got.X_.dtype == np.float32
    assert not hasattr(inner, "X_")
    assert model.grid_.n_pieces * 6 == len(expected)


@all_slicers
@pytest.mark.parametrize("n_targets", [1, 2])
def test_regression(n_targets, slicer, cubes, recording):
    """Means over patches for each slice, and over slices for each cube."""
    y = np.arange(6.0) if n_targets == 1 else np.arange(12.0).reshape(6, 2)
    model = SliceRegressor(recording.regressor(), slicer=slicer).fit(cubes, y)
    want = predicted(model, cubes, slicer)
    np.testing.assert_allclose(model.predict_slices(cubes), want, rtol=1e-5)
    np.testing.assert_allclose(model.predict(cubes), want.mean(1), rtol=1e-5)
    assert model.predict(cubes).shape == y.shape


@all_slicers
def test_probabilities(slicer, cubes, recording):
    """Probabilities are averaged, and the most probable class is the answer."""
    y = np.array(["mild", "calm", "wild", "wild", "calm", "mild"])
    model = SliceClassifier(recording.classifier(), slicer=slicer).fit(cubes, y)
    want = predicted(model, cubes, slicer)
    np.testing.assert_allclose(model.predict_proba_slices(cubes), want, rtol=1e-5)
    np.testing.assert_allclose(model.predict_proba(cubes), want.mean(1), rtol=1e-5)
    np.testing.assert_allclose(model.predict_proba(cubes).sum(1), 1)
    names = np.array(["calm", "mild", "wild"])
    np.testing.assert_array_equal(model.classes_, names)
    np.testing.assert_array_equal(model.predict_slices(cubes), names[want.argmax(2)])
    np.testing.assert_array_equal(model.predict(cubes), names[want.mean(1).argmax(1)])


def test_groups_are_cubes_by_default(cubes, recording):
    """Without groups each cube is one, and without weights none are made up."""
    model = SliceRegressor(recording.regressor(), slicer=CubeSlicer(step=3))
    inner = model.fit(cubes, np.arange(6.0)).estimator_
    np.testing.assert_array_equal(inner.groups_, np.repeat(np.arange(6), 3))
    assert inner.sample_weight_ is None


@pytest.mark.parametrize("slicer", [CubeSlicer(axis=2, step=4), CubeSlicer(patch_size=3)])
def test_four_axes_are_cubes_of_one_channel(slicer, cubes, recording):
    """Pieces then have no channel axis, and the answers are those of cubes with one channel."""
    y = np.arange(6.0)
    plain = SliceRegressor(recording.regressor(), slicer=slicer).fit(cubes[:, 0], y)
    channel = SliceRegressor(recording.regressor(), slicer=slicer).fit(cubes[:, :1], y)
    assert plain.estimator_.X_.ndim == 3
    np.testing.assert_array_equal(plain.estimator_.X_, channel.estimator_.X_[:, 0])
    np.testing.assert_array_equal(plain.predict(cubes[:, 0]), channel.predict(cubes[:, :1]))


@all_slicers
def test_lazy_cubes(slicer, cubes, recording):
    """Cubes that are read on demand are cut into pieces that are, with the same values."""
    y = np.arange(6.0)
    eager = SliceRegressor(recording.regressor(), slicer=slicer).fit(cubes, y)
    lazy = SliceRegressor(recording.regressor(), slicer=slicer).fit(open_maps(cubes), y)
    assert type(lazy.estimator_.X_).__name__ == "LazyMaps"
    np.testing.assert_array_equal(np.asarray(lazy.estimator_.X_), eager.estimator_.X_)
    for some in (slice(None), [4, 1], slice(5, None, -2)):
        np.testing.assert_array_equal(
            lazy.predict_slices(open_maps(cubes)[some]), eager.predict_slices(cubes[some])
        )


@pytest.mark.parametrize(("n_cubes_at_once", "calls"), [(1, 6), (2, 3), (4, 2), (100, 1)])
def test_prediction_in_chunks(n_cubes_at_once, calls, cubes, recording, monkeypatch):
    """The pieces of a few cubes at a time are made, and the answers do not change."""
    slicer = CubeSlicer(step=2, patch_size=3)
    model = SliceRegressor(recording.regressor(), slicer=slicer).fit(cubes, np.arange(6.0))
    whole = model.predict_slices(cubes)
    n_bytes = 4 * cubes.shape[1] * 3 * 3 * model.grid_.n_pieces
    monkeypatch.setattr("skastro.ensemble._slices._CHUNK_BYTES", n_cubes_at_once * n_bytes)
    model.estimator_.asked_.clear()
    np.testing.assert_array_equal(model.predict_slices(cubes), whole)
    assert len(model.estimator_.asked_) == calls
    assert sum(model.estimator_.asked_) == 6 * model.grid_.n_pieces


def test_input_and_parameters_are_not_modified(cubes, recording):
    """The cubes, the slicer and the estimator that were given stay as they were."""
    cubes.flags.writeable = False
    slicer = CubeSlicer(step=2)
    model = SliceRegressor(recording.regressor(), slicer=slicer).fit(cubes, np.arange(6.0))
    model.predict(cubes)
    slicer.set_params(step=1)
    assert model.slicer_.step == 2
    assert model.predict_slices(cubes).shape == (6, 4)
