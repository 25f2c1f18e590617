"""The elements of the groups, against flips and transpositions by NumPy."""

from itertools import permutations, product

import numpy as np
import pytest
import torch
from scipy.stats import chisquare
from sklearn.base import clone

from skastro.neural_network import Symmetries

GROUPS = {"line": 1, "square": 2, "cube": 3}
N_ELEMENTS = {"line": 2, "square": 8, "cube": 48}


def apply(symmetries, maps, draws):
    """Transform NumPy maps of shape (n, c, *spatial)."""
    return symmetries.apply(torch.from_numpy(maps), torch.as_tensor(draws)).numpy()


def orbit(symmetries, one):
    """A map of shape (c, *spatial) under every element, without a shift."""
    n = symmetries.n_elements(one.shape[1:])
    draws = np.zeros((n, one.ndim), dtype=np.int64)
    draws[:, 0] = np.arange(n)
    return apply(symmetries, np.repeat(one[None], n, axis=0), draws)


def by_hand(one):
    """The map in each order of axes and each direction that leaves its shape as it is."""
    axes = range(1, one.ndim)
    results = []
    for order in permutations(axes):
        turned = one.transpose(0, *order)
        if turned.shape == one.shape:
            for flips in product([False, True], repeat=one.ndim - 1):
                chosen = [axis for axis, flip in zip(axes, flips, strict=True) if flip]
                results.append(np.flip(turned, chosen))
    return results


def as_set(maps):
    """Distinct maps."""
    return {np.ascontiguousarray(one).tobytes() for one in maps}


@pytest.mark.parametrize(("group", "dim"), GROUPS.items())
def test_every_element(group, dim):
    """The elements are all flips and transpositions, and they are all different."""
    one = np.random.default_rng(0).normal(size=(1, *(4,) * dim)).astype("float32")
    found = orbit(Symmetries(group), one)
    assert len(found) == len(as_set(found)) == N_ELEMENTS[group]
    assert as_set(found) == as_set(by_hand(one))
    np.testing.assert_array_equal(found[0], one)


@pytest.mark.parametrize(
    ("group", "spatial", "n_elements"),
    [
        ("line", (9,), 2),
        ("square", (8, 9), 4),
        ("cube", (7, 8, 9), 8),
        ("cube", (4, 4, 5), 16),
        ("cube", (4, 5, 4), 16),
        ("cube", (5, 4, 4), 16),
    ],
)
def test_unequal_axes(group, spatial, n_elements):
    """Axes of unequal length are mirrored and not exchanged, so the shape stays."""
    one = np.random.default_rng(0).normal(size=(2, *spatial)).astype("float32")
    found = orbit(Symmetries(group), one)
    assert len(as_set(found)) == n_elements
    assert as_set(found) == as_set(by_hand(one))


@pytest.mark.parametrize(
    ("group", "spatial"), [("line", (9,)), ("square", (8, 9)), ("cube", (4, 5, 4))]
)
def test_shift(group, spatial):
    """A shift is numpy.roll, and comes on top of any element."""
    maps = np.random.default_rng(0).normal(size=(3, 2, *spatial)).astype("float32")
    shift = (3, 2, 1)[: len(spatial)]
    axes = tuple(range(1, 1 + len(spatial)))
    for shifted, one in zip(
        apply(Symmetries(group, shift=True), maps, np.tile((0, *shift), (3, 1))), maps, strict=True
    ):
        np.testing.assert_array_equal(shifted, np.roll(one, [-s for s in shift], axes))
    n = Symmetries(group).n_elements(spatial)
    for element in range(n):
        plain = apply(Symmetries(group), maps[:1], [[element, *(0,) * len(spatial)]])[0]
        moved = apply(Symmetries(group), maps[:1], [[element, *shift]])[0]
        rolls = [
            np.roll(plain, steps, axes) for steps in product(*[range(size) for size in spatial])
        ]
        assert as_set([moved]) <= as_set(rolls)
        assert as_set([moved]) != as_set([plain])


def test_each_sample_by_its_own_element():
    """Samples of a batch are transformed independently, and channels move together."""
    symmetries = Symmetries("cube", shift=True)
    maps = np.random.default_rng(0).normal(size=(60, 3, 4, 4, 4)).astype("float32")
    draws = symmetries.draw(np.random.default_rng(1), 60, (4, 4, 4))
    together = apply(symmetries, maps, draws)
    for i in range(60):
        np.testing.assert_array_equal(
            together[i], apply(symmetries, maps[i : i + 1], draws[i : i + 1])[0]
        )
    channels = [apply(symmetries, maps[:, c : c + 1], draws) for c in range(3)]
    np.testing.assert_array_equal(together, np.concatenate(channels, axis=1))


def test_draws_are_uniform():
    """Elements and shifts come with equal probability, and independently."""
    n = 48_000
    draws = Symmetries("cube", shift=True).draw(np.random.default_rng(0), n, (6, 6, 6))
    assert draws.shape == (n, 4)
    assert chisquare(np.bincount(draws[:, 0], minlength=48)).pvalue > 0.001
    for axis in (1, 2, 3):
        assert chisquare(np.bincount(draws[:, axis], minlength=6)).pvalue > 0.001
        assert chisquare(np.bincount(48 * draws[:, axis] + draws[:, 0])).pvalue > 0.001
    assert chisquare(np.bincount(draws[:, 1:] @ [36, 6, 1], minlength=216)).pvalue > 0.001


def test_draws_of_unequal_axes():
    """Each axis is shifted by up to its own length, and only elements that exist are drawn."""
    draws = Symmetries("square", shift=True).draw(np.random.default_rng(0), 2000, (3, 7))
    assert [set(column) for column in draws.T] == [set(range(4)), set(range(3)), set(range(7))]


def test_without_shift():
    """No shift is drawn unless it is asked for."""
    draws = Symmetries("square").draw(np.random.default_rng(0), 500, (6, 6))
    assert set(draws[:, 0]) == set(range(8))
    assert not draws[:, 1:].any()


def test_input_is_not_modified():
    """A new tensor comes back, of the type that was given, from views as well."""
    maps = torch.arange(2 * 3 * 4 * 4, dtype=torch.float64).reshape(2, 4, 4, 3).movedim(3, 1)
    before = maps.clone()
    out = Symmetries().apply(maps, torch.tensor([[5, 0, 0], [0, 0, 0]]))
    assert torch.equal(maps, before)
    assert out.dtype == torch.float64
    assert out.data_ptr() != maps.data_ptr()
    assert torch.equal(out[1], before[1])


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("spatial", [(9,), (8, 9), (7, 8, 9)])
def test_number_of_axes(group, spatial):
    """The wrong group is refused, and the right one is named."""
    right = next(name for name, dim in GROUPS.items() if dim == len(spatial))
    if group == right:
        assert Symmetries(group).n_elements(spatial) == 2 ** len(spatial)
        return
    with pytest.raises(ValueError, match=rf"group='{group}'.*Take group='{right}'") as error:
        Symmetries(group).draw(np.random.default_rng(0), 3, spatial)
    assert str(spatial) in str(error.value)


@pytest.mark.parametrize("symmetries", [Symmetries("circle"), Symmetries("square", shift=2)])
def test_parameters_are_checked(symmetries):
    """Unknown groups and shifts are refused."""
    with pytest.raises(ValueError, match="parameter of Symmetries must be"):
        symmetries.n_elements((8, 9))


def test_is_a_parameter_object():
    """It can be cloned and read."""
    symmetries = Symmetries("cube", shift=True)
    assert clone(symmetries).get_params() == {"group": "cube", "shift": True}
    assert repr(symmetries) == "Symmetries(group='cube', shift=True)"
