import sys

import numpy as np
import pytest
from astropy import units
from astropy.cosmology import FlatLambdaCDM

from skastro.simulation import make_ionized_boxes

SMALL = {"n_cells": 16, "box_size": 24.0, "random_state": 0}
ALL = ("density", "xHI", "brightness_temp", "n_igm", "n_src")

try:
    import colossus  # noqa: F401

    has_colossus = True
except ImportError:
    has_colossus = False
needs_colossus = pytest.mark.skipif(not has_colossus, reason="colossus is not installed")


@pytest.fixture(scope="module")
def data():
    pytest.importorskip("colossus")
    return make_ionized_boxes(
        3, redshift=[7, 9.5], efficiency=[10, 30, 90], fields=ALL, **SMALL | {"n_cells": 18}
    )


def test_bunch(data):
    assert data.maps.shape == (18, 5, 18, 18, 18)
    assert data.maps.dtype == np.float32
    assert np.isfinite(data.maps).all()
    assert data.field_names == list(ALL)
    mass_density = units.Msun / units.Mpc**3
    assert data.units == [
        units.dimensionless_unscaled,
        units.dimensionless_unscaled,
        units.mK,
        units.g / units.cm**3,
        mass_density,
    ]
    np.testing.assert_array_equal(data.redshift, np.tile([7, 9.5], 9))
    np.testing.assert_array_equal(data.target, data.redshift)
    np.testing.assert_array_equal(data.efficiency, np.tile(np.repeat([10, 30, 90], 2), 3))
    np.testing.assert_allclose(
        data.mean_xHI, data.maps[:, 1].mean(axis=(1, 2, 3), dtype=float), rtol=1e-6
    )
    assert data.groups.dtype == np.int64
    np.testing.assert_array_equal(data.groups, data.seed)
    np.testing.assert_array_equal(data.groups, np.repeat(data.groups[::6], 6))
    assert len(np.unique(data.groups)) == 3
    assert data.box_size == 24
    assert data.cell_size == pytest.approx(24 / 18)
    assert "Mock Boxes of Reionization" in data.DESCR


def test_one_box_has_one_density_field(data):
    density = data.maps[:, 0].reshape(3, 3, 2, -1)
    np.testing.assert_array_equal(density, density[:, :1].repeat(3, axis=1))
    assert np.corrcoef(density[0, 0])[0, 1] > 0.9
    assert abs(np.corrcoef(density[0, 0, 0], density[1, 0, 0])[0, 1]) < 0.3


def test_ionization_grows_with_efficiency_and_time(data):
    means = data.mean_xHI.reshape(3, 3, 2)
    assert np.all(np.diff(means, axis=1) < 0)
    assert np.all(np.diff(means, axis=2) > 0)
    cells = data.maps[:, 1].reshape(3, 3, 2, -1)
    assert np.all(np.diff(cells, axis=1) <= 0)
    assert cells.min() == 0
    assert cells.max() <= 1


def test_denser_cells_are_ionized_first(data):
    density, neutral = data.maps[2, :2]
    assert 0.05 < (neutral == 0).mean() < 0.95
    assert density[neutral == 0].mean() > density[neutral > 0].mean() + 0.2


def test_density_has_no_mean_and_is_no_less_than_nothing(data):
    density = data.maps[:, 0].astype(float)
    np.testing.assert_allclose(density.mean(axis=(1, 2, 3)), 0, atol=1e-6)
    assert density.min() >= -1


def test_baryons_have_the_density_of_astropy(data):
    universe = FlatLambdaCDM(H0=67.66, Om0=0.3096, Ob0=0.04897)
    today = (universe.critical_density0 * 0.04897).to_value("g / cm3")
    means = data.maps[:, 3].mean(axis=(1, 2, 3), dtype=float)
    np.testing.assert_allclose(means, today * (1 + data.redshift) ** 3, rtol=1e-3)
    np.testing.assert_allclose(
        data.maps[:, 3] / means[:, None, None, None], 1 + data.maps[:, 0], rtol=1e-4, atol=1e-5
    )


def test_haloes_have_the_mass_function(data):
    from colossus.cosmology.cosmology import Cosmology

    h = 0.6766
    peer = Cosmology(
        name="peer", flat=True, H0=67.66, Om0=0.3096, Ob0=0.04897, sigma8=0.8102, ns=0.9665,
        relspecies=False, persistence="",
    )  # fmt: skip
    mean_density = 0.3096 * 2.77536627e11 * h**2
    mass = np.geomspace(1e9, 1e16, 1500)
    radius = (3 * mass / (4 * np.pi * mean_density)) ** (1 / 3) * h
    for row, z in ((0, 7.0), (1, 9.5)):
        sigma = peer.sigma(radius, z, ps_args={"model": "eisenstein98"})
        height = np.sqrt(0.73) * 1.686 / sigma
        part = 0.353 * np.sqrt(2 / np.pi) * (1 + height**-0.35) * np.exp(-(height**2) / 2)
        expected = mean_density * np.sum((part[1:] + part[:-1]) / 2 * np.diff(height))
        found = data.maps[row, 4]
        assert found.mean(dtype=float) == pytest.approx(expected, rel=0.02)
        assert found.min() >= 0
        assert np.corrcoef(found.ravel(), data.maps[row, 0].ravel())[0, 1] > 0.6


def test_brightness_of_neutral_and_ionized_gas():
    pytest.importorskip("colossus")
    options = {"fields": ALL[:3], "redshift": [6, 10], "omega_m": 0.3, "hubble": 0.7} | SMALL
    none = make_ionized_boxes(efficiency=0, velocity_gradient=False, omega_b=0.05, **options)
    assert np.all(none.maps[:, 1] == 1)
    h2 = 0.49
    for z, (density, _, brightness) in zip((6, 10), none.maps, strict=True):
        scale = 27 * (0.05 * h2 / 0.023) * np.sqrt(0.15 / (0.3 * h2) * (1 + z) / 10)
        np.testing.assert_allclose(brightness, scale * (1 + density), rtol=1e-5, atol=1e-5)
    full = make_ionized_boxes(efficiency=1e6, **options)
    assert np.all(full.maps[:, 1:] == 0)
    np.testing.assert_array_equal(full.mean_xHI, 0)


def test_velocities_act_along_the_last_axis():
    pytest.importorskip("colossus")
    options = {"fields": ALL[:3], "redshift": 7, "efficiency": 0} | SMALL
    still, moving = (
        make_ionized_boxes(velocity_gradient=on, **options).maps[0] for on in (False, True)
    )
    np.testing.assert_array_equal(still[:2], moving[:2])
    modes = np.fft.fftn(still[0])
    k = np.fft.fftfreq(16)
    share = k**2 / np.maximum(k[:, None, None] ** 2 + k[:, None] ** 2 + k**2, 1e-9)
    matter = 0.3096 * 8**3
    rate = (matter / (matter + 1 - 0.3096)) ** 0.55
    gradient = np.clip(-rate * np.fft.ifftn(share * modes).real, -0.2, 0.2)
    assert np.ptp(gradient) == pytest.approx(0.4)
    np.testing.assert_allclose(moving[2], still[2] / (1 + gradient), rtol=1e-4, atol=1e-4)


def test_linear_variance_grows_as_on_large_scales():
    # Modes up to 0.12 / Mpc, where the power of the evolved density is linear within 12 %.
    pytest.importorskip("colossus")
    from colossus.cosmology.cosmology import Cosmology

    size, redshifts = 200.0, [6.0, 14.0]
    data = make_ionized_boxes(
        8, redshift=redshifts, n_cells=20, box_size=size, fields="density", random_state=3
    )
    peer = Cosmology(
        name="peer", flat=True, H0=67.66, Om0=0.3096, Ob0=0.04897, sigma8=0.8102, ns=0.9665,
        relspecies=False, persistence="",
    )  # fmt: skip
    k = 2 * np.pi * np.fft.fftfreq(20, 10.0)
    length = np.sqrt(sum(np.meshgrid(*[k**2] * 3, indexing="ij")))
    wanted = (length > 0) & (length < 0.12)
    radius = (3 / (4 * np.pi)) ** (1 / 3) * 10.0
    x = length[wanted] * radius
    half = k * 5.0 / np.pi
    cells = np.prod(np.meshgrid(*[np.sinc(half) ** 3] * 3, indexing="ij"), axis=0)[wanted]
    smooth = 3 * (np.sin(x) - x * np.cos(x)) / x**3
    for number, z in enumerate(redshifts):
        maps = data.maps[number::2, 0].astype(float)
        power = np.mean(np.abs(np.fft.fftn(maps, axes=(1, 2, 3))) ** 2, axis=0)[wanted]
        power *= size**3 / 20**6
        linear = peer.matterPowerSpectrum(length[wanted] / 0.6766, z, model="eisenstein98")
        ratio = np.mean(power / (linear / 0.6766**3 * smooth**2 * cells**2))
        assert ratio == pytest.approx(1, abs=0.12)


@needs_colossus
@pytest.mark.parametrize("redshift", [[7.0], [7.0, 9.0]])
def test_mean_neutral_fractions_are_met(redshift):
    data = make_ionized_boxes(2, redshift=redshift, mean_xHI=[0.7, 0.25], **SMALL)
    n = len(redshift)
    np.testing.assert_allclose(data.mean_xHI, np.tile(np.repeat([0.7, 0.25], n), 2), atol=2e-3)
    efficiency = data.efficiency.reshape(2, 2, n)
    assert np.all(efficiency[:, 0] < efficiency[:, 1])
    again = make_ionized_boxes(2, redshift=redshift[:1], efficiency=efficiency[0, 0, 0], **SMALL)
    np.testing.assert_array_equal(again.maps[0], data.maps[0])


@needs_colossus
def test_random_state():
    def make(n, state, **options):
        return make_ionized_boxes(n, random_state=state, fields="density", n_cells=8, **options)

    two = make(2, 5)
    np.testing.assert_array_equal(make(1, 5).maps, two.maps[:1])
    np.testing.assert_array_equal(make(2, 5, sigma_8=0.7).seed, two.seed)
    assert not np.array_equal(two.maps[0], two.maps[1])
    assert not set(make(2, 6).seed) & set(two.seed)
    state = np.random.RandomState(1)
    first = make(1, state).maps
    assert not np.array_equal(first, make(1, state).maps)
    np.testing.assert_array_equal(first, make(1, np.random.RandomState(1)).maps)
    assert not np.array_equal(make(1, None).maps, make(1, None).maps)


@needs_colossus
def test_sources():
    def mean(**options):
        return make_ionized_boxes(redshift=8, efficiency=20, **SMALL | options).mean_xHI[0]

    assert mean(minimum_mass=1e8) < mean(minimum_mass=1e9) < mean(minimum_mass=5e9)
    assert mean(minimum_mass="atomic", mass_slope=0.5) < mean(minimum_mass=1e9)
    assert mean(mass_slope=0.0) < mean(mass_slope=0.5)
    assert mean(max_radius=0.1) != mean(max_radius=8)
    assert mean(window="top_hat") != mean(window="sharp_k")


@needs_colossus
def test_atomic_cooling_mass():
    from skastro.simulation._ionized_universe import Universe

    universe = Universe(0.3, 0.05, 0.7, 0.8, 0.96)
    # Barkana and Loeb 2001: 1e8 Msun/h have 1.98e4 K at z = 9 but for the factor in Omega.
    omega = 0.3 * 1000 / (0.3 * 1000 + 0.7)
    delta = 18 * np.pi**2 + 82 * (omega - 1) - 39 * (omega - 1) ** 2
    temperature = 1.98e4 * (0.3 / omega * delta / (18 * np.pi**2)) ** (1 / 3)
    mass = 1e8 / 0.7 * (1e4 / temperature) ** 1.5
    assert universe.atomic_cooling_mass(9.0) == pytest.approx(mass, rel=1e-9)


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"n_boxes": 0}, ValueError, "'n_boxes'.*at least 1.*0"),
        ({"n_boxes": 2.0}, TypeError, "'n_boxes'.*integer"),
        ({"n_cells": 7}, ValueError, "'n_cells'.*at least 8.*7"),
        ({"box_size": 0}, ValueError, "'box_size'"),
        ({"box_size": "96"}, TypeError, "'box_size'.*number"),
        ({"redshift": 3.9}, ValueError, r"'redshift'.*\[4, 40\).*3.9"),
        ({"redshift": []}, ValueError, "'redshift'.*at least one"),
        ({"redshift": [7, "8"]}, TypeError, "'redshift'.*'8'"),
        ({"efficiency": -1}, ValueError, "'efficiency'.*-1"),
        ({"efficiency": np.nan}, ValueError, "'efficiency'.*nan"),
        ({"mean_xHI": [0.5, 1.0]}, ValueError, r"'mean_xHI'.*\(0, 1\).*1.0"),
        ({"mean_xHI": 0.5, "efficiency": 30}, ValueError, "'efficiency'.*None.*'mean_xHI'.*30"),
        ({"fields": "dust"}, ValueError, "'fields'.*'n_src'.*'dust'"),
        ({"fields": ["xHI", "xHI"]}, ValueError, "each once"),
        ({"minimum_mass": "molecular"}, ValueError, "'minimum_mass'.*'atomic'.*'molecular'"),
        ({"minimum_mass": None}, TypeError, "'minimum_mass'"),
        ({"minimum_mass": 10.0}, ValueError, "'minimum_mass'"),
        ({"mass_slope": 5}, ValueError, "'mass_slope'"),
        ({"max_radius": 0}, ValueError, "'max_radius'"),
        ({"window": "gaussian"}, ValueError, "'window'.*'sharp_k', 'top_hat'.*'gaussian'"),
        ({"velocity_gradient": 1}, TypeError, "'velocity_gradient'.*True or False"),
        ({"omega_m": 1.0}, ValueError, "'omega_m'"),
        ({"omega_b": 0.4}, ValueError, "'omega_b'"),
        ({"hubble": -0.7}, ValueError, "'hubble'"),
        ({"sigma_8": 0}, ValueError, "'sigma_8'"),
        ({"spectral_index": None}, TypeError, "'spectral_index'"),
        ({"random_state": -1}, ValueError, "'random_state'"),
        ({"random_state": 1.5}, ValueError, "'random_state' parameter of make_ionized_boxes.*1.5"),
    ],
)
def test_bad_parameters(parameters, error, message):
    with pytest.raises(error, match=message):
        make_ionized_boxes(**parameters)


@needs_colossus
def test_cells_too_small_for_haloes():
    with pytest.raises(ValueError, match=r"at least twice the least mass.*Lower 'n_cells'"):
        make_ionized_boxes(n_cells=32, box_size=10)


@needs_colossus
def test_too_few_sources_for_a_mean():
    rare = {"redshift": [8, 39], "minimum_mass": 1e10, **SMALL}
    with pytest.raises(ValueError, match=r"'mean_xHI'.*at redshift 39.*Lower 'minimum_mass'"):
        make_ionized_boxes(mean_xHI=0.5, **rare)
    assert make_ionized_boxes(efficiency=30, **rare).mean_xHI[1] == 1


@needs_colossus
@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("box_size", [300.0, 5e3, 1e5])
def test_large_boxes_are_of_the_mean(box_size):
    data = make_ionized_boxes(
        efficiency=20, box_size=box_size, max_radius=90, n_cells=12, random_state=0
    )
    assert np.isfinite(data.maps).all()
    small = make_ionized_boxes(efficiency=20, box_size=48, n_cells=12, random_state=0)
    assert data.mean_xHI[0] == pytest.approx(small.mean_xHI[0], abs=0.1)


def test_missing_colossus_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "colossus.cosmology.cosmology", None)
    with pytest.raises(
        ImportError, match=r'make_ionized_boxes needs colossus.*pip install "skastro\[sim\]"'
    ):
        make_ionized_boxes()
