import copy
import pickle

import numpy as np
import pytest

from skastro.simulation import HaloCatalog, HaloCosmology

TRUTHS = [("cat_a", "map_a_li"), ("cat_c_subfield", "map_c_subfield_li_noscatter")]


def on_sky(ra, dec, center=(0.0, 0.0), chi=6000.0, **others):
    """Haloes at right ascensions and declinations from a centre, in degrees."""
    ra, dec = np.deg2rad(np.add(ra, center[0])), np.deg2rad(np.add(dec, center[1]))
    axes = [-np.sin(ra) * np.cos(dec), np.sin(dec), np.cos(ra) * np.cos(dec)]
    n = ra.size
    rng = np.random.default_rng(0)
    given = {
        "M": rng.uniform(1e11, 1e12, n),
        "position": chi * np.stack(axes, axis=1),
        "velocity": rng.normal(0, 200, (n, 3)),
        "zhalo": rng.uniform(2.4, 3.4, n),
        "zcos": rng.uniform(2.4, 3.4, n),
        "center": center,
        "group": 7,
    }
    return HaloCatalog(**(given | others))


@pytest.fixture
def catalog():
    rng = np.random.default_rng(1)
    return on_sky(rng.uniform(-0.7, 0.7, 50), rng.uniform(-0.6, 0.6, 50))


def same(one, other):
    """Whether two catalogues agree bit for bit, signs of zeros included."""
    names = ("M", "position", "velocity", "zhalo", "zcos")
    arrays = [(getattr(one, name), getattr(other, name)) for name in names]
    return (
        all(a.tobytes() == b.tobytes() and a.dtype == b.dtype for a, b in arrays)
        and one.cosmology == other.cosmology
        and repr(one.center) == repr(other.center)
        and one.group == other.group
    )


@pytest.mark.parametrize(("file", "truth"), TRUTHS)
def test_sky_agrees_with_the_original(data_dir, file, truth):
    folder = data_dir / "lim"
    if not folder.is_dir():
        pytest.skip(f"There are no catalogues at {str(folder)!r}.")
    catalog = HaloCatalog.read(folder / f"{file}.npz")
    with np.load(folder / f"{truth}.npz") as data:
        side, edges = float(data["fov_x"]), data["nu_binedges"]
        low, high = 115.27 / edges.max() - 1, 115.27 / edges.min() - 1
        field = catalog.subfield(side, redshift=(low, high))
        field = field.select(np.argsort(field.M)[::-1])
        field = field.select(np.greater(field.M, 1.2e11 if file == "cat_a" else 1e12))
        assert len(field) == len(data["halo_M"])
        for name in ("M", "chi"):
            np.testing.assert_array_equal(getattr(field, name), data[f"halo_{name}"])
        for name in ("ra", "dec"):
            found, expected = getattr(field, name), data[f"halo_{name}"]
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-15)
        np.testing.assert_array_equal(field.zhalo, data["halo_z"])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sky_of_a_halo_does_not_depend_on_its_row(dtype):
    rng = np.random.default_rng(2)
    n = 40001
    position = (rng.normal(size=(n, 3)) * [60, 60, 500] + [0, 0, 6000]).astype(dtype)
    z = np.full(n, 2.9)
    catalog = HaloCatalog(np.full(n, 1e12), position, np.zeros((n, 3)), z, z)
    for size in (1, 63, 1000, 30000):
        rows = rng.choice(n, size, replace=False)
        for name in ("ra", "dec", "chi"):
            values = getattr(catalog, name)
            assert values.dtype == dtype
            np.testing.assert_array_equal(getattr(catalog.select(rows), name), values[rows])
    x, _, z = position.T.astype(float)
    np.testing.assert_allclose(catalog.ra, np.degrees(np.arctan2(-x, z)), rtol=4e-7, atol=1e-15)


def test_sky_by_hand():
    catalog = on_sky([0.5, -0.25, 0], [0, 0.125, -1])
    np.testing.assert_allclose(catalog.ra, [0.5, -0.25, 0], atol=1e-13)
    np.testing.assert_allclose(catalog.dec, [0, 0.125, -1], atol=1e-13)
    np.testing.assert_allclose(catalog.chi, 6000, rtol=1e-15)
    assert catalog.position[0, 0] < 0 < catalog.position[1, 0]
    assert catalog.position[1, 1] > 0 > catalog.position[2, 1]


def test_sky_from_a_centre():
    catalog = on_sky([0.5, -0.25], [0.25, 0.125], center=(3, -2))
    np.testing.assert_allclose(catalog.ra, [0.5, -0.25], atol=1e-12)
    np.testing.assert_allclose(catalog.dec, [0.25, 0.125], atol=1e-12)


@pytest.mark.parametrize(
    ("given", "kept"),
    [("f4", "f4"), ("f8", "f8"), (">f4", "f4"), (">f8", "f8"), ("i8", "f8"), ("f2", "f8")],
)
def test_data_types(catalog, given, kept):
    masses = np.arange(1, 51).astype(given)
    position = np.array(catalog.position).astype(given)
    result = HaloCatalog(masses, position, catalog.velocity, catalog.zhalo, catalog.zcos)
    assert result.M.dtype == result.position.dtype == np.dtype(kept)
    assert result.ra.dtype == result.dec.dtype == result.chi.dtype == np.dtype(kept)
    assert result.M.tolist() == list(range(1, 51))
    assert result.zhalo.dtype == np.float64


def test_arrays_are_read_only(catalog):
    for part in (catalog, catalog.select([1, 2]), catalog.rotate(), catalog.subfield(1)):
        for name in ("M", "position", "velocity", "zhalo", "zcos"):
            with pytest.raises(ValueError, match="read-only"):
                getattr(part, name)[0] = 1


def test_caller_keeps_writable_arrays():
    masses = np.array([1e11])
    on_sky([0], [0], M=masses)
    masses[0] = 2e11


def test_length_and_repr(catalog):
    assert len(catalog) == 50
    assert repr(catalog).startswith("HaloCatalog(50 haloes, M 1.")
    assert repr(catalog).endswith("center (0, 0) deg, group 7)")
    empty = catalog.select([])
    assert len(empty) == 0
    assert repr(empty) == "HaloCatalog(0 haloes, center (0, 0) deg, group 7)"
    assert empty.ra.shape == (0,)
    assert len(empty.rotate().subfield(1)) == 0


def test_pickle(catalog):
    size = len(pickle.dumps(catalog))
    ra = catalog.ra.copy()
    assert len(pickle.dumps(catalog)) == size
    for other in (pickle.loads(pickle.dumps(catalog)), copy.deepcopy(catalog)):
        assert same(other, catalog)
        np.testing.assert_array_equal(other.ra, ra)
        for name in ("M", "position", "velocity", "zhalo", "zcos", "chi", "ra", "dec"):
            with pytest.raises(ValueError, match="read-only"):
                getattr(other, name)[0] = 1.0


def test_select(catalog):
    mask = catalog.M > 5e11
    picked = catalog.select(mask)
    assert 0 < len(picked) < 50
    for name in ("M", "position", "velocity", "zhalo", "zcos", "ra", "dec", "chi"):
        np.testing.assert_array_equal(getattr(picked, name), getattr(catalog, name)[mask])
    assert same(catalog.select(np.flatnonzero(mask)), picked)
    assert catalog.select([3, 1]).M.tolist() == catalog.M[[3, 1]].tolist()
    assert catalog.select([-1]).M.tolist() == catalog.M[-1:].tolist()
    assert picked.group == 7


@pytest.mark.parametrize(
    ("rows", "error", "words"),
    [
        ([0.5], TypeError, "'rows' parameter of HaloCatalog.select must be a sequence of bools"),
        (3, TypeError, "sequence of bools or of integers"),
        ([[1, 2]], TypeError, "sequence of bools or of integers"),
        ([True, False], ValueError, "one bool for each of 50 haloes"),
        ([50], IndexError, "50"),
    ],
)
def test_select_refuses(catalog, rows, error, words):
    with pytest.raises(error, match=words):
        catalog.select(rows)


def test_subfield(catalog):
    field = catalog.subfield((0.5, 0.25), (0.125, -0.25))
    inside = (np.abs(catalog.ra - 0.125) <= 0.25) & (np.abs(catalog.dec + 0.25) <= 0.125)
    assert 0 < inside.sum() < 50
    np.testing.assert_array_equal(field.position, catalog.position[inside])
    np.testing.assert_array_equal(field.velocity, catalog.velocity[inside])
    np.testing.assert_array_equal(field.ra, catalog.ra[inside] - 0.125)
    np.testing.assert_array_equal(field.dec, catalog.dec[inside] + 0.25)
    assert field.center == (0.125, -0.25)
    assert field.group == 7


def test_subfield_of_a_subfield():
    catalog = on_sky([0.25, 0.75, 0.5], [0.5, 0.5, 0.5], center=(4, 2))
    field = catalog.subfield(1, (0.25, 0.5)).subfield(0.5, (0.25, 0))
    assert field.center == (4.5, 2.5)
    np.testing.assert_allclose(field.ra, [-0.25, 0.25, 0], atol=1e-13)
    np.testing.assert_allclose(field.dec, 0, atol=1e-13)


def test_edges_belong_to_a_subfield():
    position = [[-1.0, 0, 1.0], [1.0, 0, 1.0], [0, 0, 1.0]]
    given = {"M": [1, 1, 1], "position": position, "velocity": np.zeros((3, 3))}
    catalog = HaloCatalog(**given, zhalo=[1, 2, 3], zcos=[1, 2, 3])
    assert catalog.ra.tolist() == [45, -45, 0]
    assert len(catalog.subfield(90)) == 3
    assert len(catalog.subfield(np.nextafter(90, 0))) == 1
    assert catalog.subfield(90, redshift=(1, 2)).zhalo.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((0,), ValueError, "'fov' parameter of HaloCatalog.subfield must be above 0"),
        (("1",), TypeError, "'fov' parameter of HaloCatalog.subfield must be two numbers"),
        ((1, (np.nan, 0)), ValueError, "'center' parameter .* two finite numbers"),
        ((1, 0.5), TypeError, "'center' parameter .* two numbers"),
        ((1, (0, 0), (3, 2)), ValueError, "'redshift' parameter .* a lower and a higher"),
    ],
)
def test_subfield_refuses(catalog, arguments, error, words):
    with pytest.raises(error, match=words):
        catalog.subfield(*arguments)


@pytest.mark.parametrize("center", [(0.0, 0.0), (0.5, -0.25)])
@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("k", [-1, 0, 1, 2, 3, 5])
def test_rotate_is_rot90_of_the_sky(center, mirror, k):
    # A grid of haloes of different masses: the map of their masses turns as numpy turns it.
    ra, dec = np.meshgrid([-0.6, -0.2, 0.2, 0.6], [-0.6, -0.2, 0.2, 0.6])
    catalog = on_sky(ra.ravel(), dec.ravel(), center)
    turned = catalog.rotate(k, mirror)

    def sky(haloes):
        edges = [-0.8, -0.4, 0, 0.4, 0.8]
        return np.histogram2d(haloes.ra, haloes.dec, (edges, edges), weights=haloes.M)[0]

    expected = np.flip(sky(catalog), axis=0) if mirror else sky(catalog)
    np.testing.assert_array_equal(sky(turned), np.rot90(expected, k))
    assert np.unique(expected).size == 16


@pytest.mark.parametrize(
    ("side", "center", "arcsec"), [(1.4, (0, 0), 0.2), (4, (0, 0), 5), (1.4, (5, 5), 120)]
)
def test_rotate_is_as_accurate_as_it_says(side, center, arcsec):
    grid = np.linspace(-side / 2, side / 2, 9)
    ra, dec = map(np.ravel, np.meshgrid(grid, grid))
    turned = on_sky(ra, dec, center).rotate()
    error = 3600 * max(np.abs(turned.ra + dec).max(), np.abs(turned.dec - ra).max())
    assert arcsec / 2 < error < arcsec


def test_rotate_turns_velocities_with_positions(catalog):
    turned = catalog.rotate(1)
    x, y, z = catalog.velocity.T
    np.testing.assert_array_equal(turned.velocity, np.stack([y, -x, z], axis=1))
    x, y, z = catalog.position.T
    np.testing.assert_array_equal(turned.position, np.stack([y, -x, z], axis=1))
    along = [np.sum(each.position * each.velocity, axis=1) for each in (catalog, turned)]
    np.testing.assert_allclose(along[0], along[1], rtol=1e-12, atol=1e-6)
    mirrored = catalog.rotate(0, mirror=True)
    np.testing.assert_array_equal(mirrored.velocity, catalog.velocity * [-1, 1, 1])


@pytest.mark.parametrize("center", [(0.0, 0.0), (0.5, -0.3)])
def test_four_turns_and_two_mirrors_are_the_identity(center):
    catalog = on_sky([0, 0.3, -0.4], [0.0, 0.1, 0.2], center)
    turned = catalog
    for count in range(1, 5):
        turned = turned.rotate()
        assert same(turned, catalog.rotate(count))
    assert same(turned, catalog)
    assert same(catalog.rotate(0), catalog)
    assert same(catalog.rotate(0, True).rotate(0, True), catalog)
    assert same(catalog.rotate(1, True).rotate(1, True), catalog)


def test_rotate_keeps_the_rest(catalog):
    turned = catalog.rotate(3, mirror=True)
    np.testing.assert_array_equal(turned.M, catalog.M)
    np.testing.assert_array_equal(turned.zhalo, catalog.zhalo)
    assert turned.group == 7
    assert turned.cosmology == catalog.cosmology


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((0.5,), "'k' parameter of HaloCatalog.rotate must be an integer"),
        ((True,), "'k' parameter of HaloCatalog.rotate must be an integer"),
        ((1, 1), "'mirror' parameter of HaloCatalog.rotate must be True or False"),
    ],
)
def test_rotate_refuses(catalog, arguments, words):
    with pytest.raises(TypeError, match=words):
        catalog.rotate(*arguments)


@pytest.mark.parametrize(
    ("others", "error", "words"),
    [
        ({"M": [1e11]}, ValueError, r"'position' .* of shape \(1, 3\), as M has 1 haloes"),
        ({"M": [1e11, -1]}, ValueError, r"'M' .* finite and above 0. Got -1.0 at \[1\], and 0"),
        ({"M": [0, np.nan]}, ValueError, r"'M' .* Got 0.0 at \[0\], and 1 more"),
        ({"M": ["a", "b"]}, TypeError, "'M' parameter of HaloCatalog must be made of numbers"),
        ({"M": [[1e11, 2e11]]}, ValueError, r"'M' .* of shape \(2,\)"),
        ({"position": np.ones((3, 2))}, ValueError, r"'position' .* shape \(2, 3\)"),
        ({"position": [[1, 2, 3], [1, np.inf, 3]]}, ValueError, r"Got inf at \[1, 1\]"),
        ({"position": [[1, 2, 3], [0, 0, 0]]}, ValueError, "away from the observer"),
        ({"velocity": np.ones(2)}, ValueError, r"'velocity' .* shape \(2, 3\)"),
        ({"zhalo": [2, -1]}, ValueError, "'zhalo' .* finite and above -1"),
        ({"zcos": [2]}, ValueError, r"'zcos' .* shape \(2,\)"),
        ({"center": (1, 2, 3)}, TypeError, "'center' .* two numbers"),
        ({"group": 1.5}, TypeError, "'group' .* an integer, a str or None"),
        ({"group": 2**64}, ValueError, "'group' .* an integer of 64 bits"),
        ({"cosmology": 0.3}, TypeError, "'cosmology' .* a HaloCosmology, or a mapping"),
        ({"cosmology": {"Om0": 0.3}}, ValueError, r"'cosmology' .* some of \['omega_m'"),
        ({"cosmology": {"h": -1}}, ValueError, "'h' parameter of HaloCosmology must be .* above 0"),
    ],
)
def test_constructor_refuses(others, error, words):
    with pytest.raises(error, match=words):
        on_sky([0, 0.1], [0, 0.2], **others)


def test_cosmology():
    cosmology = HaloCosmology(omega_m=np.float64(0.25), omega_b=0)
    assert cosmology == HaloCosmology(omega_m=0.25, omega_b=0.0, omega_l=0.75)
    assert type(cosmology.omega_m) is float
    assert hash(cosmology) == hash(HaloCosmology(omega_m=0.25, omega_b=0))
    with pytest.raises(AttributeError):
        cosmology.h = 0.6
    assert on_sky([0], [0], cosmology={"h": 0.6}).cosmology == HaloCosmology(h=0.6)


def test_center_is_finite():
    with pytest.raises(ValueError, match=r"'center' .* HaloCatalog must be two finite numbers"):
        HaloCatalog([1], [[1, 2, 3]], [[0, 0, 0]], [2], [2], center=(1, np.inf))


@pytest.mark.parametrize("value", [np.nan, np.inf, -0.1, "0.3", True, None])
def test_cosmology_refuses(value):
    with pytest.raises(ValueError, match="'omega_m' parameter of HaloCosmology must be a finite"):
        HaloCosmology(omega_m=value)
