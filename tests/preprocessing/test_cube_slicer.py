"""Pieces of cubes, against explicit loops."""

from itertools import product

import numpy as np
import pytest

from skastro.exceptions import MapShapeError
from skastro.preprocessing import CubeSlicer, CutGrid

CUBES = {"channels": (3, 2, 7, 8, 9), "no_channels": (3, 7, 8, 9)}
SETTINGS = [
    {},
    {"step": 3},
    {"step": 2, "thickness": 2},
    {"step": 2, "thickness": 3, "projection": "sum"},
    {"step": 1, "thickness": 7},
    {"patch_size": 4},
    {"patch_size": (3, 4), "step": 4},
    {"patch_size": 3, "patch_step": 2},
    {"patch_size": (4, 2), "patch_step": (1, 3), "step": 2, "thickness": 2},
    {"patch_size": [2, 5], "patch_step": 4, "projection": "sum"},
]


def draw(shape):
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def pair(value):
    return (value, value) if isinstance(value, int) else tuple(value)


def cut_by_loops(cubes, axis, settings):
    """Every piece by its own indices, in the order cube, slice, row, column."""
    has_channels = cubes.ndim == 5
    step, thickness = settings.get("step", 1), settings.get("thickness", 1)
    project = getattr(np, settings.get("projection", "mean"))
    pieces = []
    for cube in cubes:
        planes = np.moveaxis(cube if has_channels else cube[None], 1 + axis, 1).astype(float)
        _, depth, height, width = planes.shape
        h, w = pair(settings.get("patch_size") or (height, width))
        row_step, column_step = pair(settings.get("patch_step") or (h, w))
        first = range(0, depth - thickness + 1, step)
        rows = range(0, height - h + 1, row_step)
        columns = range(0, width - w + 1, column_step)
        for z, y, x in product(first, rows, columns):
            slab = project(planes[:, z : z + thickness], axis=1)
            piece = slab[:, y : y + h, x : x + w]
            pieces.append(piece if has_channels else piece[0])
        grid = CutGrid(len(first), len(rows), len(columns))
    return np.array(pieces), grid


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("shape", CUBES.values(), ids=CUBES)
def test_cut_of_cubes(shape, axis, settings):
    cubes = draw(shape)
    slicer = CubeSlicer(axis, **settings)
    want, grid = cut_by_loops(cubes, axis, settings)
    got = slicer.cut(cubes)
    assert slicer.grid(shape[1:]) == grid
    assert (grid.n_patches, grid.n_pieces) == (grid[1] * grid[2], grid[0] * grid[1] * grid[2])
    assert len(got) == 3 * grid.n_pieces
    assert slicer.piece_shape(shape[1:]) == got.shape[1:] == want.shape[1:]
    assert got.dtype == np.float32
    assert got.flags.c_contiguous
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("shape", CUBES.values(), ids=CUBES)
def test_torch_equals_numpy(shape, axis, settings):
    torch = pytest.importorskip("torch")
    cubes = draw(shape)
    slicer = CubeSlicer(axis, **settings)
    got = slicer.cut(torch.from_numpy(cubes))
    assert isinstance(got, torch.Tensor)
    assert got.is_contiguous()
    np.testing.assert_allclose(got.numpy(), slicer.cut(cubes), rtol=1e-5, atol=1e-6)


def test_maps_are_one_slice():
    maps = draw((4, 8, 9))
    np.testing.assert_array_equal(CubeSlicer(axis=2, step=5, thickness=4).cut(maps), maps)
    slicer = CubeSlicer(patch_size=(3, 4), patch_step=(2, 4))
    assert slicer.grid((8, 9)) == (1, 3, 2)
    want = [m[y : y + 3, x : x + 4] for m in maps for y in (0, 2, 4) for x in (0, 4)]
    np.testing.assert_array_equal(slicer.cut(maps), want)


def test_signals_are_one_slice():
    signals = draw((4, 9))
    slicer = CubeSlicer(axis=1)
    assert slicer.grid((9,)) == (1, 1, 1)
    assert slicer.piece_shape((9,)) == (9,)
    np.testing.assert_array_equal(slicer.cut(signals), signals)
    with pytest.raises(MapShapeError, match=r"finds no whole piece in a sample of shape \(9,\)"):
        CubeSlicer(patch_size=3).cut(signals)


def test_large_boxes_by_the_grid_alone():
    slicer = CubeSlicer(patch_size=50)
    grid = slicer.grid((200, 200, 200))
    assert (grid, grid.n_patches, grid.n_pieces) == ((200, 4, 4), 16, 3200)
    assert slicer.piece_shape((200, 200, 200)) == (50, 50)
    assert slicer.piece_shape((2, 200, 200, 200)) == (2, 50, 50)


@pytest.mark.parametrize(
    ("settings", "n_slices"),
    [
        ({"thickness": 7}, 1),
        ({"step": 7}, 1),
        ({"step": 6}, 2),
        ({"step": 100}, 1),
        ({"step": 3, "thickness": 3}, 2),
        ({"step": 3, "thickness": 4}, 2),
        ({"step": 3, "thickness": 5}, 1),
    ],
)
def test_slices_at_the_far_end(settings, n_slices):
    assert CubeSlicer(**settings).grid((7, 8, 9)).n_slices == n_slices


@pytest.mark.parametrize(
    ("axis", "settings"),
    [
        (0, {"thickness": 8}),
        (1, {"thickness": 9, "step": 20}),
        (0, {"patch_size": 9}),
        (2, {"patch_size": (8, 8)}),
        (0, {"patch_size": (2, 10), "patch_step": 50}),
    ],
)
def test_cubes_that_give_no_piece(axis, settings):
    slicer = CubeSlicer(axis, **settings)
    for call in (slicer.grid, slicer.piece_shape, lambda shape: slicer.cut(draw((2, *shape)))):
        with pytest.raises(MapShapeError, match=r"CubeSlicer.*no whole piece.*\(7, 8, 9\)"):
            call((7, 8, 9))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("axis", 3),
        ("axis", -1),
        ("step", 0),
        ("thickness", 0),
        ("thickness", 1.5),
        ("projection", "max"),
        ("patch_size", 0),
        ("patch_size", (3,)),
        ("patch_size", (3, 0)),
        ("patch_size", (3, 3, 3)),
        ("patch_size", (2.5, 2)),
        ("patch_step", -1),
        ("patch_step", (1, 0)),
    ],
)
def test_settings_that_are_refused(name, value):
    with pytest.raises(ValueError, match=f"The '{name}' parameter of CubeSlicer must be"):
        CubeSlicer(**{"patch_size": 3, name: value}).grid((7, 8, 9))


@pytest.mark.parametrize("sample_shape", [(), (2, 3, 7, 8, 9)])
def test_samples_that_are_no_maps(sample_shape):
    with pytest.raises(MapShapeError, match="CubeSlicer"):
        CubeSlicer().grid(sample_shape)


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_any_memory_order_and_no_cubes(settings):
    cubes = draw((3, 2, 7, 8, 9))
    slicer = CubeSlicer(1, **settings)
    want = slicer.cut(cubes)
    np.testing.assert_allclose(slicer.cut(np.asfortranarray(cubes)), want, rtol=1e-5, atol=1e-6)
    assert slicer.cut(cubes[:0]).shape == (0, *want.shape[1:])


def test_pieces_of_writeable_cubes_are_writeable():
    torch = pytest.importorskip("torch")
    for settings in SETTINGS:
        torch.from_numpy(CubeSlicer(**settings).cut(draw((2, 7, 8, 9))))
    frozen = draw((2, 7, 8, 9))
    frozen.flags.writeable = False
    np.testing.assert_array_equal(CubeSlicer().cut(frozen), frozen.reshape(14, 8, 9))


def test_views_do_not_copy():
    cubes = draw((2, 7, 8, 9))
    for settings in ({}, {"step": 3, "patch_size": 4}, {"patch_size": 3, "patch_step": 1}):
        views = CubeSlicer(1, **settings).views(cubes)
        assert np.shares_memory(views, cubes)
        assert views.shape[:4] == (2, *CubeSlicer(1, **settings).grid((7, 8, 9)))
