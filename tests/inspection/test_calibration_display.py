"""Coverage against level, and PIT histograms."""

import io

import numpy as np
import pytest
from scipy.stats import betabinom, binom
from sklearn.linear_model import BayesianRidge, Ridge

from skastro.ensemble import ConformalRegressor
from skastro.inspection import CalibrationDisplay
from skastro.metrics import coverage, interval_coverage, pit_values

plt = pytest.importorskip("matplotlib.pyplot")

RNG = np.random.default_rng(0)
GROUPS = np.repeat(np.arange(40), RNG.integers(1, 6, 40))
N = len(GROUPS)
SHARES = 1 / np.bincount(GROUPS)[GROUPS]
TRUTH = RNG.normal(size=(N, 4))
STD = RNG.uniform(0.5, 1, size=(N, 4))
PREDICTION = TRUTH + STD * RNG.normal(size=(N, 4)) * [0.5, 1, 1, 2]
draw = CalibrationDisplay.from_predictions


@pytest.fixture(autouse=True)
def _closed_figures():
    yield
    plt.close("all")


@pytest.mark.parametrize("grouped", [False, True])
def test_numbers(grouped):
    """Lines are the coverage of the levels, histograms those of the PIT values."""
    groups = {"groups": GROUPS} if grouped else {}
    display = draw(TRUTH, PREDICTION, STD, **groups)
    weights = SHARES if grouped else None
    assert display.n_groups == (40 if grouped else N)
    assert display.axes_.shape == (2, 4)
    assert len(display.figure_.axes) == 8
    np.testing.assert_allclose(display.levels, np.linspace(0.05, 0.95, 19))
    for i, line in enumerate(display.lines_):
        assert line.axes is display.axes_[0, i]
        expected = [
            coverage(TRUTH[:, i], PREDICTION[:, i], STD[:, i], level=level, sample_weight=weights)
            for level in display.levels
        ]
        np.testing.assert_allclose(line.get_xdata(), display.levels)
        np.testing.assert_allclose(line.get_ydata(), expected)
        assert display.axes_[0, i].get_title() == f"target {i}"
        pit = pit_values(TRUTH[:, i], PREDICTION[:, i], STD[:, i])
        density, _ = np.histogram(pit, 10, (0, 1), weights=weights, density=True)
        assert display.histograms_[i].axes is display.axes_[1, i]
        np.testing.assert_allclose(display.histograms_[i].get_data().values, density)
    words = [text.get_text() for text in display.figure_.legends[0].get_texts()]
    assert words == ["measured", f"95% scatter of {'40 groups' if grouped else f'{N} samples'}"]


def band_at(band, x):
    """Lower and upper edge of a band."""
    points = band.get_paths()[0].vertices
    near = points[np.abs(points[:, 0] - x) < 1e-9]
    return near[:, 1].min(), near[:, 1].max()


def test_bands_are_of_groups():
    """They are as wide as the number of groups says, not that of samples."""
    display = draw(TRUTH, PREDICTION, STD, groups=GROUPS, n_bins=5)
    assert len(display.bands_) == 8
    x = 101 / 202
    expected = binom.ppf([0.025, 0.975], 40, x) / 40
    np.testing.assert_allclose(band_at(display.bands_[0], x), expected)
    expected = binom.ppf([0.025, 0.975], 40, 0.2) / 40 * 5
    np.testing.assert_allclose(band_at(display.bands_[4], 0), expected)
    assert len(display.histograms_[0].get_data().values) == 5


@pytest.mark.parametrize("joint", [False, True])
def test_conformal_intervals(joint):
    """Their coverage is drawn where they are finite, and no histogram."""
    X = RNG.normal(size=(N, 2))
    y = X + TRUTH[GROUPS][:, :2]
    fitted = GROUPS < 30
    model = ConformalRegressor(Ridge(), joint=joint, calibration_fraction=0.3, random_state=0)
    model.fit(X[fitted], y[fitted], groups=GROUPS[fitted])
    rest = X[~fitted], y[~fitted]
    names = ["Omega_m", "sigma_8"]
    display = CalibrationDisplay.from_estimator(
        model, *rest, groups=GROUPS[~fitted], target_names=names
    )
    assert display.axes_.shape == (1, 1 if joint else 2)
    assert display.histograms_ == []
    assert display.levels[-1] == 0.9
    for i, level in enumerate(display.levels):
        bounds = model.predict_interval(rest[0], level)
        expected = interval_coverage(
            rest[1], *bounds, joint=joint, groups=GROUPS[~fitted], multioutput="raw_values"
        )
        np.testing.assert_allclose(display.coverage[i], expected)
    titles = [panel.get_title() for panel in display.axes_[0]]
    assert titles == (["all targets"] if joint else [r"$\Omega_\mathrm{m}$", r"$\sigma_8$"])
    x = 101 / 202
    expected = betabinom.ppf([0.025, 0.975], 10, x * 10, (1 - x) * 10) / 10
    np.testing.assert_allclose(band_at(display.bands_[0], x), expected)
    # The interval of 0.7475 is that of 0.8, as 0.7 would be too little.
    x = 151 / 202
    expected = betabinom.ppf([0.025, 0.975], 10, 8, 2) / 10
    np.testing.assert_allclose(band_at(display.bands_[0], x), expected)
    with pytest.raises(ValueError, match=r"9 calibration groups allow levels of at most 0\.9"):
        CalibrationDisplay.from_estimator(model, *rest, levels=[0.95])


def test_regressors_that_know_their_errors():
    """Standard deviations are asked for."""
    X = RNG.normal(size=(N, 3))
    y = X[:, 0] + TRUTH[:, 0]
    model = BayesianRidge().fit(X, y)
    display = CalibrationDisplay.from_estimator(model, X, y, levels=[0.5, 0.9], n_bins=4)
    expected = draw(y, *model.predict(X, return_std=True), levels=[0.5, 0.9], n_bins=4)
    np.testing.assert_array_equal(display.coverage, expected.coverage)
    np.testing.assert_array_equal(display.pit, expected.pit)
    assert display.axes_.shape == (2, 1)
    with pytest.raises(ValueError, match=r"CalibrationDisplay needs an estimator .* Ridge\(\)"):
        CalibrationDisplay.from_estimator(Ridge().fit(X, y), X, y)


def test_axes():
    """Rows of pairs fill a figure; axes that are given are used in the order of subplots."""
    display = draw(TRUTH[:, :3], PREDICTION[:, :3], STD[:, :3], n_columns=2)
    assert len(display.figure_.axes) == 6
    rows = [[panel.get_subplotspec().rowspan.start for panel in row] for row in display.axes_]
    assert rows == [[0, 0, 2], [1, 1, 3]]
    figure, axes = plt.subplots(2, 4)
    display = draw(TRUTH, PREDICTION, STD, ax=axes)
    np.testing.assert_array_equal(display.axes_, axes)
    assert display.figure_ is figure
    assert axes[0, 0].get_legend() is not None
    figure.savefig(io.BytesIO(), dpi=20)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"y_pred": PREDICTION[:, :2]}, r"y_pred has"),
        ({"y_std": -STD}, "greater than zero"),
        ({"groups": GROUPS[:-1]}, "one group for each sample"),
        ({"target_names": ["a"]}, "hold 4 names"),
        ({"levels": [0.5, 0.4]}, "'levels' parameter of CalibrationDisplay"),
        ({"levels": [0.5, 1.0]}, "'levels' parameter"),
        ({"levels": []}, "'levels' parameter"),
        ({"levels": 0.5}, "'levels' parameter"),
        ({"n_bins": 1}, "'n_bins' parameter"),
        ({"n_columns": 0}, "'n_columns' parameter"),
        ({"ax": list("abcdefgh")}, "'ax' parameter"),
    ],
)
def test_what_is_refused(parameters, message):
    """What does not fit is named."""
    with pytest.raises(ValueError, match=message):
        draw(**{"y_true": TRUTH, "y_pred": PREDICTION, "y_std": STD} | parameters)
