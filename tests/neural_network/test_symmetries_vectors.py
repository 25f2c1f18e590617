"""Vector fields under symmetries, against gradients, curls and cross products."""

import numpy as np
import pytest
import torch

from skastro.neural_network import Symmetries

SPATIAL = [("line", (9,)), ("square", (6, 6)), ("square", (8, 9))]
SPATIAL += [("cube", (5, 5, 5)), ("cube", (7, 8, 9)), ("cube", (4, 5, 4))]


def random_maps(n_channels, spatial, seed=0):
    """A map of noise, of shape (n_channels, *spatial)."""
    return np.random.default_rng(seed).normal(size=(n_channels, *spatial))


def orbit(one, group, shift, **fields):
    """A map under every element; with a shift, under one shift of each."""
    symmetries = Symmetries(group, **fields)
    draws = symmetries.elements(one.shape[1:])
    if shift:
        draws[:, 1:] = np.random.default_rng(1).integers(one.shape[1:], size=draws[:, 1:].shape)
    maps = torch.from_numpy(np.stack([one] * len(draws)))
    return symmetries.apply(maps, draws).numpy()


def derivative(field, axis):
    """Central difference on a periodic grid; 0 along a line of sight that a map has not."""
    if axis >= field.ndim:
        return np.zeros_like(field)
    return (np.roll(field, -1, axis) - np.roll(field, 1, axis)) / 2


def gradient(field):
    """Gradient of a scalar field along its own axes."""
    return np.stack([derivative(field, axis) for axis in range(field.ndim)])


def curl(field):
    """Curl of a field with three components, of axes that need not be three."""
    pairs = [(1, 2), (2, 0), (0, 1)]
    return np.stack([derivative(field[b], a) - derivative(field[a], b) for a, b in pairs])


@pytest.mark.parametrize("shift", [False, True])
@pytest.mark.parametrize(("group", "spatial"), SPATIAL)
def test_gradient_is_a_vector(group, spatial, shift):
    """The gradient of a transformed field is the transformed gradient."""
    field = random_maps(1, spatial)
    channels = tuple(range(len(spatial)))
    wanted = [gradient(one[0]) for one in orbit(field, group, shift)]
    found = orbit(gradient(field[0]), group, shift, vectors=[channels])
    np.testing.assert_allclose(found, wanted, atol=1e-12)
    for wrong in ({}, {"pseudovectors": [channels]}):
        assert np.abs(orbit(gradient(field[0]), group, shift, **wrong) - wanted).max() > 0.1


@pytest.mark.parametrize("shift", [False, True])
@pytest.mark.parametrize(("group", "spatial"), SPATIAL[1:])
def test_curl_of_a_vector_is_a_pseudovector(group, spatial, shift):
    """On a square, third components and derivatives along the line of sight are included."""
    field = random_maps(3, spatial)
    wanted = [curl(one) for one in orbit(field, group, shift, vectors=[(0, 1, 2)])]
    found = orbit(curl(field), group, shift, pseudovectors=[(0, 1, 2)])
    np.testing.assert_allclose(found, wanted, atol=1e-12)
    for wrong in ({}, {"vectors": [(0, 1, 2)]}):
        assert np.abs(orbit(curl(field), group, shift, **wrong) - wanted).max() > 0.1


@pytest.mark.parametrize("shift", [False, True])
@pytest.mark.parametrize(("group", "spatial"), SPATIAL[1:])
def test_curl_of_a_pseudovector_is_a_vector(group, spatial, shift):
    """The current of a magnetic field flows like a velocity."""
    field = random_maps(3, spatial)
    wanted = [curl(one) for one in orbit(field, group, shift, pseudovectors=[(0, 1, 2)])]
    found = orbit(curl(field), group, shift, vectors=[(0, 1, 2)])
    np.testing.assert_allclose(found, wanted, atol=1e-12)


@pytest.mark.parametrize("spatial", [(6, 6), (8, 9)])
def test_two_components_on_a_square(spatial):
    """The components in the plane are the first two of three, for both kinds of vectors."""
    field = random_maps(3, spatial)
    for kind in ("vectors", "pseudovectors"):
        three = orbit(field, "square", True, **{kind: [(0, 1, 2)]})
        two = orbit(field[:2], "square", True, **{kind: [(0, 1)]})
        np.testing.assert_array_equal(two, three[:, :2])
    along_the_line_of_sight = orbit(field, "square", True, vectors=[(0, 1, 2)])[:, 2:]
    np.testing.assert_array_equal(along_the_line_of_sight, orbit(field[2:], "square", True))


def test_pseudovector_on_a_line():
    """A mirror that reverses the line reverses turns about it twice."""
    field = random_maps(1, (9,))
    found = orbit(field, "line", False, pseudovectors=[(0,)])
    np.testing.assert_array_equal(found, orbit(field, "line", False))


@pytest.mark.parametrize(("group", "spatial"), SPATIAL[1:])
def test_cross_product(group, spatial):
    """Channels in any order: two vectors, their product and a scalar."""
    a, b = random_maps(3, spatial), random_maps(3, spatial, seed=1)
    c = np.cross(a, b, axis=0)
    maps = np.stack([b[2], c[0], a[0], np.hypot(a[0], b[2]), a[2], c[2], b[0], a[1], b[1], c[1]])
    out = orbit(maps, group, True, vectors=[(2, 7, 4), [6, 8, 0]], pseudovectors=((1, 9, 5),))
    np.testing.assert_allclose(
        out[:, [1, 9, 5]], np.cross(out[:, [2, 7, 4]], out[:, [6, 8, 0]], axis=1), atol=1e-12
    )
    np.testing.assert_array_equal(out[:, 3:4], orbit(maps[3:4], group, True))


@pytest.mark.parametrize(("group", "spatial"), SPATIAL)
def test_radial_field(group, spatial):
    """A flow out of the centre stays the same under every element."""
    centred = [np.arange(size) - (size - 1) / 2 for size in spatial]
    field = np.stack(np.meshgrid(*centred, indexing="ij"))
    for one in orbit(field, group, False, vectors=[tuple(range(len(spatial)))]):
        np.testing.assert_array_equal(one, field)


def test_elements_are_orthogonal_matrices():
    """All 48 signed permutations occur, and half of them are rotations."""
    basis = np.eye(3).reshape(3, 3, 1, 1, 1) * np.ones((2, 2, 2))
    polar = [orbit(e, "cube", False, vectors=[(0, 1, 2)])[..., 0, 0, 0] for e in basis]
    axial = [orbit(e, "cube", False, pseudovectors=[(0, 1, 2)])[..., 0, 0, 0] for e in basis]
    matrices = np.stack(polar, axis=-1)
    determinants = np.linalg.det(matrices)
    assert len({matrix.tobytes() for matrix in matrices + 0.0}) == 48
    assert sum(determinants > 0) == 24
    np.testing.assert_array_equal(matrices[0], np.eye(3))
    np.testing.assert_allclose(
        np.stack(axial, axis=-1), determinants[:, None, None] * matrices, atol=1e-12
    )


def test_targets_of_scalars():
    """The same draws transform maps whose channels are scalars."""
    symmetries = Symmetries("square", shift=True, vectors=[(0, 1)])
    maps = torch.from_numpy(np.random.default_rng(0).normal(size=(30, 2, 6, 6)))
    draws = symmetries.draw(np.random.default_rng(1), 30, (6, 6))
    scalars = symmetries.apply(maps, draws, turn_vectors=False)
    assert torch.equal(scalars, Symmetries("square").apply(maps, draws))
    assert not torch.equal(scalars, symmetries.apply(maps, draws))
    assert symmetries.apply(maps[:, :1], draws, turn_vectors=False).shape == (30, 1, 6, 6)
    with pytest.raises(ValueError, match="n_channels=1"):
        symmetries.apply(maps[:, :1], draws)


@pytest.mark.parametrize(
    ("group", "fields"),
    [
        ("line", {"vectors": [(4,)]}),
        ("square", {"vectors": [(0, 1), [2, 3, 4]]}),
        ("square", {"vectors": (), "pseudovectors": [(np.int64(3), np.int32(1))]}),
        ("cube", {"vectors": [(2, 1, 0)], "pseudovectors": None}),
    ],
)
def test_good_fields(group, fields):
    """Tuples and lists of channels of any order are taken."""
    spatial = (7, 8, 9)[: {"line": 1, "square": 2, "cube": 3}[group]]
    Symmetries(group, **fields).check((5, *spatial))


@pytest.mark.parametrize(
    ("group", "fields", "message"),
    [
        ("cube", {"vectors": [(0, 1)]}, "tuples of 3 different channels.*one channel for each"),
        ("square", {"vectors": [(0, 1, 2, 3)]}, "tuples of 2 or 3 different channels.*one channel"),
        ("line", {"pseudovectors": [()]}, r"tuples of 1 .*Got \(\) in \[\(\)\]. Name one channel"),
        ("cube", {"vectors": (0, 1, 2)}, r"Got 0 in \(0, 1, 2\). Put the channels of each field"),
        ("square", {"vectors": ["01"]}, "Got '01' .*into a tuple"),
        ("square", {"vectors": [(0, 5)]}, "The maps have n_channels=5: count from 0 to 4"),
        ("square", {"vectors": [(-1, 0)]}, "count from 0 to 4"),
        ("square", {"vectors": [(0, 1.0)]}, "Name channels by integers"),
        ("square", {"vectors": [(False, True)]}, "Name channels by integers"),
        ("square", {"vectors": [(0, 0)]}, "Let each channel be a component of one field"),
        ("square", {"vectors": [(0, 1), (2, 1)]}, r"Got \(2, 1\) in .*Let each channel"),
        ("cube", {"vectors": [(0, 1, 2)], "pseudovectors": [(2, 3, 4)]}, "Let each channel"),
        ("square", {"vectors": 3}, "'vectors' parameter of Symmetries must be"),
    ],
)
def test_bad_fields(group, fields, message):
    """Fields that do not fit are refused, and the parameter and class are named."""
    spatial = (7, 8, 9)[: {"line": 1, "square": 2, "cube": 3}[group]]
    with pytest.raises(ValueError, match=message) as error:
        Symmetries(group, **fields).check((5, *spatial))
    assert f"The '{list(fields)[-1]}' parameter of Symmetries" in str(error.value)
