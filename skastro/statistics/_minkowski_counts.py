"""Minkowski functionals of sets of cells, counted from neighbouring cells."""

from functools import reduce
from itertools import chain, combinations, product
from typing import NamedTuple

import numpy as np
from scipy.spatial import SphericalVoronoi


class Lattice(NamedTuple):
    """Directions and planes of a grid of cells, which Crofton's formulae sum over.

    Attributes
    ----------
    cell : float
        Volume (area, length) of a cell.
    axes : list of tuple of int
        Steps to the next cell along each axis.
    lines : list of (tuple of int, float)
        Steps to neighbours, and what a crossing of the boundary per step adds to the density of
        the perimeter or surface.
    planes : list of (tuple of tuple of int, bool, float)
        Two steps that span the cells of a plane, whether the plane is cut into triangles, and what
        the Euler characteristic of the section adds to the density of the mean curvature.
    """

    cell: float
    axes: list
    lines: list
    planes: list


def make_lattice(spacing):
    """Directions and planes of a grid, with weights for sets that have no preferred direction.

    Parameters
    ----------
    spacing : ndarray of shape (dim,)
        Sides of a cell.

    Returns
    -------
    Lattice
        The parts of the formulae; those that `dim` does not need are empty.
    """
    dim, cell = len(spacing), float(np.prod(spacing))
    steps = [step for step in product((-1, 0, 1), repeat=dim) if step > (0,) * dim]
    axes = [tuple(int(i == axis) for i in range(dim)) for axis in range(dim)]
    lines, planes = [], []
    if dim > 1:
        vectors = np.array(steps) * spacing
        lengths = np.linalg.norm(vectors, axis=1)
        factors = (np.pi / 2 if dim == 2 else 2) * _shares(vectors) / lengths
        lines = list(zip(steps, factors.tolist(), strict=True))
    if dim == 3:
        normals = np.array(steps) / spacing
        factors = 2 * np.pi * _shares(normals) / (np.linalg.norm(normals, axis=1) * cell)
        planes = [
            (*_section(step), factor) for step, factor in zip(steps, factors.tolist(), strict=True)
        ]
    return Lattice(cell, axes, lines, planes)


def _shares(vectors):
    """Share of all directions, up to sign, that is nearest to each of some vectors."""
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    if unit.shape[1] == 3:
        areas = SphericalVoronoi(np.concatenate([unit, -unit])).calculate_areas()
        return areas[: len(unit)] / (2 * np.pi)
    angles = np.arctan2(unit[:, 1], unit[:, 0]) % np.pi
    order = np.argsort(angles)
    gaps = np.diff(angles[order], append=angles[order[0]] + np.pi)
    shares = np.empty(len(unit))
    shares[order] = (gaps + np.roll(gaps, 1)) / (2 * np.pi)
    return shares


def _section(normal):
    """Two steps that span the plane of a normal, and whether it is cut into triangles."""
    first, second, third = normal
    if all(normal):
        return ((first, -second, 0), (0, second, -third)), True
    along = [i for i in range(3) if not normal[i]]
    spanning = [tuple(int(i == axis) for i in range(3)) for axis in along]
    if len(along) == 1:
        i, j = (i for i in range(3) if normal[i])
        other = [0, 0, 0]
        other[i], other[j] = normal[j], -normal[i]
        spanning.append(tuple(other))
    return tuple(spanning), False


def densities(levels, n_levels, lattice, *, periodic):
    """Minkowski functionals, per volume, of the cells at or above each level.

    Parameters
    ----------
    levels : ndarray of int, of shape spatial
        From 0 to `n_levels`.
    n_levels : int
        How many sets there are: cells of level 1 or more, of 2 or more, and so on.
    lattice : Lattice
        Directions and planes of the grid.
    periodic : bool
        Whether the last cell along an axis is beside the first.

    Returns
    -------
    ndarray of shape (dim + 1, n_levels)
        Filled fraction, in 2D and 3D perimeter or surface, in 3D integrated mean curvature, and
        Euler characteristic.
    """
    count = _Counts(levels, n_levels, periodic)
    found = [count.fraction(np.minimum, [(0,) * levels.ndim])]
    if lattice.lines:
        found.append(sum(factor * count.crossings(step) for step, factor in lattice.lines))
    if lattice.planes:
        found.append(
            sum(
                factor * (count.triangles(*steps) if is_cut else count.euler(steps))
                for steps, is_cut, factor in lattice.planes
            )
        )
    found.append(count.euler(lattice.axes) / lattice.cell)
    return np.array(found)


class _Counts:
    """Fractions of pairs, squares and cubes of cells that a set holds or touches.

    The least level of some cells tells which sets hold all of them, the greatest which sets touch
    them, so that one histogram answers for all sets. Without periodic axes, the fraction is that
    of the places where all cells lie in the map.

    Parameters
    ----------
    levels : ndarray of int, of shape spatial
        From 0 to `n_levels`.
    n_levels : int
        How many sets there are.
    periodic : bool
        Whether the last cell along an axis is beside the first.
    """

    def __init__(self, levels, n_levels, periodic):
        self.shape, self.n_levels, self.periodic = levels.shape, n_levels, periodic
        self.levels = np.pad(levels, 1, mode="wrap") if periodic else levels
        self.known = {}

    def fraction(self, choose, steps):
        steps = sorted(steps)
        key = choose, tuple(tuple(a - b for a, b in zip(s, steps[0], strict=True)) for s in steps)
        if key not in self.known:
            chosen = reduce(choose, self._views(steps))
            counts = np.bincount(chosen.ravel(), minlength=self.n_levels + 1)
            self.known[key] = counts[:0:-1].cumsum()[::-1] / chosen.size
        return self.known[key]

    def _views(self, steps):
        """The levels of the cells at some steps from each cell."""
        ranges = []
        for axis, size in enumerate(self.shape):
            along = [step[axis] for step in steps]
            low, high = (-1, -1) if self.periodic else (min(along), max(along))
            ranges.append([slice(n - low, size + n - high) for n in along])
        return [self.levels[place] for place in zip(*ranges, strict=True)]

    def crossings(self, step):
        """Fraction of pairs of cells with the boundary between them."""
        pair = [(0,) * len(step), step]
        return self.fraction(np.maximum, pair) - self.fraction(np.minimum, pair)

    def euler(self, steps):
        """Euler characteristic per cell, the mean over cells with and without touching corners."""
        total = 0
        for n in range(len(steps) + 1):
            for chosen in combinations(steps, n):
                corners = [_sum(part, len(steps[0])) for part in _subsets(chosen)]
                held = self.fraction(np.minimum, corners)
                touched = self.fraction(np.maximum, corners)
                total = total + (-1) ** n * held + (-1) ** (len(steps) - n) * touched
        return total / 2

    def triangles(self, first, second):
        """Euler characteristic per cell of a plane that is cut into triangles."""
        origin, diagonal = (0,) * len(first), _sum((first, second), len(first))
        simplices = [[origin]]
        simplices += [[origin, step] for step in (first, second, diagonal)]
        simplices += [[origin, step, diagonal] for step in (first, second)]
        return sum(
            (-1) ** (len(cells) - 1) * self.fraction(np.minimum, cells) for cells in simplices
        )


def _subsets(items):
    return chain.from_iterable(combinations(items, n) for n in range(len(items) + 1))


def _sum(steps, dim):
    return tuple(sum(step[i] for step in steps) for i in range(dim))
