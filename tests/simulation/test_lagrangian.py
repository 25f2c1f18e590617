import numpy as np
import pytest
from scipy.special import spherical_jn

from skastro.simulation._grid import PeriodicGrid
from skastro.simulation._lagrangian import (
    displacements,
    linear_modes,
    move_cells,
    top_hat,
    velocity_gradient,
)


def test_top_hat_is_a_spherical_bessel_function():
    x = np.array([1e-6, 0.05, 0.7, 4.49, 30.0])
    np.testing.assert_allclose(top_hat(x), 3 * spherical_jn(1, x) / x, rtol=2e-5)


def test_linear_modes_have_the_input_power():
    grid = PeriodicGrid(12, 30.0)
    radius = (3 / (4 * np.pi)) ** (1 / 3) * 2.5
    squared = [
        np.abs(linear_modes(grid, lambda k: 50 * k**-2, np.random.default_rng(seed))) ** 2
        for seed in range(300)
    ]
    measured = np.mean(squared, axis=0) * 30.0**3 / 12**6
    for mode in ((1, 0, 0), (0, -2, 1), (2, 3, 4)):
        k = 2 * np.pi / 30 * np.sqrt(np.dot(mode, mode))
        expected = 50 / k**2 * (3 * spherical_jn(1, k * radius) / (k * radius)) ** 2
        assert measured[mode] == pytest.approx(expected, rel=0.25)
    assert measured[0, 0, 0] == 0


@pytest.mark.parametrize("n_cells", [15, 16])
def test_displacement_of_a_plane_wave(n_cells):
    # One wave has no second order, and its first is -grad of the potential.
    grid = PeriodicGrid(n_cells, 40.0)
    k = 2 * np.pi * 2 / 40.0
    position = np.arange(n_cells) * grid.cell_size
    contrast = np.broadcast_to(0.3 * np.cos(k * position)[:, None], grid.shape).astype(np.float32)
    first, second = displacements(grid, grid.forward(contrast))
    expected = -0.3 * np.sin(k * position) / k / grid.cell_size
    np.testing.assert_allclose(first[1], np.broadcast_to(expected[:, None], grid.shape), atol=1e-5)
    np.testing.assert_allclose(first[[0, 2]], 0, atol=1e-5)
    np.testing.assert_allclose(second, 0, atol=1e-5)


def test_second_order_of_two_crossed_waves():
    # delta = a cos kx + b cos ky: phi,xx = a cos kx and phi,yy = b cos ky, so that the source is
    # a b cos kx cos ky, phi2 = -source / (2 k^2), and psi2 = -3/7 grad phi2.
    grid = PeriodicGrid(16, 40.0)
    k, a, b = 2 * np.pi / 40.0, 0.3, 0.5
    x, y, _ = np.meshgrid(*[np.arange(16) * grid.cell_size] * 3, indexing="ij")
    contrast = (a * np.cos(k * x) + b * np.cos(k * y)).astype(np.float32)
    _, second = displacements(grid, grid.forward(contrast))
    factor = -3 / 7 * a * b / (2 * k) / grid.cell_size
    np.testing.assert_allclose(second[0], factor * np.sin(k * x) * np.cos(k * y), atol=1e-5)
    np.testing.assert_allclose(second[1], factor * np.cos(k * x) * np.sin(k * y), atol=1e-5)
    np.testing.assert_allclose(second[2], 0, atol=1e-5)


def test_cells_move_and_nothing_is_lost():
    grid = PeriodicGrid(8, 8.0)
    content = np.random.default_rng(0).random(grid.shape)
    shift = np.zeros((3, *grid.shape), dtype=np.float32)
    shift[0], shift[2] = 3, -1
    moved = move_cells(grid, shift, content)
    # A cell at rest is shared 1/8, 3/4, 1/8 along each axis.
    expected = np.roll(content, (3, -1), (0, 2))
    for axis in range(3):
        expected = 0.75 * expected + (np.roll(expected, 1, axis) + np.roll(expected, -1, axis)) / 8
    np.testing.assert_allclose(moved, expected, rtol=1e-12)
    shift = np.random.default_rng(1).normal(scale=2, size=shift.shape)
    assert move_cells(grid, shift, content).sum() == pytest.approx(content.sum(), rel=1e-12)
    assert move_cells(grid, shift).min() >= 0


def test_one_cell_against_clouds_of_its_points():
    # Points spread evenly over a cell, each a cloud in cell.
    grid = PeriodicGrid(8, 8.0)
    content = np.zeros(grid.shape)
    content[7, 2, 4] = 1
    shift = np.zeros((3, *grid.shape))
    shift[:, 7, 2, 4] = 0.4, -1.3, 0.05
    points = (np.arange(400) + 0.5) / 400 - 0.5
    lines = []
    for at in np.add((7, 2, 4), shift[:, 7, 2, 4]):
        away = np.abs((np.arange(8) - at - points[:, None] + 4) % 8 - 4)
        lines.append(np.maximum(1 - away, 0).mean(axis=0))
    expected = np.einsum("i,j,k->ijk", *lines)
    np.testing.assert_allclose(move_cells(grid, shift, content), expected, atol=1e-5)


def test_velocity_gradient_of_plane_waves():
    grid = PeriodicGrid(12, 30.0)
    along = 0.2 * np.cos(2 * np.pi * 3 * np.arange(12) / 12)
    field = np.broadcast_to(along, grid.shape)
    np.testing.assert_allclose(velocity_gradient(grid, field, 0.9), -0.9 * field, atol=1e-7)
    across = np.broadcast_to(along[:, None, None], grid.shape)
    np.testing.assert_allclose(velocity_gradient(grid, across, 0.9), 0, atol=1e-7)
