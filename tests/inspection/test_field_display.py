"""Fields beside their predictions: which cells are drawn, on which scales, with which scores."""

import io

import h5py
import numpy as np
import pytest
from astropy import units
from scipy.ndimage import gaussian_filter
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.metrics import r2_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skastro.exceptions import MapShapeError, UnitMismatchError
from skastro.inspection import FieldDisplay, FieldSpectraDisplay
from skastro.maps import open_maps

plt = pytest.importorskip("matplotlib.pyplot")

SHAPE = (14, 15, 16)


def bubbles(n, shape, seed=0):
    """Boxes half ionized, in bubbles that go around the faces."""
    rng = np.random.default_rng(seed)
    fields = np.stack([gaussian_filter(rng.normal(size=shape), 1.5, mode="wrap") for _ in range(n)])
    return (fields > np.median(fields)).astype("float32")


def smoothed(fields, scale=1.0):
    """Predictions: the truth without its small scales."""
    return np.stack([gaussian_filter(field, scale, mode="wrap") for field in fields])


TRUTH = bubbles(3, SHAPE)
PREDICTION = smoothed(TRUTH)


class Halved(RegressorMixin, BaseEstimator):
    """A regressor of fields that predicts half of the first channel, or of maps without one."""

    def __init__(self, dim=None, channels=True):
        self.dim = dim
        self.channels = channels

    def fit(self, X, y):
        """Learn nothing, and count from now on the samples of each prediction."""
        self.rows_ = []
        return self

    def predict(self, X):
        """Halve fields."""
        self.rows_.append(len(X))
        return 0.5 * (np.asarray(X)[:, 0] if self.channels else np.asarray(X))


@pytest.fixture(autouse=True)
def _closed_figures():
    yield
    plt.close("all")


def pictures(display):
    """What the panels show, row by row, first axis of a slice first."""
    return [np.asarray(image.get_array()).T for image in display.images_]


def titles(display):
    return [panel.get_title() for panel in display.axes_.flat]


def test_cubes():
    """Three slices through a cell, each with truth, prediction and error."""
    display = FieldDisplay.from_predictions(TRUTH, PREDICTION, sample=1, center=(2, 13, 5), dim=3)
    a, b = TRUTH[1].astype(float), PREDICTION[1].astype(float)
    assert display.axes_.shape == (3, 3)
    cuts = [np.s_[2, :, :], np.s_[:, 13, :], np.s_[:, :, 5]]
    want = [values for cut in cuts for values in (a[cut], b[cut], b[cut] - a[cut])]
    for got, values in zip(pictures(display), want, strict=True):
        np.testing.assert_allclose(got, values, rtol=1e-6)
    scores = [r2_score(a[cut].ravel(), b[cut].ravel()) for cut in cuts]
    np.testing.assert_allclose(display.r2_, scores)
    np.testing.assert_allclose(display.rmse_, [np.std(b[cut] - a[cut]) for cut in cuts], rtol=0.1)
    np.testing.assert_allclose(display.rmse_[0] ** 2, np.mean((b[2] - a[2]) ** 2))
    assert display.field_r2_ == pytest.approx(r2_score(a.ravel(), b.ravel()))
    assert titles(display)[:3] == [
        "truth\nx = cell 2",
        f"prediction\nR\N{SUPERSCRIPT TWO} {scores[0]:.3f}",
        f"error\nRMSE {display.rmse_[0]:.2g}",
    ]
    assert titles(display)[3::3] == ["y = cell 13", "z = cell 5"]
    assert f"{display.field_r2_:.3f}" in display.figure_.get_suptitle()
    display.figure_.savefig(io.BytesIO())


def test_axes_and_marks():
    """Of two axes the earlier goes to the right; lines are where the other slices are."""
    display = FieldDisplay.from_predictions(TRUTH, PREDICTION, center=(2, 13, 5), dim=3)
    labels = [(row[0].get_xlabel(), row[0].get_ylabel()) for row in display.axes_]
    assert labels == [
        ("y [cell]", "z [cell]"),
        ("x [cell]", "z [cell]"),
        ("x [cell]", "y [cell]"),
    ]
    extents = [image.get_extent() for image in display.images_[::3]]
    assert extents[0] == [-0.5, 14.5, -0.5, 15.5]
    assert extents[2] == [-0.5, 13.5, -0.5, 14.5]
    places = [(*line.get_xdata(), *line.get_ydata()) for line in display.marks_]
    assert places == [
        *((13, 13, 0, 1), (0, 1, 5, 5)),
        *((2, 2, 0, 1), (0, 1, 5, 5)),
        *((2, 2, 0, 1), (0, 1, 13, 13)),
    ]
    assert [line.axes for line in display.marks_[::2]] == list(display.axes_[:, 0])


@pytest.mark.parametrize("box_size", [(28, 30, 32), units.Quantity([28, 30, 32], "Mpc")])
def test_megaparsecs(box_size):
    """A cell is where its middle is, in the length of its own axis."""
    display = FieldDisplay.from_predictions(
        TRUTH, PREDICTION, center=(2, 13, 5), box_size=box_size, dim=3
    )
    assert titles(display)[::3] == ["truth\nx = 5 Mpc", "y = 27 Mpc", "z = 11 Mpc"]
    assert display.images_[0].get_extent() == [0, 30, 0, 32]
    assert display.marks_[0].get_xdata() == [27, 27]
    assert display.axes_[0, 0].get_xlabel() == "y [Mpc]"


def test_center_of_mass_of_periodic_box():
    """A clump on the corner of a box is found there, and wherever the box is begun."""
    mass = np.zeros((1, *SHAPE))
    mass[0, 0, 0, 0] = 2
    mass[0, -1, 1, -1] = mass[0, 1, -1, 1] = 1
    for shift in ((0, 0, 0), (5, 9, 13)):
        rolled = np.roll(mass, shift, axis=(1, 2, 3)) + 1e-3
        display = FieldDisplay(TRUTH[:1], PREDICTION[:1], mass=rolled, dim=3).plot()
        assert display.center_ == shift


def test_center_of_mass_of_isolated_box():
    """Without periodicity it is the mean place."""
    mass = np.zeros((2, 1, *SHAPE))
    mass[1, 0, 2, 0, 3] = 1
    mass[1, 0, 12, 14, 6] = 3
    display = FieldDisplay(TRUTH[:2], PREDICTION[:2], mass=mass, periodic=False, dim=3)
    assert display.plot(sample=-1).center_ == (round(38 / 4), round(42 / 4), round(21 / 4))
    even = FieldDisplay(TRUTH, PREDICTION, mass=np.ones_like(TRUTH), dim=3)
    assert even.plot().center_ == (7, 7, 8)


@pytest.mark.parametrize(
    ("factor", "unit", "limits"),
    [(1, None, (0, 1)), (0.4, None, (0, 1)), (0.4, "K", (0, 0.4)), (3, None, (-1, 3))],
)
def test_scales(factor, unit, limits):
    """Fractions have the scale of fractions, others that of both fields; errors are symmetric."""
    truth, prediction = factor * TRUTH[:, 0], factor * PREDICTION[:, 0]
    prediction[2, 0, 0] = limits[0]
    display = FieldDisplay.from_predictions(
        truth, prediction, field_name="T", unit=unit, sample=2, dim=2
    )
    clims = [image.get_clim() for image in display.images_]
    np.testing.assert_allclose(clims[:2], [limits] * 2, rtol=1e-6)
    limit = np.abs(prediction[2] - truth[2]).max()
    np.testing.assert_allclose(clims[2], (-limit, limit), rtol=1e-6)
    assert display.colorbars_[0].ax.get_xlabel() == ("T [K]" if unit else "T")


def test_maps():
    """One row, cells of the whole map, no marks."""
    display = FieldDisplay.from_predictions(TRUTH[:, 0], PREDICTION[:, 0], sample=2)
    assert display.axes_.shape == (1, 3)
    assert (display.center_, display.marks_) == (None, [])
    for got, want in zip(pictures(display)[:2], (TRUTH, PREDICTION), strict=True):
        np.testing.assert_array_equal(got, want[2, 0])
    assert display.r2_ == [display.field_r2_]


def test_signals():
    """Truth and prediction over each other, and the error below."""
    truth, prediction = TRUTH[:, 0, 0], PREDICTION[:, 0, 0]
    display = FieldDisplay.from_predictions(truth, prediction, box_size=32.0)
    assert display.axes_.shape == (2, 1)
    want = truth[0], prediction[0], prediction[0] - truth[0]
    for line, values in zip(display.lines_, want, strict=True):
        np.testing.assert_allclose(line.get_ydata(), values, rtol=1e-6)
        np.testing.assert_allclose(line.get_xdata(), np.arange(1, 32, 2))
    assert display.rmse_[0] == pytest.approx(np.sqrt(np.mean(want[2] ** 2)))


@pytest.mark.parametrize("channels", [False, True])
def test_lazy_maps_and_channels(channels):
    """Lazy fields are drawn like arrays, and an axis of one channel may be there or not."""
    truth = TRUTH[:, None] if channels else TRUTH
    display = FieldDisplay.from_predictions(open_maps(truth), PREDICTION, sample=1, dim=3)
    np.testing.assert_array_equal(pictures(display)[0], TRUTH[1, 7])


def test_several_channels():
    """One is chosen."""
    both = np.stack([TRUTH, 1 - TRUTH], axis=1)
    display = FieldDisplay.from_predictions(both, both, channel=1)
    np.testing.assert_array_equal(pictures(display)[0], 1 - TRUTH[0, 7])


@pytest.mark.parametrize("truth", [np.zeros, np.ones])
def test_constant_truth(truth):
    """It has no coefficient of determination, and says so."""
    display = FieldDisplay.from_predictions(truth((1, *SHAPE)), PREDICTION[:1], dim=3)
    assert np.isnan(display.r2_).all()
    assert titles(display)[1] == "prediction\nR\N{SUPERSCRIPT TWO} undefined"


@pytest.mark.parametrize("in_pipeline", [False, True])
def test_estimators(in_pipeline):
    """The sample alone is predicted, with the mass that is a channel of the maps."""
    mass = np.zeros_like(TRUTH)
    mass[1, 3, 4, 5] = 1
    X = np.stack([TRUTH, mass], axis=1)
    last = Halved()
    model = make_pipeline(FunctionTransformer(), last) if in_pipeline else last
    model.fit(X, TRUTH)
    display = FieldDisplay.from_estimator(model, X, TRUTH, sample=1, mass=1)
    assert last.rows_ == [1]
    assert display.center_ == (3, 4, 5)
    np.testing.assert_allclose(pictures(display)[1], 0.5 * TRUTH[1, 3])
    other = FieldDisplay.from_estimator(model, X, TRUTH, sample=-2, mass=mass)
    assert other.center_ == (3, 4, 5)


def test_estimator_knows_its_axes():
    """Cubes without an axis of channels are read as the estimator reads them."""
    model = Halved(dim=3, channels=False).fit(TRUTH, TRUTH)
    assert FieldDisplay.from_estimator(model, TRUTH, TRUTH).axes_.shape == (3, 3)
    with pytest.raises(MapShapeError, match="'dim'"):
        FieldDisplay.from_estimator(model.set_params(dim=None), TRUTH, TRUTH)


def test_given_axes():
    """They are drawn into, without scales beside them; other numbers of axes are refused."""
    figure, axes = plt.subplots(1, 3)
    display = FieldDisplay.from_predictions(TRUTH[:, 0], PREDICTION[:, 0], ax=axes)
    assert display.figure_ is figure
    assert list(display.axes_[0]) == list(axes)
    assert display.colorbars_ == []
    with pytest.raises(ValueError, match=r"FieldDisplay.*9 panels.*3 axes"):
        FieldDisplay.from_predictions(TRUTH, PREDICTION, dim=3, ax=axes)


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"dim": None}, MapShapeError, "14 channels of 2 spatial axes.*'dim'"),
        ({"dim": 1}, MapShapeError, "dim=1"),
        ({"sample": 3}, ValueError, "'sample'.*from -3 to 2.*3"),
        ({"sample": 1.0}, ValueError, "'sample'"),
        ({"channel": 1}, ValueError, "'channel'.*0 to 0"),
        ({"channel": True}, ValueError, "'channel'"),
        ({"center": (1, 2)}, ValueError, "'center'.*3 ints"),
        ({"center": (14, 0, 0)}, ValueError, "'center'"),
        ({"center": (1.0, 2, 3)}, ValueError, "'center'"),
        ({"box_size": 10.0}, ValueError, r"'box_size'.*each axis.*\(14, 15, 16\).*10"),
        ({"box_size": (1, 2, 0)}, ValueError, "'box_size'"),
        ({"box_size": (1, 2, np.inf)}, ValueError, "'box_size'"),
        ({"box_size": "100 Mpc"}, ValueError, "'box_size'"),
        ({"box_size": [5, 5, 5] * units.s}, UnitMismatchError, "'box_size'.* Mpc"),
        ({"mass": TRUTH - 0.5}, ValueError, "'mass'.*negative.*contrast"),
        ({"mass": 0 * TRUTH}, ValueError, "'mass'.*zero"),
        ({"mass": TRUTH[:, 1:]}, ValueError, r"'mass'.*\(14, 15, 16\).*\(13, 15, 16\)"),
        ({"mass": TRUTH[:1], "sample": 2}, ValueError, "'mass'.*each"),
        ({"periodic": "yes"}, TypeError, "'periodic'"),
        ({"y_pred": PREDICTION[:2]}, MapShapeError, "3 samples.*2"),
        ({"y_pred": PREDICTION[..., 1:]}, MapShapeError, r"\(14, 15, 16\).*\(14, 15, 15\)"),
        ({"y_pred": np.where(TRUTH, np.nan, 0)}, ValueError, "NaN.*y_pred.*sample 0"),
    ],
)
def test_what_cannot_be_drawn(parameters, error, message):
    """Each parameter is named, with what it may be."""
    with pytest.raises(error, match=message):
        FieldDisplay.from_predictions(
            **{"y_true": TRUTH, "y_pred": PREDICTION, "dim": 3} | parameters
        )


def test_maps_have_no_center():
    """Maps are drawn whole."""
    with pytest.raises(ValueError, match=r"'center'.*2 axes"):
        FieldDisplay.from_predictions(TRUTH[:, 0], PREDICTION[:, 0], center=(1, 1))


def test_real_cubes(data_dir):
    """A simulated box at the middle of reionization."""
    path = data_dir / "reionization" / "cubes" / "reion_cubes_seed2001_fesc0.120.h5"
    if not path.is_file():
        pytest.skip(f"There is no file {str(path)!r}.")
    with h5py.File(path) as file:
        truth, mass = (file["z07.000"][name][()][None].astype("f4") for name in ("xHII", "n_igm"))
    display = FieldDisplay.from_predictions(
        truth, smoothed(truth), mass=mass * 1e27, box_size=57.6, dim=3
    )
    assert display.images_[0].get_clim() == (0, 1)
    assert 0.7 < display.field_r2_ < 0.95
    angles = 2 * np.pi * np.arange(48) / 48
    for axis, cell in enumerate(display.center_):
        profile = mass[0].sum(axis=tuple({0, 1, 2} - {axis}))
        place = np.arctan2((profile * np.sin(angles)).sum(), (profile * np.cos(angles)).sum())
        assert cell == round(place / (2 * np.pi) * 48) % 48


def power(field, other, lengths):
    """Cross power of two fields, and wavenumbers, mode by mode over the full transform."""
    axes = [2 * np.pi * np.fft.fftfreq(n, x / n) for n, x in zip(field.shape, lengths, strict=True)]
    k = np.sqrt(sum(axis**2 for axis in np.meshgrid(*axes, indexing="ij")))
    a, b = (np.fft.fftn(values - values.mean()) for values in (field, other))
    return k, (a * b.conj()).real


def test_spectra():
    """Means over samples of a label, against sums over the modes between the edges of one bin."""
    lengths = np.array([28.0, 30.0, 32.0])
    truth, z = bubbles(5, SHAPE, seed=1).astype(float), [8, 7, 8, 7, 7]
    prediction = smoothed(truth) + np.random.default_rng(0).normal(0, 0.2, truth.shape)
    display = FieldSpectraDisplay.from_predictions(
        truth, prediction, by=z, by_name="z", box_size=lengths, n_bins=1, dim=3
    )
    want = []
    for pair in zip(truth, prediction, strict=True):
        k, tp = power(*pair, lengths)
        tt, pp = (power(one, one, lengths)[1] for one in pair)
        # From the fundamental of the longest axis to the least Nyquist wavenumber.
        inside = (k >= 2 * np.pi / 32 * (1 - 1e-9)) & (k <= np.pi / 2 * (1 + 1e-9))
        tt, pp, tp = (values[inside].sum() for values in (tt, pp, tp))
        want.append((tp / np.sqrt(tt * pp), pp / tt))
    want = np.array(want)
    np.testing.assert_allclose(display.correlation_[:, 0], want[:, 0], rtol=1e-6)
    np.testing.assert_allclose(display.ratio_[:, 0], want[:, 1], rtol=1e-6)
    assert display.labels_ == [7, 8]
    members = np.array(z) == 7
    line = display.ratio_lines_[0]
    np.testing.assert_allclose(line.get_ydata(), [want[members, 1].mean()], rtol=1e-6)
    assert line.get_label() == "z = 7"
    band = display.bands_[0].get_paths()[0].vertices[:, 1]
    spread = want[members, 0].std(ddof=1)
    np.testing.assert_allclose(np.ptp(band), 2 * spread, rtol=1e-6)
    assert len(display.bands_) == 4
    assert "Mpc" in display.axes_[1].get_xlabel()


def test_spectra_without_power():
    """Boxes without structure are left out of the mean, in silence."""
    truth, prediction = TRUTH.astype(float), PREDICTION.astype(float)
    truth = np.concatenate([truth, np.ones((1, *SHAPE))])
    prediction = np.concatenate([prediction, prediction[:1]])
    display = FieldSpectraDisplay.from_predictions(truth, prediction, dim=3)
    alone = FieldSpectraDisplay.from_predictions(TRUTH, PREDICTION, dim=3)
    for lines in ("correlation_lines_", "ratio_lines_"):
        got, want = (getattr(one, lines)[0].get_ydata() for one in (display, alone))
        np.testing.assert_allclose(got, want, rtol=1e-4)
    nothing = FieldSpectraDisplay.from_predictions(truth[3:], truth[3:], dim=3)
    assert np.isnan(nothing.ratio_lines_[0].get_ydata()).all()
    nothing.figure_.savefig(io.BytesIO())


def test_spectra_of_estimators():
    """The prediction is half of the truth: all correlated, with a quarter of the power."""
    figure, axes = plt.subplots(2)
    X, y = open_maps(TRUTH[:, None]), open_maps(TRUTH)
    display = FieldSpectraDisplay.from_estimator(
        Halved().fit(X, y), X, y, by=["a", "b", "a"], n_bins=4, ax=axes
    )
    assert display.figure_ is figure
    np.testing.assert_allclose(display.correlation_, 1)
    np.testing.assert_allclose(display.ratio_, 0.25)
    texts = [text.get_text() for text in display.axes_[0].get_legend().get_texts()]
    assert texts == ["a", "b"]
    assert "cell" in display.axes_[1].get_xlabel()


@pytest.mark.parametrize(("factor", "scale"), [(2, "linear"), (4, "log")])
def test_scale_of_power(factor, scale):
    """Large ratios are drawn on a logarithmic axis."""
    _, lower = FieldSpectraDisplay.from_predictions(TRUTH, factor * TRUTH, dim=3).axes_
    assert lower.get_yscale() == scale


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"by": [7, 8]}, "'by'.*FieldSpectraDisplay.*3 samples"),
        ({"by": [7, 8, np.nan]}, "'by'"),
        ({"dim": None}, "14 channels"),
        ({"box_size": 5.0}, "'box_size'"),
        ({"n_bins": 0}, "'n_bins'"),
        ({"y_pred": PREDICTION[:, 1:]}, r"\(14, 15, 16\).*\(13, 15, 16\)"),
    ],
)
def test_what_has_no_spectra(parameters, message):
    """Each parameter is named, with what it may be."""
    with pytest.raises(ValueError, match=message):
        FieldSpectraDisplay.from_predictions(
            **{"y_true": TRUTH, "y_pred": PREDICTION, "dim": 3} | parameters
        )
