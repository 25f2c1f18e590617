import joblib
import numpy as np
import pytest
from sklearn.utils import Bunch

from skastro.datasets import load_cmd
from skastro.datasets._cmd_format import FIELDS
from skastro.maps import LazyMaps
from skastro.simulation import make_camels_like
from skastro.simulation._box import simulate_maps
from skastro.simulation._grid import PeriodicGrid

CRITICAL_DENSITY = 2.77536627e11


@pytest.fixture(scope="module")
def data():
    return make_camels_like(n_simulations=3, n_cells=16, random_state=0)


def field(data, name):
    maps = np.asarray(data.maps)[:, data.field_names.index(name)]
    return maps.reshape(-1, 15, *maps.shape[1:])


def box(n_cells=16, seed=0, **changes):
    """Maps of one simulation, by field."""
    values = {"Omega_m": 0.3, "sigma_8": 0.8, "A_SN1": 1, "A_AGN1": 1, "A_SN2": 1, "A_AGN2": 1}
    streams = np.random.SeedSequence(seed).spawn(2)
    parameters = list((values | changes).values())
    maps = simulate_maps(PeriodicGrid(n_cells, 25.0), parameters, FIELDS, 0.2, 0.6711, streams)
    return dict(zip(FIELDS, maps.astype(float), strict=True))


def test_shapes_types_and_order(data):
    assert data.maps.shape == (45, 13, 16, 16)
    assert data.maps.dtype == np.float32
    assert data.field_names == list(FIELDS)
    np.testing.assert_array_equal(data.groups, np.repeat([0, 1, 2], 15))
    np.testing.assert_array_equal(data.initial_conditions, data.groups)
    np.testing.assert_array_equal(data.map_index, np.tile(np.arange(15), 3))
    assert len(np.unique(data.target, axis=0)) == 3
    assert "made up" in data.DESCR
    assert data.seeds_known is False
    assert data.target_ranges.tolist() == [
        [0.1, 0.5],
        [0.6, 1.0],
        *[[0.25, 4]] * 2,
        *[[0.5, 2]] * 2,
    ]
    assert data.field_descriptions[0] == "gas density"


def test_maps_are_finite_and_of_plausible_size(data):
    assert np.isfinite(data.maps).all()
    ranges = {
        "Mgas": (1e8, 1e14),
        "Vgas": (1, 3e3),
        "T": (1e3, 1e8),
        "P": (1e-1, 1e11),
        "Z": (1e-8, 0.2),
        "ne": (1e-10, 1e-2),
        "B": (1e-14, 1e-5),
        "MgFe": (1e-4, 1),
        "Mcdm": (1e8, 1e15),
        "Vcdm": (0.5, 2e3),
        "Mtot": (1e8, 1e15),
    }
    for name, (low, high) in ranges.items():
        assert low < field(data, name).min()
        assert field(data, name).max() <= high
    assert field(data, "Mstar").min() == 0 < field(data, "Mstar").max()
    assert np.all(field(data, "HI") < field(data, "Mgas"))


def test_masses_of_each_box(data):
    omega_m = data.target[::15, 0]
    mean = {name: field(data, name).mean(axis=(1, 2, 3)) for name in FIELDS}
    column = CRITICAL_DENSITY * 5.0
    np.testing.assert_allclose(mean["Mtot"], omega_m * column, rtol=1e-5)
    np.testing.assert_allclose(mean["Mcdm"], (omega_m - 0.049) * column, rtol=1e-5)
    np.testing.assert_allclose(mean["Mgas"] + mean["Mstar"], 0.049 * column, rtol=1e-5)
    total = field(data, "Mcdm") + field(data, "Mgas") + field(data, "Mstar")
    np.testing.assert_allclose(field(data, "Mtot"), total, rtol=1e-5)


def test_each_axis_holds_the_mass_of_the_box(data):
    per_axis = field(data, "Mtot").reshape(3, 3, -1).sum(axis=2)
    np.testing.assert_allclose(per_axis, per_axis[:, :1].repeat(3, axis=1), rtol=1e-5)


def test_equal_bits_for_any_number_of_jobs(data):
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    again = make_camels_like(n_simulations=3, n_cells=16, n_jobs=2, random_state=0)
    np.testing.assert_array_equal(again.maps, data.maps)
    np.testing.assert_array_equal(again.target, data.target)
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002


def test_equal_bits_in_threads(data):
    with joblib.parallel_config("threading"):
        again = make_camels_like(n_simulations=3, n_cells=16, n_jobs=2, random_state=0)
    np.testing.assert_array_equal(again.maps, data.maps)


def test_simulation_depends_on_its_number_and_the_seed_alone():
    def make(n, seed, **options):
        options = {"fields": "Mtot", "n_cells": 8, "random_state": seed} | options
        return np.asarray(make_camels_like(n_simulations=n, set="CV", **options).maps)

    two = make(2, 1)
    np.testing.assert_array_equal(make(1, 1), two[:15])
    np.testing.assert_array_equal(make(2, 1, fields=["Z", "Mtot"])[:, 1:], two)
    assert np.all(two[:15] != two[15:])
    assert np.all(make(1, 2) != two[:15])
    state = np.random.RandomState(1)
    first = make(1, state)
    assert np.all(first != make(1, state))
    np.testing.assert_array_equal(first, make(1, np.random.RandomState(1)))
    assert np.all(make(1, None) != make(1, None))


def test_sets_have_phases_of_their_own(data):
    cv = make_camels_like(n_simulations=1, set="CV", fields="Vcdm", n_cells=16, random_state=0)
    correlation = np.corrcoef(cv.maps[:15].ravel(), field(data, "Vcdm")[0].ravel())[0, 1]
    assert abs(correlation) < 0.3


def test_one_parameter_at_a_time_shares_the_phases():
    data = make_camels_like(set="1P", fields=["Mcdm", "Mstar"], n_cells=8, random_state=0)
    assert data.maps.shape == (66 * 15, 2, 8, 8)
    assert data.initial_conditions.max() == 0
    fiducial = field(data, "Mcdm")[5]
    for simulation in (16, 22, 32, 43, 54, 65):
        np.testing.assert_array_equal(field(data, "Mcdm")[simulation], fiducial)
    assert not np.array_equal(field(data, "Mcdm")[0], fiducial)
    stars = field(data, "Mstar").mean(axis=(1, 2, 3))
    assert np.all(np.diff(stars[11:22]) > 0)
    assert np.all(np.diff(stars[22:33]) < 0)
    assert np.all(np.diff(stars[33:44]) < 0)


def test_extreme_feedback_is_finite():
    data = make_camels_like(set="EX", n_cells=16, random_state=0)
    assert data.maps.shape == (60, 13, 16, 16)
    assert np.isfinite(data.maps).all()
    np.testing.assert_array_equal(data.initial_conditions, np.zeros(60))
    temperature = field(data, "T").mean(axis=(1, 2, 3))
    assert temperature[3] < temperature[0] < min(temperature[1], temperature[2])


@pytest.mark.parametrize("omega_m", [0.1, 0.5])
@pytest.mark.parametrize("sigma_8", [0.6, 1.0])
@pytest.mark.parametrize("energy", [0.25, 4.0])
def test_corners_of_the_latin_hypercube_are_finite(omega_m, sigma_8, energy):
    for speed in (0.5, 2.0):
        maps = box(
            Omega_m=omega_m,
            sigma_8=sigma_8,
            A_SN1=energy,
            A_AGN1=energy,
            A_SN2=speed,
            A_AGN2=1 / speed,
        )
        assert all(np.isfinite(part).all() for part in maps.values())


@pytest.mark.parametrize(
    ("parameter", "name", "statistic", "sign"),
    [
        ("Omega_m", "Mtot", np.mean, 1),
        ("Omega_m", "Vcdm", np.mean, 1),
        ("sigma_8", "Mtot", np.std, 1),
        ("sigma_8", "Vcdm", np.mean, 1),
        ("A_SN1", "Mstar", np.mean, -1),
        ("A_SN1", "T", np.mean, 1),
        ("A_AGN1", "Mstar", np.max, -1),
        ("A_AGN1", "B", np.mean, 1),
        ("A_AGN1", "HI", np.mean, -1),
        ("A_AGN1", "MgFe", np.mean, -1),
        ("A_SN2", "Z", np.median, 1),
        ("A_SN2", "Vgas", np.mean, 1),
        ("A_AGN2", "Vgas", np.mean, 1),
        ("A_AGN2", "T", np.min, 1),
    ],
)
def test_parameters_act_in_their_direction(parameter, name, statistic, sign):
    low, high = {"Omega_m": (0.2, 0.4), "sigma_8": (0.7, 0.9)}.get(parameter, (0.6, 1.7))
    for seed in range(3):
        less, more = (box(32, seed, **{parameter: value})[name] for value in (low, high))
        assert sign * (statistic(more) - statistic(less)) > 0.01 * statistic(less)


def test_feedback_leaves_dark_matter_alone():
    plain = box()
    strong = box(A_SN1=4, A_AGN1=4, A_SN2=2, A_AGN2=2)
    for name in FIELDS:
        assert np.array_equal(plain[name], strong[name]) == (name in ("Mcdm", "Vcdm"))


def test_files_are_those_of_load_cmd(tmp_path, data):
    folder = tmp_path / "new" / "mocks"
    made = make_camels_like(str(folder), 3, n_cells=16, random_state=0)
    loaded = load_cmd(folder, list(FIELDS), suite="Mock", set="LH")
    assert isinstance(made, Bunch)
    assert isinstance(made.maps, LazyMaps)
    np.testing.assert_array_equal(np.asarray(made.maps), data.maps)
    assert list(made) == list(loaded) == list(data)
    for key in set(data) - {"maps", "filenames", "DESCR"}:
        np.testing.assert_array_equal(made[key], data[key])
        np.testing.assert_array_equal(loaded[key], data[key])
        assert np.asarray(loaded[key]).dtype == np.asarray(data[key]).dtype
    assert made.DESCR == data.DESCR
    assert made.filenames == loaded.filenames
    names = sorted(path.name for path in folder.iterdir())
    expected = [f"Maps_{name}_Mock_LH_z=0.00.npy" for name in FIELDS]
    assert names == sorted([*expected, "params_LH_Mock.txt"])
    raw = np.load(folder / "Maps_HI_Mock_LH_z=0.00.npy", mmap_mode="r")
    assert raw.shape == (45, 16, 16)
    assert raw.dtype == np.dtype("<f4")
    table = np.loadtxt(folder / "params_LH_Mock.txt")
    np.testing.assert_array_equal(table[data.groups], data.target)
