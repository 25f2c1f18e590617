"""Redshifts of samples: through lazy maps, pipelines and Bunches."""

import pickle

import numpy as np
import pytest
import sklearn
from astropy import units as u
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.utils import Bunch

from skastro.exceptions import UnitMismatchError
from skastro.maps import LazyMaps, concatenate, open_maps, stack_channels
from skastro.preprocessing import SignedLog, UnitConverter
from skastro.utils import fingerprint

N = 8
REDSHIFT = np.linspace(6.0, 13.0, N)
DENSITY = {"from_units": "g / cm3", "from_frame": "proper", "to_frame": "comoving"}


class MeanOfMaps(RegressorMixin, BaseEstimator):
    """Predicts the mean of each map, and remembers those that it was fitted on."""

    def fit(self, X, y):
        self.means_ = self.predict(X)
        return self

    def predict(self, X):
        return np.asarray(X).mean(axis=(1, 2, 3))


@pytest.fixture
def routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


@pytest.fixture
def gas():
    return np.random.default_rng(0).lognormal(size=(N, 1, 7, 8)).astype(np.float32)


@pytest.fixture
def comoving(gas):
    return gas / (1 + REDSHIFT.reshape(-1, 1, 1, 1)) ** 3


@pytest.mark.parametrize(
    "rows", [slice(None), slice(None, None, -1), [5, 2, 2, 7], REDSHIFT > 9.5, [3]], ids=str
)
def test_lazy_maps_keep_redshifts_with_their_rows(gas, comoving, rows):
    converter = UnitConverter(**DENSITY)
    maps = converter.fit_transform(open_maps(gas), redshift=REDSHIFT)
    assert isinstance(maps, LazyMaps)
    np.testing.assert_allclose(np.asarray(maps[rows]), comoving[rows], rtol=2e-7)
    again = pickle.loads(pickle.dumps(maps))[rows]
    np.testing.assert_allclose(np.asarray(again), comoving[rows], rtol=2e-7)
    back = converter.inverse_transform(maps[rows], redshift=REDSHIFT[rows])
    np.testing.assert_allclose(np.asarray(back), gas[rows], rtol=4e-7)


def test_lazy_maps_of_chosen_rows(gas, comoving):
    order = np.array([6, 1, 4, 1])
    maps = UnitConverter(**DENSITY).fit_transform(
        open_maps(gas)[order], redshift=REDSHIFT[order].tolist()
    )
    np.testing.assert_allclose(np.asarray(maps), comoving[order], rtol=2e-7)
    np.testing.assert_allclose(np.asarray(maps[::-1]), comoving[order][::-1], rtol=2e-7)
    np.testing.assert_allclose(maps[2], comoving[4], rtol=2e-7)
    with pytest.raises(ValueError, match=r"redshifts 7\.0 and 9\.0 for row 1 of the maps"):
        UnitConverter(**DENSITY).fit_transform(open_maps(gas)[order], redshift=[6, 7, 8, 9])


def test_redshift_of_one_lazy_sample_is_its_own(gas):
    converter = UnitConverter(**DENSITY).fit(gas, redshift=REDSHIFT)
    one = converter.transform(open_maps(gas)[[3]], redshift=[7.0])
    all_equal = converter.transform(open_maps(gas), redshift=7.0)
    np.testing.assert_allclose(np.asarray(one), gas[[3]] / 512, rtol=2e-7)
    np.testing.assert_allclose(np.asarray(all_equal), gas / 512, rtol=2e-7)


def test_scalar_redshift_and_units_of_lazy_maps(gas):
    converter = UnitConverter(to_units="kg / m3", redshift=7.0, **DENSITY)
    maps = converter.fit_transform(open_maps(gas))
    np.testing.assert_allclose(np.asarray(maps[[4, 2]]), gas[[4, 2]] * 1e3 / 512, rtol=2e-7)
    np.testing.assert_allclose(np.asarray(converter.inverse_transform(maps)), gas, rtol=3e-7)


def test_lazy_maps_do_not_change_with_the_converter(gas, comoving):
    converter = UnitConverter(**DENSITY)
    maps = converter.fit_transform(open_maps(gas), redshift=REDSHIFT)
    converter.set_params(to_units="kg / m3").fit_transform(open_maps(gas), redshift=REDSHIFT + 1)
    np.testing.assert_allclose(np.asarray(maps), comoving, rtol=2e-7)


def test_joined_and_stacked(gas, comoving):
    maps = UnitConverter(**DENSITY).fit_transform(open_maps(gas)[::-1], redshift=REDSHIFT[::-1])
    joined = np.asarray(concatenate([maps, maps[2:4]])[[9, 0]])
    np.testing.assert_allclose(joined, comoving[[4, 7]], rtol=2e-7)
    stacked = np.asarray(stack_channels([gas, maps[::-1]])[[1, 6]])
    np.testing.assert_allclose(stacked[:, 1:], comoving[[1, 6]], rtol=2e-7)


def test_values_that_do_not_fit_are_refused_when_they_are_read(gas):
    maps = UnitConverter(to_units="g / pc3", **DENSITY).fit_transform(open_maps(gas), redshift=7.0)
    with pytest.raises(ValueError, match=r"channel 0 has values of .* Take another unit"):
        np.asarray(maps)


def test_fingerprint_tells_redshifts_and_units(gas):
    def name(redshift, **options):
        return fingerprint(
            UnitConverter(**DENSITY | options).fit_transform(open_maps(gas), redshift=redshift)
        )

    assert name(REDSHIFT) == name(REDSHIFT.copy())
    density = u.g / u.cm**3
    assert name(REDSHIFT, from_units=density) == name(REDSHIFT, from_units=u.Unit("g / cm3"))
    assert density.physical_type == "mass density"
    assert name(REDSHIFT, from_units=density) == name(REDSHIFT, from_units=density)
    assert len({name(REDSHIFT), name(REDSHIFT + 1), name(REDSHIFT, to_units="kg / m3")}) == 3


@pytest.mark.parametrize("requested", [False, True])
@pytest.mark.parametrize("lazy", [False, True])
def test_pipeline(routing, gas, comoving, lazy, requested):
    converter, y = UnitConverter(**DENSITY), np.arange(N)
    if requested:
        converter.set_transform_request(redshift=True)
    maps = open_maps(gas) if lazy else gas
    pipeline = make_pipeline(converter, SignedLog(), MeanOfMaps())
    pipeline.fit(maps, y, redshift=REDSHIFT)
    want = SignedLog().fit_transform(comoving).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(pipeline[-1].means_, want, rtol=1e-6)
    np.testing.assert_allclose(
        pipeline.predict(maps[2:5], redshift=REDSHIFT[2:5]), want[2:5], rtol=1e-6
    )
    with pytest.raises(ValueError, match="for which it needs redshifts"):
        pipeline.predict(maps)
    last = make_pipeline(UnitConverter(**DENSITY)).fit(maps, redshift=REDSHIFT)
    got = last.inverse_transform(
        last.transform(maps, redshift=REDSHIFT), redshift=REDSHIFT
    )  # fmt: skip
    np.testing.assert_allclose(np.asarray(got), gas, rtol=4e-7)


def test_pipeline_without_request(routing, gas):
    converter = UnitConverter(**DENSITY, redshift=7.0)
    converter.set_fit_request(redshift=False).set_transform_request(redshift=False)
    pipeline = make_pipeline(converter, MeanOfMaps())
    pipeline.fit(gas, np.arange(N))
    np.testing.assert_allclose(pipeline[-1].means_, gas.mean(axis=(1, 2, 3)) / 512, rtol=1e-6)


def test_cross_validation_and_search(routing, gas, comoving):
    y = comoving.mean(axis=(1, 2, 3))
    pipeline = make_pipeline(UnitConverter(**DENSITY), MeanOfMaps())
    scores = cross_validate(pipeline, gas, y, cv=4, params={"redshift": REDSHIFT})
    np.testing.assert_allclose(scores["test_score"], 1.0, rtol=1e-9)
    search = GridSearchCV(pipeline, {"unitconverter__to_units": ["g / cm3", "kg / m3"]}, cv=2)
    search.fit(open_maps(gas), y, redshift=REDSHIFT)
    assert search.best_params_ == {"unitconverter__to_units": "g / cm3"}


def bunch(gas, **options):
    state = {
        "maps": np.concatenate([gas * np.float32(1e-28), gas], axis=1),
        "units": [u.g / u.cm**3, u.K],
        "frames": ["proper", None],
        "redshift": REDSHIFT,
        "target": np.arange(N),
        "field_names": ["n_igm", "temperature"],
    }
    return Bunch(**state | options)


@pytest.mark.parametrize("lazy", [False, True])
def test_bunch(gas, comoving, lazy):
    data = bunch(gas)
    before = dict(data)
    if lazy:
        data.maps = before["maps"] = open_maps(data.maps)
    converter = UnitConverter(to_units=["kg / m3", "mK"], to_frame="comoving")
    got = converter.convert_bunch(data)
    assert isinstance(got, Bunch)
    assert isinstance(got.maps, LazyMaps) == lazy
    values = np.asarray(got.maps)
    np.testing.assert_allclose(values[:, 0], comoving[:, 0] * 1e-25, rtol=3e-7)
    np.testing.assert_allclose(values[:, 1], gas[:, 0] * 1e3, rtol=3e-7)
    assert got.units == [u.Unit("kg / m3"), u.mK]
    assert got.frames == ["comoving", None]
    assert got.target is data.target
    assert all(data[name] is before[name] for name in before)
    assert vars(converter) == vars(UnitConverter(**converter.get_params()))
    back = UnitConverter(to_units=data.units, to_frame="proper").convert_bunch(got)
    np.testing.assert_allclose(np.asarray(back.maps), np.asarray(data.maps), rtol=1e-6)
    assert back.frames == data.frames
    agreeing = UnitConverter(["1e-3 kg / cm3", "K"], ["kg / m3", "mK"], to_frame="comoving",
                             from_frame="proper")  # fmt: skip
    np.testing.assert_allclose(np.asarray(agreeing.convert_bunch(data).maps), values, rtol=1e-6)


def test_bunch_that_changes_nothing_needs_no_redshift(gas):
    data = bunch(gas)
    del data["redshift"], data["frames"]
    got = UnitConverter().convert_bunch(data)
    np.testing.assert_array_equal(got.maps, data.maps)
    assert got.frames == [None, None]


@pytest.mark.parametrize(
    ("options", "state", "error", "words"),
    [
        ({"from_units": "kg / m3"}, {}, UnitMismatchError, "says 'kg / m3' for channel 0"),
        ({"from_frame": "comoving"}, {}, ValueError, "says 'comoving' for channel 0, .* 'proper'"),
        ({"to_units": "K"}, {}, UnitMismatchError, "channel 0 from"),
        ({"to_frame": "comoving"}, {"redshift": None}, ValueError, "needs redshifts"),
        ({"to_frame": "comoving"}, {"redshift": [7.0]}, ValueError, "8 of them"),
        ({"to_frame": "comoving", "redshift": 7}, {}, ValueError, "other redshifts"),
        ({"to_frame": "comoving"}, {"frames": None}, ValueError, "Give 'from_frame'"),
        ({}, {"units": None}, ValueError, "'from_units' parameter"),
        ({}, {"units": [u.K]}, ValueError, "one value or 2 of them"),
    ],
)
def test_bunch_that_does_not_fit(gas, options, state, error, words):
    with pytest.raises(error, match=words):
        UnitConverter(**options).convert_bunch(bunch(gas, **state))


@pytest.mark.parametrize("data", [None, np.ones((2, 8, 9)), Bunch(units=[u.K])])
def test_what_is_no_bunch(data):
    with pytest.raises(TypeError, match="takes a Bunch with 'maps'"):
        UnitConverter("K").convert_bunch(data)


def test_real_cubes(data_dir):
    """The mean gas density of a box is the cosmic one, once it is comoving."""
    h5py = pytest.importorskip("h5py")
    folder = data_dir / "reionization" / "cubes"
    if not folder.is_dir():
        pytest.skip(f"No cubes of reionization in {folder}.")
    path = min(folder.glob("*.h5"))
    with h5py.File(path) as file:
        groups = [group for group in file.values() if "n_igm" in group]
        cubes = np.stack([group["n_igm"][()] for group in groups])
        redshift = np.array([group.attrs["redshift"] for group in groups])
    converter = UnitConverter(to_units="Msun / Mpc3", dim=3, **DENSITY)
    means = converter.fit_transform(cubes, redshift=redshift).mean(axis=(1, 2, 3), dtype=float)
    critical = 2.77536627e11 * 0.6766**2  # Msun/Mpc3
    np.testing.assert_allclose(means / means[0], 1.0, rtol=2e-3)
    np.testing.assert_allclose(means / critical, 0.049, rtol=0.03)
