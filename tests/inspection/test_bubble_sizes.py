"""Sizes of bubbles in truth and prediction: which curves, which rays."""

import io

import numpy as np
import pytest
from sklearn.base import BaseEstimator, RegressorMixin

from skastro.exceptions import MapShapeError
from skastro.inspection import BubbleSizeDisplay
from skastro.maps import open_maps
from skastro.metrics import mean_free_path

plt = pytest.importorskip("matplotlib.pyplot")

SHAPE = (14, 15, 16)


def ball(radius):
    """A box with one ionized ball in it."""
    x, y, z = (np.arange(n) - n // 2 for n in SHAPE)
    return (x[:, None, None] ** 2 + y[:, None] ** 2 + z**2 <= radius**2).astype("float32")


TRUTH = np.stack([ball(radius) for radius in (3, 5, 2, 5.5)])
PREDICTION = np.stack([ball(radius) for radius in (4, 6, 3, 6)])
Z = [8.0, 7.0, 8.0, 7.0]


class Opposite(RegressorMixin, BaseEstimator):
    """A regressor of fields that takes the first channel from 1."""

    def fit(self, X, y):
        """Learn nothing."""
        return self

    def predict(self, X):
        """Take the first channel from 1."""
        return 1 - np.asarray(X)[:, 0]


@pytest.fixture(autouse=True)
def _closed_figures():
    yield
    plt.close("all")


def labels(display):
    legend = display.ax_.get_legend() or display.figure_.legends[0]
    return [text.get_text() for text in legend.get_texts()]


def test_curves():
    """Means over the samples of a label, in ascending order, and the spread of the truth."""
    display = BubbleSizeDisplay.from_predictions(
        TRUTH, PREDICTION, by=Z, by_name="z", cell_size=2.0, dim=3, random_state=3
    )
    assert display.labels_ == [7, 8]
    of = {"n_rays": 10_000, "cell_size": 2.0, "bins": 24, "dim": 3, "random_state": 3}
    truth, prediction = (mean_free_path(fields, **of) for fields in (TRUTH, PREDICTION))
    for i, rows in enumerate(([1, 3], [0, 2])):
        lines = display.true_lines_[i], display.predicted_lines_[i]
        for line, sizes in zip(lines, (truth, prediction), strict=True):
            np.testing.assert_allclose(line.get_xdata(), sizes.radii)
            np.testing.assert_allclose(line.get_ydata(), sizes.distribution[rows].mean(axis=0))
        assert lines[0].get_color() == lines[1].get_color()
        assert lines[0].get_linestyle() != lines[1].get_linestyle()
        spread = truth.distribution[rows].std(axis=0, ddof=1)
        at = spread.argmax()
        edges = display.bands_[i].get_paths()[0].vertices
        high = edges[np.isclose(edges[:, 0], truth.radii[at]), 1].max()
        assert high == pytest.approx(lines[0].get_ydata()[at] + spread[at])
    assert labels(display) == ["truth", "prediction", "spread of truth", "z = 7", "z = 8"]
    assert display.ax_.get_xlabel() == "Size $R$ [Mpc]"
    display.figure_.savefig(io.BytesIO())


def test_larger_bubbles_have_longer_rays():
    """The mean size of a ball is three quarters of its radius, and the peak moves with it."""
    truth, prediction = np.stack([ball(3.5)]), np.stack([ball(6.5)])
    display = BubbleSizeDisplay.from_predictions(truth, prediction, dim=3)
    for sizes, lines, radius in (
        (display.truth_, display.true_lines_, 3.5),
        (display.prediction_, display.predicted_lines_, 6.5),
    ):
        (line,) = lines
        x, y = line.get_data()
        width = np.log(sizes.edges[1] / sizes.edges[0])
        assert (x * y * width).sum() == pytest.approx(0.75 * radius, rel=0.1)
        assert (y * width).sum() == pytest.approx(1, abs=0.05)
    assert display.bands_ == []
    assert labels(display) == ["truth", "prediction"]


@pytest.mark.parametrize("bins", [10, [1.0, 4.0, 10.0, 40.0], [0.1, 1.0, 4.0]])
def test_cut_rays_are_not_drawn(bins):
    """Of a box that is ionized throughout nothing is drawn, but said."""
    fields = np.ones((1, *SHAPE))
    display = BubbleSizeDisplay.from_predictions(fields, TRUTH[:1], bins=bins, dim=3)
    np.testing.assert_allclose(display.true_lines_[0].get_ydata(), 0, atol=1e-12)
    assert np.max(display.predicted_lines_[0].get_ydata()) > 0.1
    assert labels(display) == ["truth", "prediction", "100% cut"]


def test_slab():
    """Rays along an infinite slab are cut, those across it are drawn: one bin holds both."""
    slab = np.zeros((1, *SHAPE))
    slab[:, :, :, 4:10] = 1
    display = BubbleSizeDisplay.from_predictions(slab, slab, bins=[1.0, 8.0, 100.0], dim=3)
    cut = display.truth_.cut[0]
    # A ray to a face at distance h is longer than L where the cosine is less than h / L.
    assert cut == pytest.approx(3 / 16, abs=0.02)
    widths = np.log([8, 100 / 8])
    shares = display.true_lines_[0].get_ydata() * widths
    raw = display.truth_.distribution[0] * widths
    np.testing.assert_allclose(shares, raw - [0, cut], atol=1e-12)
    assert labels(display)[2:] == [f"{cut:.0%} cut"]


def test_neutral_boxes_are_left_out():
    """Fields without an ionized cell have no rays."""
    fields = np.concatenate([TRUTH[:1], np.zeros((1, *SHAPE))])
    display = BubbleSizeDisplay.from_predictions(fields, fields, dim=3)
    alone = BubbleSizeDisplay.from_predictions(fields[:1], fields[:1], dim=3)
    got, want = (one.true_lines_[0].get_ydata() for one in (display, alone))
    np.testing.assert_allclose(got, want)
    nothing = BubbleSizeDisplay.from_predictions(fields[1:], fields[1:], dim=3)
    assert np.isnan(nothing.true_lines_[0].get_ydata()).all()
    nothing.figure_.savefig(io.BytesIO())


@pytest.mark.parametrize("dim", [1, 2])
def test_maps_and_signals(dim):
    """Bubbles of fewer axes."""
    fields = TRUTH[:, 7] if dim == 2 else TRUTH[:, 7, 7]
    display = BubbleSizeDisplay.from_predictions(open_maps(fields), fields[:, None], dim=dim)
    got = display.true_lines_[0].get_ydata()
    np.testing.assert_array_equal(got, display.predicted_lines_[0].get_ydata())
    assert np.nanmax(got) > 0.1


def test_estimators():
    """What is predicted is measured, into given axes; the threshold counts."""
    figure, ax = plt.subplots()
    X = open_maps(np.stack([1 - 0.6 * TRUTH, 0 * TRUTH], axis=1))
    model = Opposite().fit(X, TRUTH)
    display = BubbleSizeDisplay.from_estimator(model, X, TRUTH, threshold=0.7, ax=ax)
    assert display.figure_ is figure
    assert np.isnan(display.prediction_.mean).all()
    display = BubbleSizeDisplay.from_estimator(model, X, TRUTH, threshold=0.5, ax=ax)
    np.testing.assert_array_equal(display.prediction_.mean, display.truth_.mean)


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"dim": None}, MapShapeError, r"one channel.*14 channels of 2.*'dim'"),
        ({"y_pred": PREDICTION[:2]}, MapShapeError, "4 samples.*2"),
        ({"y_pred": PREDICTION[:, 1:]}, MapShapeError, r"\(14, 15, 16\).*\(13, 15, 16\)"),
        ({"by": [1, 2]}, ValueError, "'by'.*4 samples"),
        ({"n_rays": 0}, ValueError, "'n_rays'"),
        ({"cell_size": -1.0}, ValueError, "'cell_size'"),
        ({"bins": [3, 2]}, ValueError, "'bins'"),
        ({"threshold": "half"}, ValueError, "'threshold'"),
    ],
)
def test_what_cannot_be_drawn(parameters, error, message):
    """Each parameter is named, with what it may be."""
    given = {"y_true": TRUTH, "y_pred": PREDICTION, "dim": 3} | parameters
    with pytest.raises(error, match=message):
        BubbleSizeDisplay.from_predictions(**given)
