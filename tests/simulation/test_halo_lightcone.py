import sys
from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad, trapezoid

from skastro.simulation import HaloCosmology, make_halo_lightcone

LIGHT = 299792.458
CELL, SIDE = 10, 20  # Mpc
EDGES = np.array([5e11, 8e11, 1.3e12, 2.5e12, 5e12, 2e13])


@pytest.fixture(scope="module")
def catalogs():
    """Light cones of coarse cells, whose density varies little from field to field."""
    return [
        make_halo_lightcone(2, (2.6, 3.0), min_mass=5e11, cell_size=CELL, random_state=seed)
        for seed in range(40)
    ]


def number_density(low, high, redshift):
    """Haloes per Mpc^3 between two masses in Msun."""
    from colossus.lss.mass_function import massFunction

    logs = np.linspace(np.log(low), np.log(high), 200)
    arguments = {"mdef": "200m", "model": "tinker08", "q_out": "dndlnM"}
    return trapezoid(massFunction(np.exp(logs) * 0.7, redshift, **arguments) * 0.7**3, logs)


def expansion(redshift):
    return 70 * np.sqrt(0.286 * (1 + redshift) ** 3 + 0.714)


def distance(redshift):
    return quad(lambda z: LIGHT / expansion(z), 0, redshift)[0]


def expected_numbers(side, low, high):
    """Haloes between each pair of EDGES in a field of some side in degrees and a band."""
    half = np.deg2rad(side / 2)
    solid_angle = 2 * half * 2 * np.sin(half)
    redshifts = np.linspace(low, high, 9)
    shells = [distance(z) ** 2 * LIGHT / expansion(z) for z in redshifts]
    return [
        solid_angle
        * trapezoid(
            [n * number_density(a, b, z) for n, z in zip(shells, redshifts, strict=True)], redshifts
        )
        for a, b in pairwise(EDGES)
    ]


def test_numbers_are_those_of_the_mass_function(catalogs, colossus):
    # The mean over seeds, within four of its errors, that fields and Poisson draws give together.
    expected = expected_numbers(2.1, 2.55, 3.05)
    counts = np.array([np.histogram(catalog.M, EDGES)[0] for catalog in catalogs])
    error = counts.std(axis=0, ddof=1) / np.sqrt(len(counts))
    assert np.all(error < [0.03 * n + 0.3 * np.sqrt(n) for n in expected])
    assert np.all(np.abs(counts.mean(axis=0) - expected) < 4 * error)


def excess_variance(catalogs, low, high):
    """Variance of counts in cubes of SIDE beyond Poisson, over the squared mean, and its error."""
    near, far = distance(2.6), distance(3.0)
    # The edges of the cubes across the line of sight are edges of cells.
    n_cubes = [2 * int(near * np.tan(np.deg2rad(1)) // SIDE)] * 2 + [int((far - near) // SIDE)]
    ranges = [(-n * SIDE / 2, n * SIDE / 2) for n in n_cubes[:2]]
    ranges.append((near, near + n_cubes[2] * SIDE))
    results, means = [], []
    for catalog in catalogs:
        masses = catalog.M
        chosen = catalog.select((masses >= low) & (masses < high))
        counts, _ = np.histogramdd(np.array(chosen.position), n_cubes, ranges)
        means.append(counts.mean())
        results.append(np.mean(counts**2) - np.mean(counts))
    mean = np.mean(means) ** 2
    return np.mean(results) / mean - 1, np.std(results, ddof=1) / np.sqrt(len(results)) / mean


def cube_window(wave, offset):
    """Squared transform of the cells that a cube takes in, whole or in part, along an axis."""
    starts = np.arange(-1, SIDE // CELL + 1) * CELL
    parts = np.minimum(starts + CELL, offset + SIDE) - np.maximum(starts, offset)
    weights = np.maximum(parts, 0) / SIDE
    return np.abs(np.exp(1j * np.multiply.outer(wave, starts)) @ weights) ** 2


def expected_variance(cosmo, bias):
    """That of a lognormal field of cells of linear power, and of bias, at redshift 2.8."""
    n_cells = 96
    wave = 2 * np.pi * np.fft.fftfreq(n_cells, CELL)
    length = np.sqrt(wave[:, None, None] ** 2 + wave[:, None] ** 2 + wave**2)
    length[0, 0, 0] = 1
    power = cosmo.matterPowerSpectrum(length.ravel() / 0.7, z=2.8).reshape(length.shape) / 0.7**3
    power *= np.exp(-((length * CELL / 2) ** 2))
    power[0, 0, 0] = 0
    correlation = np.fft.ifftn(power).real / CELL**3
    power = np.fft.fftn(np.exp(bias**2 * correlation) - 1).real / n_cells**3
    across = cube_window(wave, 0)
    along = np.mean([cube_window(wave, offset) for offset in np.arange(0.5, 10) - 10], axis=0)
    return np.einsum("ijk,i,j,k", power, across, across, along)


@pytest.mark.parametrize("masses", [(5e11, 8e11), (1.5e12, 2e13)])
def test_clustering_is_that_of_a_biased_lognormal_field(catalogs, colossus, masses):
    from colossus.lss.bias import haloBias

    logs = np.linspace(*np.log(masses), 21)
    numbers = [number_density(a, b, 2.8) for a, b in pairwise(np.exp(logs))]
    middles = np.exp((logs[1:] + logs[:-1]) / 2) * 0.7
    bias = np.average(haloBias(middles, 2.8, mdef="200m", model="tinker10"), weights=numbers)
    found, error = excess_variance(catalogs, *masses)
    expected = expected_variance(colossus, bias)
    assert error < 0.1 * expected
    assert abs(found - expected) < 4 * error
    # A bias wrong by a quarter, or a field without growth, is told.
    assert abs(found - expected_variance(colossus, 0.75 * bias)) > 4 * error


def test_bias_grows_with_mass(catalogs):
    light, error_of_light = excess_variance(catalogs, 5e11, 8e11)
    heavy, error_of_heavy = excess_variance(catalogs, 1.5e12, 2e13)
    assert heavy > light + 4 * np.hypot(error_of_light, error_of_heavy)


def test_velocities_have_the_linear_rms(catalogs, colossus):
    growth_rate = (0.286 * 3.8**3 / (0.286 * 3.8**3 + 0.714)) ** 0.55
    factor = expansion(2.8) / 3.8 * growth_rate * colossus.growthFactor(2.8)

    def power(k):
        return colossus.matterPowerSpectrum(k / 0.7) / 0.7**3 * np.exp(-((k * CELL / 2) ** 2))

    # The modes of a box of 540 Mpc, and all modes.
    n_cells = 54
    wave = 2 * np.pi * np.fft.fftfreq(n_cells, CELL)
    length = np.sqrt(wave[:, None, None] ** 2 + wave[:, None] ** 2 + wave**2).ravel()[1:]
    discrete = np.sqrt(np.sum(power(length) / length**2) / 3 / (n_cells * CELL) ** 3)
    lengths = np.geomspace(1e-4, 10, 3000)
    linear = np.sqrt(trapezoid(power(lengths), lengths) / (6 * np.pi**2))
    assert 0.92 < discrete / linear < 0.96

    squares = np.array([np.mean(catalog.velocity**2, axis=0) for catalog in catalogs])
    rms = np.sqrt(squares.mean(axis=0))
    error = squares.std(axis=0, ddof=1) / np.sqrt(len(squares)) / (2 * rms)
    assert np.all(error < 0.06 * rms)
    assert np.all(np.abs(rms - factor * discrete) < 4 * error)


def test_haloes_fall_towards_each_other(catalogs):
    # Along each axis by itself: axes of velocity and of position belong together.
    catalog = catalogs[0].select(catalogs[0].M > 3e12)
    apart = catalog.position[:, np.newaxis] - catalog.position
    length = np.sqrt(np.sum(apart.astype(float) ** 2, axis=2))
    close = (length > 12) & (length < 40)
    for axis in range(3):
        relative = catalog.velocity[:, np.newaxis, axis] - catalog.velocity[:, axis]
        products = (relative * apart[..., axis])[close]
        own = np.mean(products) / np.sqrt(np.mean(products**2))
        assert own < -0.15
        other = (relative * apart[..., (axis + 1) % 3])[close]
        assert abs(np.mean(other)) < 0.5 * abs(np.mean(products))


def test_redshifts(catalogs):
    catalog = catalogs[0]
    position, velocity = catalog.position.astype(float), catalog.velocity.astype(float)
    chi = np.sqrt(np.sum(position**2, axis=1))
    radial = np.sum(position * velocity, axis=1) / chi
    shift = (catalog.zhalo - catalog.zcos).astype(float)
    np.testing.assert_allclose(shift, (1 + catalog.zcos) * radial / LIGHT, rtol=0, atol=5e-7)
    assert shift.std() > 1e-3
    some = slice(None, None, len(catalog) // 20)
    expected = [distance(z) for z in catalog.zcos[some]]
    np.testing.assert_allclose(chi[some], expected, rtol=1e-6)


def test_field_and_band_are_filled_to_their_edges(catalogs):
    ra, dec = (np.concatenate([getattr(c, name) for c in catalogs]) for name in ("ra", "dec"))
    zhalo = np.concatenate([catalog.zhalo for catalog in catalogs])
    zcos = np.concatenate([catalog.zcos for catalog in catalogs])
    assert np.abs([ra, dec]).max() <= 1.05
    assert zhalo.min() >= np.float32(2.55)
    assert zhalo.max() <= np.float32(3.05)
    # Velocities bring haloes in from beyond the band.
    assert zcos.min() < 2.55
    assert zcos.max() > 3.05
    for values in (ra, dec):
        counts, _ = np.histogram(values, np.linspace(-1.05, 1.05, 22))
        edges, rest = counts[[0, -1]].mean(), counts[1:-1]
        assert abs(edges / rest.mean() - 1) < 4 * rest.std() / rest.mean()
        assert rest.std() / rest.mean() < 0.1
    counts, _ = np.histogram(zhalo, np.linspace(2.55, 3.05, 51))
    for near in (counts[:10], counts[-10:]):
        assert near[[0, -1]].min() > 0.8 * near.mean()


def test_sides_and_padding_of_their_own():
    catalog = make_halo_lightcone(
        (1, 0.5), (2.7, 2.8), min_mass=1e12, cell_size=10, padding=(0.25, 0.02), random_state=0
    )
    assert 0.7 < np.abs(catalog.ra).max() <= 0.75
    assert 0.45 < np.abs(catalog.dec).max() <= 0.5
    assert 2.68 <= catalog.zhalo.min() < 2.69
    assert 2.81 < catalog.zhalo.max() <= 2.82
    bare = make_halo_lightcone(
        1, (2.7, 2.8), min_mass=1e12, cell_size=10, padding=0, random_state=0
    )
    assert np.abs([bare.ra, bare.dec]).max() <= 0.5
    assert bare.zhalo.min() >= np.float32(2.7)
    assert bare.zhalo.max() <= np.float32(2.8)
    assert 1e12 <= bare.M.min() < 1.1e12


def test_wide_field_at_low_redshift(colossus):
    # The sky is curved: numbers by the solid angle, and shells by their distances.
    half = np.deg2rad(20)
    low, high = 0.1, 0.14
    redshifts = np.linspace(low, high, 9)
    integrand = [
        distance(z) ** 2 * LIGHT / expansion(z) * number_density(1e13, 1e15, z) for z in redshifts
    ]
    expected = 2 * half * 2 * np.sin(half) * trapezoid(integrand, redshifts)
    counts = [
        len(
            make_halo_lightcone(
                40,
                (low, high),
                min_mass=1e13,
                max_mass=1e15,
                padding=0,
                cell_size=8,
                random_state=i,
            )
        )
        for i in range(6)
    ]
    error = np.std(counts, ddof=1) / np.sqrt(len(counts))
    assert error < 0.05 * expected
    assert abs(np.mean(counts) - expected) < 4 * error


def same(one, other):
    names = ("M", "position", "velocity", "zhalo", "zcos")
    return all(getattr(one, name).tobytes() == getattr(other, name).tobytes() for name in names)


SMALL = {"fov": 0.5, "redshift": (2.6, 2.7), "min_mass": 5e11, "cell_size": 10}


def test_equal_seeds_give_equal_bits():
    first = make_halo_lightcone(**SMALL, random_state=3)
    assert same(first, make_halo_lightcone(**SMALL, random_state=3))
    assert not same(first, make_halo_lightcone(**SMALL, random_state=4))
    drawn = [make_halo_lightcone(**SMALL, random_state=np.random.RandomState(5)) for _ in range(2)]
    assert same(*drawn)
    assert drawn[0].group == drawn[1].group
    assert first.M.dtype == first.position.dtype == first.velocity.dtype == np.float32
    assert first.zhalo.dtype == first.zcos.dtype == np.float32


def test_group_is_the_seed_and_is_kept():
    catalog = make_halo_lightcone(**SMALL, random_state=3)
    parts = [catalog, catalog.select([0, 1]), catalog.rotate(1), catalog.subfield(0.25)]
    assert [part.group for part in parts] == [3, 3, 3, 3]
    drawn = {make_halo_lightcone(**SMALL).group for _ in range(3)}
    assert len(drawn) == 3
    assert all(0 <= group < 2**63 for group in drawn)
    large = make_halo_lightcone(**SMALL, random_state=2**100)
    assert 0 <= large.group < 2**63


def test_catalogue_is_written_and_read(tmp_path):
    catalog = make_halo_lightcone(**SMALL, cosmology={"h": 0.68}, random_state=3)
    catalog.write(tmp_path / "a.npz")
    again = type(catalog).read(tmp_path / "a.npz")
    assert same(catalog, again)
    assert again.group == 3
    assert again.cosmology == HaloCosmology(h=0.68)


def test_cosmology_matters():
    few = make_halo_lightcone(**SMALL, cosmology=HaloCosmology(sigma8=0.7), random_state=3)
    many = make_halo_lightcone(**SMALL, cosmology={"sigma8": 0.9}, random_state=3)
    assert 2 * len(few) < len(many)


@pytest.mark.parametrize("is_set", [False, True])
def test_current_cosmology_of_colossus_stays(colossus, is_set):
    from colossus.cosmology import cosmology

    current = colossus if is_set else None
    cosmology.setCurrent(current)
    make_halo_lightcone(**SMALL, cosmology={"sigma8": 0.77}, random_state=3)
    assert cosmology.current_cosmo is current


def test_missing_colossus_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "colossus.cosmology.cosmology", None)
    with pytest.raises(ImportError, match=r"make_halo_lightcone needs colossus .*skastro\[sim\]"):
        make_halo_lightcone(**SMALL, cosmology={"h": 0.123}, random_state=3)


@pytest.mark.parametrize(
    ("others", "error", "words"),
    [
        ({"fov": 0}, ValueError, "'fov' parameter of make_halo_lightcone must be above 0"),
        ({"fov": 61}, ValueError, "'fov' .* at most 60"),
        ({"fov": "1"}, TypeError, "'fov' .* a number or two numbers"),
        ({"fov": (1, 2, 3)}, TypeError, "'fov' .* a number or two numbers"),
        ({"redshift": 3}, TypeError, "'redshift' .* two numbers, low and high"),
        ({"redshift": (3, 2)}, ValueError, "'redshift' .* two rising numbers"),
        ({"redshift": (0, 2)}, ValueError, "'redshift' .* above 0"),
        ({"redshift": (2, np.nan)}, ValueError, "'redshift' .* at most 20"),
        ({"min_mass": 0}, ValueError, "'min_mass' .* above 0 and finite"),
        ({"min_mass": "1e11"}, TypeError, "'min_mass' .* must be a number"),
        ({"max_mass": 1e11}, ValueError, r"'max_mass' .* above min_mass=5e\+11"),
        ({"max_mass": np.inf}, ValueError, "'max_mass' .* above 0 and finite"),
        ({"cell_size": -1}, ValueError, "'cell_size' .* above 0"),
        ({"cell_size": 0.1}, ValueError, "needs .* cells, more than .* larger cell_size"),
        ({"cosmology": {"omega_l": 0.5}}, ValueError, "'cosmology' .* must be flat"),
        ({"cosmology": 3}, TypeError, "'cosmology' parameter of make_halo_lightcone"),
        ({"mass_function": "tinker10"}, ValueError, "'mass_function' .* one of .*'tinker08'"),
        ({"bias": "tinker08"}, ValueError, "'bias' .* one of .*'tinker10'"),
        ({"padding": -0.1}, ValueError, "'padding' .* at least 0"),
        ({"padding": (0, 3)}, ValueError, "'padding' .* below the redshift 2.6"),
        ({"random_state": -1}, ValueError, "'random_state' parameter of make_halo_lightcone"),
    ],
)
def test_parameters_that_are_refused(others, error, words):
    with pytest.raises(error, match=words):
        make_halo_lightcone(**(SMALL | others))
