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
VECTORS = {"square": {"pseudovectors": [(2, 0)]}, "cube": {"vectors": [(2, 0, 1)]}}


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


@pytest.mark.parametrize(
    ("group", "spatial"),
    [("line", (9,)), ("square", (5, 5)), ("cube", (4, 4, 4)), ("cube", (4, 5, 4))],
)
@pytest.mark.parametrize("shifts", [(0, 0, 0), (2, 0, 3), (-1, 7, 2)])
def test_meaning_of_a_draw(group, spatial, shifts):
    """The number tells order of axes and mirrored axes; a shift acts between the two."""
    one = np.random.default_rng(0).normal(size=(2, *spatial)).astype("float32")
    shift = shifts[: len(spatial)]
    axes = range(1, one.ndim)
    orders = [o for o in permutations(axes) if one.transpose(0, *o).shape == one.shape]
    n = Symmetries(group).n_elements(spatial)
    draws = [[element, *shift] for element in range(n)]
    for element, found in enumerate(apply(Symmetries(group), np.stack([one] * n), draws)):
        number, mirrored = divmod(element, 2 ** len(spatial))
        turned = np.roll(one.transpose(0, *orders[number]), [-s for s in shift], tuple(axes))
        flipped = [axis for axis in axes if mirrored >> (axis - 1) & 1]
        np.testing.assert_array_equal(found, np.flip(turned, flipped))


def test_draws_of_a_seed():
    """Draws of a seed stay what they are, so that results do."""
    draws = Symmetries("cube", shift=True).draw(np.random.default_rng(0), 3, (7, 8, 8))
    np.testing.assert_array_equal(draws, [[13, 4, 4, 2], [4, 0, 0, 0], [2, 5, 5, 7]])


@pytest.mark.parametrize(
    ("group", "spatial"), [("line", (9,)), ("square", (8, 8)), ("cube", (4, 5, 4))]
)
def test_elements(group, spatial):
    """All elements are listed, none is shifted, and the first one changes nothing."""
    symmetries = Symmetries(group, shift=True)
    elements = symmetries.elements(spatial)
    assert elements.shape == (symmetries.n_elements(spatial), 1 + len(spatial))
    assert elements.dtype.kind == "i"
    one = np.random.default_rng(0).normal(size=(2, *spatial)).astype("float32")
    views = apply(symmetries, np.stack([one] * len(elements)), elements)
    np.testing.assert_array_equal(views[0], one)
    assert as_set(views) == as_set(by_hand(one))


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


@pytest.mark.parametrize("shift", [False, True])
@pytest.mark.parametrize("group", ["square", "cube"])
def test_memory_formats(group, shift):
    """Maps with channels last, and maps in any other order, give the same result."""
    spatial = (6,) * GROUPS[group]
    maps = torch.from_numpy(np.random.default_rng(0).normal(size=(20, 3, *spatial)))
    symmetries = Symmetries(group, shift=shift, **VECTORS[group])
    draws = symmetries.draw(np.random.default_rng(1), 20, spatial)
    want = symmetries.apply(maps, draws)
    assert want.is_contiguous()
    last = torch.channels_last if group == "square" else torch.channels_last_3d
    out = symmetries.apply(maps.to(memory_format=last), draws)
    assert out.is_contiguous(memory_format=last)
    assert torch.equal(out, want)
    swapped = maps.transpose(2, 3).contiguous().transpose(2, 3)
    assert torch.equal(symmetries.apply(swapped, draws), want)


@pytest.mark.parametrize("shift", [False, True])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64, torch.int32])
def test_types(dtype, shift):
    """Whole numbers are the same in every type, and the type stays."""
    maps = torch.randint(-200, 200, (20, 3, 4, 4, 4), generator=torch.Generator().manual_seed(0))
    symmetries = Symmetries("cube", shift=shift, **VECTORS["cube"])
    draws = symmetries.draw(np.random.default_rng(1), 20, (4, 4, 4))
    out = symmetries.apply(maps.to(dtype), draws)
    assert out.dtype == dtype
    assert torch.equal(out.long(), symmetries.apply(maps, draws))


@pytest.mark.parametrize("n_values", [1, 200, 1000])
def test_few_values_at_once(monkeypatch, n_values):
    """A batch may be gathered in parts."""
    maps = torch.from_numpy(np.random.default_rng(0).normal(size=(7, 3, 8, 8)))
    symmetries = Symmetries(shift=True, **VECTORS["square"])
    draws = symmetries.draw(np.random.default_rng(1), 7, (8, 8))
    want = symmetries.apply(maps, draws)
    monkeypatch.setattr("skastro.neural_network._symmetries._VALUES_AT_ONCE", n_values)
    assert torch.equal(symmetries.apply(maps, draws), want)


@pytest.mark.parametrize("shift", [False, True])
def test_nothing_is_read_back_from_a_device(shift):
    """It works on tensors without values, so it never waits for those of a GPU."""
    symmetries = Symmetries(shift=shift, **VECTORS["square"])
    draws = symmetries.draw(np.random.default_rng(1), 7, (8, 9))
    out = symmetries.apply(torch.empty(7, 3, 8, 9, device="meta"), torch.from_numpy(draws))
    assert out.device.type == "meta"
    assert out.shape == (7, 3, 8, 9)


def test_no_samples():
    """A batch may be empty."""
    for draws in (np.zeros((0, 3), dtype=int), torch.zeros(0, 3, dtype=torch.int64)):
        assert Symmetries(**VECTORS["square"]).apply(torch.zeros(0, 3, 8, 9), draws).shape[0] == 0


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
    for method, argument in [("check", (1, *spatial)), ("elements", spatial)]:
        with pytest.raises(ValueError, match=f"Take group='{right}'"):
            getattr(Symmetries(group), method)(argument)


def test_too_many_axes():
    """No group is advised where there is none."""
    with pytest.raises(ValueError, match="No group has that many"):
        Symmetries("cube").check((1, 4, 4, 4, 4))


@pytest.mark.parametrize("symmetries", [Symmetries("circle"), Symmetries("square", shift=2)])
def test_parameters_are_checked(symmetries):
    """Unknown groups and shifts are refused."""
    with pytest.raises(ValueError, match="parameter of Symmetries must be"):
        symmetries.n_elements((8, 9))


def test_is_a_parameter_object():
    """It can be cloned and read."""
    symmetries = Symmetries("cube", shift=True)
    symmetries.set_params(vectors=[(1, 2, 3)])
    params = {"group": "cube", "shift": True, "vectors": [(1, 2, 3)], "pseudovectors": None}
    assert clone(symmetries).get_params() == params
    assert repr(symmetries) == "Symmetries(group='cube', shift=True, vectors=[(1, 2, 3)])"
