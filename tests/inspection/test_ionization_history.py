"""Mean ionized fractions against redshift: which means, which spreads, which differences."""

import io

import numpy as np
import pytest
from sklearn.base import BaseEstimator, RegressorMixin

from skastro.exceptions import MapShapeError
from skastro.inspection import IonizationHistoryDisplay
from skastro.maps import open_maps

plt = pytest.importorskip("matplotlib.pyplot")

REDSHIFT = np.array([8.0, 6.0, 7.0, 6.0, 8.0, 6.0, 7.0])
GROUPS = np.array(["b", "a", "a", "b", "a", "a", "b"])
TRUTH = np.random.default_rng(0).uniform(size=(7, 5, 6, 7)).astype("float32")
PREDICTION = TRUTH**2


class Squared(RegressorMixin, BaseEstimator):
    """A regressor of fields that predicts squares of the first channel."""

    def fit(self, X, y):
        """Learn nothing."""
        return self

    def predict(self, X):
        """Square the first channel."""
        return np.asarray(X)[:, :1] ** 2


@pytest.fixture(autouse=True)
def _closed_figures():
    yield
    plt.close("all")


def by_group(values):
    """Rows a and b, columns 6, 7 and 8: means written out."""
    m = np.asarray(values, dtype=float)
    m = m.reshape(7, -1).mean(axis=1)
    return np.array([[(m[1] + m[5]) / 2, m[2], m[4]], [m[3], m[6], m[0]]])


def test_means_and_spreads():
    """Fields are averaged within a group first, then the groups; so are the differences."""
    display = IonizationHistoryDisplay.from_predictions(TRUTH, PREDICTION, REDSHIFT, groups=GROUPS)
    assert display.redshift_.tolist() == [6, 7, 8]
    table = {"truth": by_group(TRUTH), "prediction": by_group(PREDICTION)}
    for name, values in table.items():
        np.testing.assert_allclose(display.means_[name], values.mean(axis=0), rtol=1e-6)
        np.testing.assert_allclose(display.spreads_[name], values.std(axis=0, ddof=1), rtol=1e-4)
        line = display.curves_[name]
        np.testing.assert_array_equal(line.get_xdata(), [6, 7, 8])
        np.testing.assert_array_equal(line.get_ydata(), display.means_[name])
    errors = table["prediction"] - table["truth"]
    np.testing.assert_allclose(
        display.difference_curves_["prediction"].get_ydata(), errors.mean(axis=0), rtol=1e-6
    )
    spread = display.difference_spreads_["prediction"]
    np.testing.assert_allclose(spread, errors.std(axis=0, ddof=1), rtol=1e-4)
    bars = np.array([segment[:, 1] for segment in display.bars_["prediction"][1].get_segments()])
    np.testing.assert_allclose(np.diff(bars)[:, 0], 2 * spread)
    edges = display.band_.get_paths()[0].vertices
    at_6 = edges[edges[:, 0] == 6, 1]
    np.testing.assert_allclose(np.ptp(at_6), 2 * display.spreads_["truth"][0])
    low, high = display.axes_[0].get_xlim()
    assert low < high
    display.figure_.savefig(io.BytesIO())


def test_samples_as_groups():
    """Without groups the spread is that between samples."""
    display = IonizationHistoryDisplay.from_predictions(TRUTH, PREDICTION, REDSHIFT)
    means = TRUTH.reshape(7, -1).mean(axis=1)[REDSHIFT == 6]
    assert display.means_["truth"][0] == pytest.approx(means.mean())
    assert display.spreads_["truth"][0] == pytest.approx(means.std(ddof=1), rel=1e-4)


def test_one_group():
    """Its spread is not known and not drawn; at some redshifts only one group may be there."""
    rows = [0, 1, 2]
    alone = IonizationHistoryDisplay.from_predictions(TRUTH[rows], PREDICTION[rows], REDSHIFT[rows])
    assert np.isnan(alone.spreads_["truth"]).all()
    assert alone.band_ is None
    assert alone.bars_ == {"prediction": []}
    rows = [0, 1, 2, 3]
    some = IonizationHistoryDisplay.from_predictions(TRUTH[rows], PREDICTION[rows], REDSHIFT[rows])
    assert np.isfinite(some.spreads_["truth"]).tolist() == [True, False, False]
    some.figure_.savefig(io.BytesIO())


@pytest.mark.parametrize("values", ["fields", "channels", "lazy", "means", "means of one"])
def test_kinds_of_values(values):
    """Fields with and without a channel, lazy fields, and means."""
    want = IonizationHistoryDisplay(TRUTH, PREDICTION, REDSHIFT).plot()
    truth, prediction = {
        "fields": (TRUTH.tolist(), PREDICTION[:, None]),
        "channels": (TRUTH[:, None], PREDICTION),
        "lazy": (open_maps(TRUTH), open_maps(PREDICTION[:, None])),
        "means": (TRUTH.mean(axis=(1, 2, 3)), PREDICTION.mean(axis=(1, 2, 3))),
        "means of one": (TRUTH.mean(axis=(1, 2, 3)), PREDICTION),
    }[values]
    got = IonizationHistoryDisplay.from_predictions(truth, prediction, REDSHIFT)
    for name in ("truth", "prediction"):
        np.testing.assert_allclose(got.means_[name], want.means_[name], rtol=1e-6)


def test_a_few_fields_at_a_time(monkeypatch):
    """Means do not depend on how many fields are read at once."""
    want = IonizationHistoryDisplay(TRUTH, PREDICTION, REDSHIFT).plot()
    monkeypatch.setattr("skastro.inspection._field_arrays._CHUNK_CELLS", 3 * TRUTH[0].size)
    got = IonizationHistoryDisplay(open_maps(TRUTH), PREDICTION, REDSHIFT).plot()
    np.testing.assert_allclose(got.means_["truth"], want.means_["truth"], rtol=1e-12)


def test_several_methods():
    """Each has its look and is named in the legend."""
    named = {"U-Net": PREDICTION, "threshold": 0.5 * TRUTH}
    figure, axes = plt.subplots(2)
    display = IonizationHistoryDisplay.from_predictions(TRUTH, named, REDSHIFT, ax=axes)
    assert display.figure_ is figure
    texts = [text.get_text() for text in display.axes_[0].get_legend().get_texts()]
    assert texts == ["truth", "spread of truth", "U-Net", "threshold"]
    looks = {
        (line.get_color(), line.get_linestyle(), line.get_marker())
        for line in display.curves_.values()
    }
    assert len(looks) == 3
    np.testing.assert_allclose(
        display.differences_["threshold"], -0.5 * display.means_["truth"], rtol=1e-6
    )


@pytest.mark.parametrize("several", [False, True])
def test_estimators(several, monkeypatch):
    """Predicted a few at a time, they are what they are at once."""
    monkeypatch.setattr("skastro.inspection._field_arrays._CHUNK_CELLS", 4 * TRUTH[0].size)
    X = open_maps(np.stack([TRUTH, 0 * TRUTH], axis=1))
    model = Squared().fit(X, TRUTH)
    display = IonizationHistoryDisplay.from_estimator(
        {"prediction": model} if several else model, X, TRUTH, REDSHIFT, groups=GROUPS
    )
    want = by_group(PREDICTION).mean(axis=0)
    np.testing.assert_allclose(display.means_["prediction"], want, rtol=1e-6)


def test_redshifts_that_are_nearly_equal():
    """Rounding in a file does not part them."""
    redshift = REDSHIFT + np.linspace(-3e-8, 3e-8, 7)
    display = IonizationHistoryDisplay(TRUTH, PREDICTION, redshift).plot()
    assert display.redshift_.tolist() == [6, 7, 8]


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"redshift": REDSHIFT[:3]}, ValueError, "'redshift'.*7 samples"),
        ({"redshift": GROUPS}, ValueError, "'redshift'.*number"),
        ({"redshift": np.full(7, np.inf)}, ValueError, "'redshift'.*finite"),
        ({"groups": GROUPS[:3]}, ValueError, "'groups'.*7 samples"),
        ({"y_pred": PREDICTION[:3]}, ValueError, "7 samples.*has 3"),
        ({"y_pred": {}}, ValueError, "'y_pred'"),
        ({"y_pred": {"truth": PREDICTION}}, ValueError, "'y_pred'.*'truth'"),
        ({"y_pred": {"net": PREDICTION[:, 1:]}}, MapShapeError, r"\(5, 6, 7\).*net.*\(4, 6, 7\)"),
        ({"y_pred": np.where(TRUTH > 0.5, np.nan, 0)}, ValueError, "NaN.*y_pred.*sample 0"),
        ({"y_pred": np.stack([TRUTH] * 2, axis=1)}, MapShapeError, "y_pred.*one|one channel.*2"),
        ({"y_true": 0.5}, MapShapeError, "single number"),
        ({"dim": 2}, MapShapeError, "one channel.*5"),
    ],
)
def test_what_cannot_be_drawn(parameters, error, message):
    """Each parameter is named, with what it may be."""
    given = {"y_true": TRUTH, "y_pred": PREDICTION, "redshift": REDSHIFT} | parameters
    with pytest.raises(error, match=message):
        IonizationHistoryDisplay.from_predictions(**given)
