from functools import partial

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils import Bunch

from skastro.model_selection import information_fraction
from skastro.simulation import make_gaussian_fields, make_lognormal_fields, optimal_prediction
from skastro.statistics import PowerSpectrum

SHAPE = (12, 10)
GAUSSIAN = partial(make_gaussian_fields, shape=SHAPE)
LOGNORMAL = partial(make_lognormal_fields, shape=SHAPE)


class Predictor(BaseEstimator):
    """An estimator that predicts what a function makes of maps."""

    def __init__(self, function):
        self.function = function

    def predict(self, X):
        return self.function(X)


def spectrum_and_ridge(*before):
    """Bins of many modes, so that the logarithm loses little, and a linear fit."""
    spectrum = PowerSpectrum(8, k_range=(None, np.inf), binning="linear", log=True)
    return make_pipeline(*before, spectrum, StandardScaler(), Ridge(1.0))


def two_sums(maps):
    """Sums of the squares of the modes over k^-2, plain and times ln k."""
    squares = np.abs(np.fft.fft2(maps.astype(float))) ** 2
    k = np.hypot(np.fft.fftfreq(12)[:, None], np.fft.fftfreq(10))
    scaled = squares * k**2
    k[0, 0] = 1.0
    return np.stack([scaled.sum((1, 2)), (scaled * np.log(k)).sum((1, 2))], 1)


@pytest.fixture(scope="module")
def data():
    return GAUSSIAN(1000)


@pytest.fixture(scope="module")
def model(data):
    return spectrum_and_ridge().fit(data.maps, data.target)


@pytest.mark.parametrize("step", [None, 1.0])
def test_efficient_estimate_has_all_information(step):
    found = information_fraction(
        Predictor(two_sums), make_fields=GAUSSIAN, step=step, n_samples=500
    )
    # The middle of the ranges has the slope -2, where this is a sufficient statistic.
    if step is None:
        np.testing.assert_allclose(found.fraction, 1, atol=1e-3)
        assert found.total == pytest.approx(1, abs=1e-3)
    else:
        assert (np.abs(found.fraction - 1) < 4 * found.fraction_std).all()
        assert 0.02 < found.total_std < 0.1
    assert (found.fraction_std < 0.15).all()


def test_posterior_mean_comes_near_the_limit():
    example = GAUSSIAN(1)
    best = Predictor(lambda maps: optimal_prediction(Bunch(**{**example, "maps": maps})))
    found = information_fraction(best, make_fields=GAUSSIAN, n_samples=600)
    assert (found.fraction > 0.93).all()
    assert found.total <= 1


@pytest.mark.parametrize("step", [None, 1.0])
def test_known_share_of_information(step):
    def halves(maps):
        """Modes of every other map of a pair of columns: half of the independent modes."""
        transform = np.fft.fft2(maps.astype(float))
        upper = (np.abs(transform) ** 2)[:, :, 1:5]
        k = np.hypot(np.fft.fftfreq(12)[:, None], np.fft.fftfreq(10)[1:5])
        scaled = upper * k**2
        return np.stack([scaled.sum((1, 2)), (scaled * np.log(k)).sum((1, 2))], 1)

    found = information_fraction(
        Predictor(halves), make_fields=GAUSSIAN, step=step, n_samples=700, random_state=2
    )
    # These columns stand for their conjugates too: 96 of 119 modes, each with its own weight.
    k = np.hypot(np.fft.fftfreq(12)[:, None], np.fft.fftfreq(10)[1:5])
    logs = np.log(2 * np.pi * k.ravel() / GAUSSIAN(1).k_pivot)
    kept = np.array([[logs.size, logs.sum()], [logs.sum(), logs @ logs]])
    np.testing.assert_allclose(found.estimated_fisher[0], kept, rtol=0.15, atol=5)
    wanted = np.diag(np.linalg.inv(found.fisher[0])) / np.diag(np.linalg.inv(kept))
    assert (np.abs(found.fraction - wanted) < 4 * found.fraction_std).all()


def test_power_spectrum_holds_all_of_gaussian_fields(data, model):
    options = {"make_fields": GAUSSIAN, "n_samples": 600, "random_state": 1}
    assert (information_fraction(model, **options).fraction > 0.8).all()
    rings = PowerSpectrum(60, k_range=(None, np.inf), binning="linear").fit(data.maps)
    found = information_fraction(rings, **options)
    assert (found.fraction > 0.99).all()
    assert (found.fraction <= 1).all()


def test_power_spectrum_holds_less_of_lognormal_fields_unless_of_the_logarithm():
    fields = LOGNORMAL(500)
    raw = spectrum_and_ridge().fit(fields.maps, fields.target)
    logs = spectrum_and_ridge(FunctionTransformer(np.log)).fit(fields.maps, fields.target)
    shares = [
        information_fraction(model, make_fields=LOGNORMAL, n_samples=300, random_state=1).fraction
        for model in (raw, logs)
    ]
    assert (shares[0] < 0.5).all()
    assert (shares[1] > 0.8).all()


def test_share_does_not_change_with_scale_and_mixture(data, model):
    mixture = np.array([[0.1, -2.0], [0.3, 0.5]])
    shrunk = Predictor(lambda maps: model.predict(maps) @ mixture + [5.0, -100.0])
    for step in (None, 0.5):
        options = {"make_fields": GAUSSIAN, "n_samples": 60, "step": step}
        first, second = (information_fraction(m, **options) for m in (model, shrunk))
        np.testing.assert_allclose(first.fraction, second.fraction, rtol=1e-6)
        np.testing.assert_allclose(first.fraction_std, second.fraction_std, rtol=1e-5)
        assert first.total == pytest.approx(second.total, rel=1e-6)


def test_repeated_outputs_count_once(model):
    twice = Predictor(lambda maps: np.tile(model.predict(maps), 2))
    options = {"make_fields": GAUSSIAN, "n_samples": 300}
    first, second = (information_fraction(m, **options) for m in (model, twice))
    np.testing.assert_allclose(first.fraction, second.fraction, rtol=1e-6)


@pytest.mark.parametrize("step", [None, 1.0])
def test_constants_and_noise_tell_nothing(data, step):
    options = {"make_fields": GAUSSIAN, "step": step}
    constant = DummyRegressor().fit(data.maps, data.target)
    found = information_fraction(constant, n_samples=50, **options)
    np.testing.assert_array_equal(found.fraction, 0)
    assert found.total == 0
    rng = np.random.default_rng(0)
    noise = Predictor(lambda maps: rng.normal(size=(len(maps), 2)))
    found = information_fraction(noise, n_samples=300, **options)
    assert (found.fraction < 0.05).all()
    assert found.total < 0.05


def test_scores_and_differences_agree_at_several_points(model):
    points = [[-0.3, -2.5], [0.4, -1.4]]
    options = {"make_fields": GAUSSIAN, "fiducial": points, "n_samples": 150}
    by_score = information_fraction(model, **options)
    by_step = information_fraction(model, step=1.0, **options)
    errors = np.hypot(by_score.fraction_std, by_step.fraction_std)
    assert (np.abs(by_score.fraction - by_step.fraction) < 4 * errors).all()
    assert by_score.fisher.shape == by_step.estimated_fisher.shape == (2, 2, 2)
    single = [
        information_fraction(model, **{**options, "fiducial": point}, random_state=i)
        for i, point in enumerate(points)
    ]
    assert by_score.fraction == pytest.approx(np.mean([s.fraction for s in single], 0), abs=0.1)
    table = by_score.table()
    assert table.index.tolist() == ["ln_amplitude", "slope", "total"]
    assert table["fraction"].tolist() == [*by_score.fraction, by_score.total]
    np.testing.assert_allclose(
        table["least_error"][:2], np.linalg.inv(by_score.fisher[0]).diagonal() ** 0.5, rtol=1e-6
    )
    assert (table["error"][:2] > table["least_error"][:2]).all()


def test_standard_errors_are_those_of_repetitions(model):
    options = {"make_fields": GAUSSIAN, "n_samples": 100}
    found = [information_fraction(model, random_state=seed, **options) for seed in range(16)]
    for name in ("fraction", "total"):
        spread = np.std([getattr(one, name) for one in found], axis=0, ddof=1)
        stated = np.mean([getattr(one, f"{name}_std") for one in found], axis=0)
        np.testing.assert_allclose(stated / spread, 1, atol=0.5)


def test_one_output_tells_of_one_parameter():
    amplitude = Predictor(lambda maps: two_sums(maps)[:, 0])
    found = information_fraction(
        amplitude, make_fields=GAUSSIAN, parameters=["ln_amplitude"], n_samples=300
    )
    assert found.fraction == pytest.approx([1], abs=1e-3)
    assert found.parameter_names == ["ln_amplitude"]
    with pytest.raises(ValueError, match=r"cannot tell 2 parameters apart.*'parameters'"):
        information_fraction(amplitude, make_fields=GAUSSIAN, n_samples=50)


def test_fields_without_score_need_a_step(model):
    def make(**options):
        found = GAUSSIAN(**options)
        del found["score"]
        return found

    with pytest.raises(ValueError, match="no 'score'"):
        information_fraction(model, make_fields=make)
    found = information_fraction(model, make_fields=make, step=1.0, n_samples=120)
    assert (found.fraction > 0.5).all()


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"fiducial": [0.0]}, "'fiducial' parameter of information_fraction"),
        ({"parameters": ["Omega_m"]}, "'parameters'.*ln_amplitude"),
        ({"parameters": []}, "'parameters'"),
        ({"parameters": 3}, "'parameters'"),
        ({"step": 0.0}, "'step'"),
        ({"n_samples": 5}, "'n_samples'"),
        ({"random_state": 1.5}, "random_state"),
    ],
)
def test_errors_name_the_parameter(model, options, match):
    with pytest.raises(ValueError, match=match):
        information_fraction(model, **{"make_fields": GAUSSIAN, "n_samples": 50, **options})


def test_predictions_must_be_finite():
    broken = Predictor(lambda maps: np.full((len(maps), 2), np.nan))
    with pytest.raises(ValueError, match="Predictor hold NaN"):
        information_fraction(broken, make_fields=GAUSSIAN, n_samples=50)
    wide = Predictor(lambda maps: maps.reshape(len(maps), -1))
    with pytest.raises(ValueError, match=r"'n_samples'.*at least 130"):
        information_fraction(wide, make_fields=GAUSSIAN, n_samples=50)


def test_many_predictions_for_few_maps_are_allowed_for():
    options = {"make_fields": GAUSSIAN, "n_samples": 100}
    rings = PowerSpectrum(60, k_range=(None, np.inf), binning="linear").fit(GAUSSIAN(2).maps)
    assert 30 < len(rings.k_) < 45
    found = information_fraction(rings, step=1.0, **options)
    # An inverse covariance that is not corrected is half as large again.
    ratio = found.estimated_fisher[0].diagonal() / found.fisher[0].diagonal()
    np.testing.assert_allclose(ratio, 1, atol=0.3)
    rng = np.random.default_rng(0)
    noise = Predictor(lambda maps: rng.normal(size=(len(maps), 40)))
    # By chance 40 numbers explain 0.4 of the variance of 100 scores.
    assert information_fraction(noise, **options).total < 0.2
