"""Means and sums of blocks, against loops over blocks."""

from itertools import product

import numpy as np
import pytest

from skastro.exceptions import MapShapeError
from skastro.maps import open_maps
from skastro.preprocessing import BlockPool

SHAPES = {1: (4, 11), 2: (4, 8, 11), 3: (3, 6, 8, 11)}


def draw(shape):
    return np.random.default_rng(0).gamma(1.0, size=shape).astype(np.float32)


def pooled_by_loop(values, blocks, func, partial):
    """Reduce the last axes of an array, one block at a time."""
    spatial = values.shape[-len(blocks) :]
    counts = [-(-n // b) if partial else n // b for n, b in zip(spatial, blocks, strict=True)]
    out = np.empty((*values.shape[: -len(blocks)], *counts))
    for index in product(*map(range, counts)):
        cells = tuple(slice(i * b, (i + 1) * b) for i, b in zip(index, blocks, strict=True))
        block = values[(..., *cells)].astype(np.float64)
        out[(..., *index)] = getattr(block, func)(axis=tuple(range(-len(blocks), 0)))
    return out


@pytest.mark.parametrize("func", ["mean", "sum"])
@pytest.mark.parametrize("remainder", ["drop", "partial"])
@pytest.mark.parametrize("channels", [False, True])
@pytest.mark.parametrize(
    "block_size", [1, 2, 3, 5, (2,), (4, 1), (3, 4), [1, 6], (2, 3, 4), (6, 8, 11), (5, 2, 1)]
)
def test_blocks_of_any_size(block_size, channels, remainder, func):
    for dim in [1, 2, 3] if isinstance(block_size, int) else [len(block_size)]:
        blocks = (block_size,) * dim if isinstance(block_size, int) else tuple(block_size)
        shape = SHAPES[dim]
        values = draw((shape[0], 2, *shape[1:]) if channels else shape)
        pool = BlockPool(block_size, func=func, remainder=remainder, dim=dim)
        got = pool.fit_transform(values)
        want = pooled_by_loop(values, blocks, func, remainder == "partial")
        assert got.dtype == np.float32
        np.testing.assert_allclose(got, want, rtol=1e-5)
        lazy = pool.transform(open_maps(values))
        assert lazy.shape == want.shape
        np.testing.assert_array_equal(np.asarray(lazy[::-1]), got[::-1])


def test_blocks_larger_than_the_map():
    values = draw((4, 8, 11))
    got = BlockPool((20, 4), remainder="partial").fit_transform(values)
    np.testing.assert_allclose(
        got, pooled_by_loop(values, (20, 4), "mean", partial=True), rtol=1e-5
    )
    for remainder in ("drop", "error"):
        with pytest.raises(MapShapeError, match=r"\(8, 11\)"):
            BlockPool((20, 1), remainder=remainder).fit(values)


@pytest.mark.parametrize("block_size", [2, 3, (5, 4), 64])
def test_sum_conserves_the_total(block_size):
    values = draw((3, 2, 60, 71))
    pooled = BlockPool(block_size, func="sum", remainder="partial").fit_transform(values)
    np.testing.assert_allclose(
        pooled.sum(axis=(2, 3), dtype=float), values.sum(axis=(2, 3), dtype=float), rtol=1e-6
    )


def test_mean_of_equal_blocks_keeps_the_mean():
    values = draw((3, 2, 60, 72))
    pooled = BlockPool((5, 4)).fit_transform(values)
    np.testing.assert_allclose(pooled.mean(axis=(2, 3)), values.mean(axis=(2, 3)), rtol=1e-6)


def test_large_blocks_of_a_large_value():
    cube = np.full((1, 256, 128, 64), 2.7255, dtype=np.float32)
    np.testing.assert_allclose(
        BlockPool((256, 128, 64), dim=3).fit_transform(cube), 2.7255, rtol=3e-6
    )


def test_uneven_division_is_an_error_unless_allowed():
    with pytest.raises(MapShapeError, match=r"block_size=3.*\(8, 11\).*remainder='drop'"):
        BlockPool(3).fit(draw((4, 8, 11)))
    pool = BlockPool((4, 11)).fit(draw((4, 8, 11)))
    for maps in (draw((2, 7, 11)), open_maps(draw((2, 7, 11)))):
        with pytest.raises(MapShapeError, match="does not divide"):
            pool.transform(maps)


def test_other_sizes_in_transform():
    pool = BlockPool(2).fit(draw((4, 3, 8, 10)))
    assert pool.transform(draw((2, 3, 4, 6))).shape == (2, 3, 2, 3)
    with pytest.raises(MapShapeError, match="BlockPool was fitted on samples of shape"):
        pool.transform(draw((2, 4, 8, 10)))


@pytest.mark.parametrize("block_size", [0, -2, (2, 0), (2,), (2, 2, 2), (2, 1.5), 1.5, "ab", None])
def test_block_sizes_that_are_refused(block_size):
    with pytest.raises(ValueError, match="The 'block_size' parameter of BlockPool must be"):
        BlockPool(block_size).fit(draw((4, 8, 10)))


@pytest.mark.parametrize("remainder", ["drop", "partial"])
@pytest.mark.parametrize("func", ["mean", "sum"])
def test_torch_equals_numpy(func, remainder):
    torch = pytest.importorskip("torch")
    values = draw((3, 2, 8, 11))
    pool = BlockPool((3, 4), func=func, remainder=remainder).fit(values)
    got = pool.transform(torch.from_numpy(values))
    assert isinstance(got, torch.Tensor)
    np.testing.assert_allclose(got.numpy(), pool.transform(values), rtol=1e-6)
