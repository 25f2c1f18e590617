import numpy as np
import pytest

from skastro.simulation._grid import PeriodicGrid
from skastro.simulation._projection import project, slab_weights


@pytest.mark.parametrize("n_cells", [11, 12])
def test_spread_by_sums(n_cells):
    grid = PeriodicGrid(n_cells, 25.0)
    field = np.random.default_rng(0).random(grid.shape) ** 8
    radius = 1.7 * grid.cell_size
    kernel = np.zeros(grid.shape)
    for offset in np.ndindex(grid.shape):
        nearest = [min(step, n_cells - step) for step in offset]
        kernel[offset] = np.exp(-np.dot(nearest, nearest) / (2 * 1.7**2))
    kernel /= kernel.sum()
    expected = sum(
        weight * np.roll(field, offset, (0, 1, 2)) for offset, weight in np.ndenumerate(kernel)
    )
    np.testing.assert_allclose(grid.spread(field, radius), expected, rtol=1e-10)


@pytest.mark.parametrize("radius", [0, 0.1, 3.0, 100.0])
def test_spread_keeps_the_mass_and_the_sign(grid, radius):
    field = np.zeros(grid.shape)
    field[3, 4, 5], field[0, 0, 15] = 7.0, 2.0
    spread = grid.spread(field, radius)
    assert spread.sum() == pytest.approx(9, rel=1e-12)
    assert spread.min() >= 0
    if radius == 0:
        np.testing.assert_allclose(spread, field, atol=1e-14)


@pytest.mark.parametrize("n_cells", [8, 10, 16, 64])
def test_slabs_share_the_cells(n_cells):
    weights = slab_weights(n_cells)
    assert weights.shape == (5, n_cells)
    np.testing.assert_allclose(weights.sum(axis=0), 1, rtol=1e-12)
    np.testing.assert_allclose(weights.sum(axis=1), n_cells / 5, rtol=1e-12)
    assert weights.min() >= 0


def test_slab_edges_cut_cells():
    expected = [[1, 0.4, 0, 0, 0, 0, 0], [0, 0.6, 0.8, 0, 0, 0, 0], [0, 0, 0.2, 1, 0.2, 0, 0]]
    np.testing.assert_allclose(slab_weights(7)[:3], expected, atol=1e-12)


def test_maps_are_by_axis_then_slab():
    field = np.random.default_rng(1).random((10, 10, 10))
    maps = project(field, slab_weights(10))
    assert maps.shape == (15, 10, 10)
    np.testing.assert_allclose(maps[1], field[2:4].sum(axis=0), rtol=1e-12)
    np.testing.assert_allclose(maps[5 + 4], field[:, 8:].sum(axis=1), rtol=1e-12)
    np.testing.assert_allclose(maps[10 + 2], field[:, :, 4:6].sum(axis=2), rtol=1e-12)


def test_projection_keeps_the_mass():
    field = np.random.default_rng(2).random((13, 13, 13))
    maps = project(field, slab_weights(13)).reshape(3, 5, 13, 13)
    np.testing.assert_allclose(maps.sum(axis=(1, 2, 3)), field.sum(), rtol=1e-12)
