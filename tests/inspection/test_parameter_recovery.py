"""Predictions against truths: which points, which scores, in which panels."""

import io

import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score, root_mean_squared_error
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skastro.inspection import ParameterRecoveryDisplay
from skastro.metrics import aggregate_by_group, reduced_chi2

plt = pytest.importorskip("matplotlib.pyplot")

RNG = np.random.default_rng(0)
GROUPS = np.repeat(np.arange(8), 5)
TRUTH = RNG.uniform([0.1, 0.6, 0.25, 5], [0.5, 1.0, 4.0, 9], size=(8, 4))[GROUPS]
STD = RNG.uniform(0.05, 0.1, size=TRUTH.shape)
PREDICTION = TRUTH + STD * RNG.normal(size=TRUTH.shape)
draw = ParameterRecoveryDisplay.from_predictions


@pytest.fixture(autouse=True)
def _closed_figures():
    yield
    plt.close("all")


def assert_points(container, truth, pred, std=None):
    """The points and error bars are those numbers."""
    line, _, bars = container.lines
    np.testing.assert_allclose(line.get_xdata(), truth)
    np.testing.assert_allclose(line.get_ydata(), pred)
    assert bool(bars) == (std is not None)
    if std is not None:
        segments = np.array(bars[0].get_segments())
        np.testing.assert_allclose(segments[:, :, 0], np.c_[truth, truth])
        np.testing.assert_allclose(segments[:, :, 1], np.c_[pred - std, pred + std])


def test_points_and_diagonals():
    """Each panel holds a target, its error bars and the line of equality."""
    display = draw(TRUTH, PREDICTION, STD)
    assert display.axes_.shape == (4,)
    assert len(display.figure_.axes) == 4
    assert display.group_points_ == []
    for i, panel in enumerate(display.axes_):
        assert_points(display.points_[i], TRUTH[:, i], PREDICTION[:, i], STD[:, i])
        line = display.lines_[i]
        assert line.axes is panel
        np.testing.assert_array_equal(line.get_xdata(), line.get_ydata())
        assert panel.get_xlim() == panel.get_ylim() == tuple(line.get_xdata())
        low, high = panel.get_xlim()
        both = np.r_[TRUTH[:, i], PREDICTION[:, i]]
        assert low < both.min() < both.max() < high
        assert panel.get_xlabel() == f"True target {i}"
        assert panel.get_ylabel() == f"Predicted target {i}"
        assert display.points_[i].lines[0].get_rasterized() is False


def test_scores():
    """Above each panel are its scores."""
    text = draw(TRUTH, PREDICTION, STD).texts_[2].get_text()
    r2 = r2_score(TRUTH[:, 2], PREDICTION[:, 2])
    rmse = root_mean_squared_error(TRUTH[:, 2], PREDICTION[:, 2])
    chi2 = reduced_chi2(TRUTH[:, 2], PREDICTION[:, 2], STD[:, 2])
    assert text == rf"$R^2$ {r2:.2f}  RMSE {rmse:.2g}  $\chi^2$ {chi2:.2f}"
    assert "chi" not in draw(TRUTH, PREDICTION).texts_[2].get_text()
    bad = draw(TRUTH, PREDICTION[::-1]).texts_[3].get_text()
    assert "$R^2$ \N{MINUS SIGN}" in bad


@pytest.mark.parametrize("correlation", [1.0, 0.2])
def test_groups(correlation):
    """Means of simulations stand on faint samples, with their own scores."""
    display = draw(TRUTH, PREDICTION, STD, groups=GROUPS, correlation=correlation)
    means = aggregate_by_group(GROUPS, TRUTH, PREDICTION, STD, correlation=correlation)
    for i in range(4):
        assert_points(display.points_[i], TRUTH[:, i], PREDICTION[:, i])
        assert_points(
            display.group_points_[i], means.y_true[:, i], means.y_pred[:, i], means.y_std[:, i]
        )
        faint, strong = display.points_[i].lines[0], display.group_points_[i].lines[0]
        assert faint.get_alpha() < strong.get_alpha()
        assert faint.get_zorder() < strong.get_zorder()
        samples, groups = display.texts_[2 * i : 2 * i + 2]
        assert f"{r2_score(TRUTH[:, i], PREDICTION[:, i]):.2f}" in samples.get_text()
        assert f"{r2_score(means.y_true[:, i], means.y_pred[:, i]):.2f}" in groups.get_text()
        assert samples.get_color() != groups.get_color()
    labels = [text.get_text() for text in display.figure_.legends[0].get_texts()]
    assert labels == ["samples", "means of groups"]


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("Omega_m", r"$\Omega_\mathrm{m}$"),
        ("sigma_8", r"$\sigma_8$"),
        ("A_SN1", r"$A_\mathrm{SN1}$"),
        ("n_s", r"$n_\mathrm{s}$"),
        ("tau", r"$\tau$"),
        ("h", "$h$"),
        ("log_M", "log_M"),
        ("stellar mass", "stellar mass"),
        (r"$\Omega_b$", r"$\Omega_b$"),
    ],
)
def test_names(name, label):
    """Names of parameters are set as formulas, others stay as they are."""
    display = draw(TRUTH[:, 0], PREDICTION[:, 0], target_names=[name])
    assert display.axes_[0].get_xlabel() == f"True {label}"
    assert display.axes_[0].get_ylabel() == f"Predicted {label}"
    display.figure_.savefig(io.BytesIO())


def test_names_of_a_data_frame():
    """Columns name the panels."""
    pd = pytest.importorskip("pandas")
    display = draw(pd.DataFrame(TRUTH[:, :2], columns=["Omega_m", "a b"]), PREDICTION[:, :2])
    assert display.axes_[1].get_xlabel() == "True a b"


def test_single_target():
    """One axis is one panel."""
    display = draw(TRUTH[:, 1], PREDICTION[:, 1], STD[:, 1], groups=GROUPS)
    assert len(display.axes_) == len(display.figure_.axes) == 1
    assert_points(display.points_[0], TRUTH[:, 1], PREDICTION[:, 1])


def test_columns():
    """Panels fill rows, and no empty one is left."""
    for n_columns, shape in ((3, (2, 3)), (2, (2, 2)), (8, (1, 4))):
        display = draw(TRUTH, PREDICTION, n_columns=n_columns)
        grid = display.axes_[0].get_gridspec()
        assert (grid.nrows, grid.ncols) == shape
        assert len(display.figure_.axes) == 4


def test_axes_that_are_given():
    """Panels go into them, as often as asked, and no other figure is made."""
    figure, axes = plt.subplots(2, 2)
    display = draw(TRUTH, PREDICTION, groups=GROUPS, ax=axes)
    assert list(display.axes_) == list(axes.ravel())
    assert display.figure_ is figure
    assert len(plt.get_fignums()) == 1
    assert axes[0, 0].get_legend() is not None
    _, ax = plt.subplots()
    single = ParameterRecoveryDisplay(TRUTH[:, 0], PREDICTION[:, 0])
    assert single.plot(ax=ax) is single
    assert single.axes_[0] is ax
    with pytest.raises(ValueError, match="4 targets; 'ax' holds 3 axes"):
        draw(TRUTH, PREDICTION, ax=axes.ravel()[:3])


def test_many_points():
    """Very many points are pixels in a vector file."""
    many = np.tile(TRUTH, (20, 1))
    display = draw(many, many + 0.1)
    assert all(points.lines[0].get_rasterized() for points in display.points_)


def test_equal_truths():
    """Simulations of one set of parameters have a panel too, and no R2."""
    display = draw(np.full(9, 0.3), np.full(9, 0.3))
    low, high = display.axes_[0].get_xlim()
    assert low < 0.3 < high
    assert "nan" in display.texts_[0].get_text()


@pytest.mark.parametrize("pipeline", [False, True])
def test_from_estimator(pipeline):
    """What an estimator predicts is drawn, with its standard deviations if asked."""
    X = RNG.normal(size=(30, 3))
    y = X @ [1.0, 2.0, 3.0]
    model = GaussianProcessRegressor(alpha=0.1, optimizer=None)
    model = (make_pipeline(StandardScaler(), model) if pipeline else model).fit(X[:20], y[:20])
    mean, std = model.predict(X[20:], return_std=True)
    display = ParameterRecoveryDisplay.from_estimator(model, X[20:], y[20:], return_std=True)
    assert_points(display.points_[0], y[20:], mean, std)
    display = ParameterRecoveryDisplay.from_estimator(model, X[20:], y[20:])
    assert_points(display.points_[0], y[20:], mean)


def test_from_estimator_with_options():
    """Groups, names and axes are passed on."""
    _, axes = plt.subplots(1, 4)
    display = ParameterRecoveryDisplay.from_estimator(
        Ridge().fit(PREDICTION, TRUTH),
        PREDICTION,
        TRUTH,
        groups=GROUPS,
        target_names=list("abcd"),
        ax=axes,
    )
    assert list(display.axes_) == list(axes)
    assert len(display.group_points_) == 4
    assert axes[3].get_xlabel() == "True $d$"


def test_units():
    """They stand behind the names, where there are any."""
    units = ["Mpc", None, "", "K"]
    display = draw(TRUTH, PREDICTION, units=units, target_names=["Omega_m", "b", "c", "d"])
    texts = [panel.get_xlabel() for panel in display.axes_]
    assert texts == [r"True $\Omega_\mathrm{m}$ [Mpc]", "True $b$", "True $c$", "True $d$ [K]"]
    assert display.axes_[3].get_ylabel() == "Predicted $d$ [K]"


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"y_pred": PREDICTION[:, :2]}, r"y_pred has \(40, 2\)"),
        ({"y_std": STD[:, 0]}, r"y_std has \(40,\)"),
        ({"y_std": -STD}, "greater than zero"),
        ({"groups": GROUPS[:-1]}, "39 groups and 40 samples"),
        ({"groups": GROUPS[::2].repeat(2)}, "different y_true"),
        ({"target_names": ["a"]}, "hold 4 names"),
        ({"units": ["K"]}, r"'units'.*ParameterRecoveryDisplay.*each of 4 targets.*\['K'\]"),
        ({"units": "Kmsp"}, "'units'"),
        ({"n_columns": 0}, "'n_columns' parameter of Param.*Display must be an int, 1 .* Got 0"),
        ({"n_columns": -1}, "'n_columns' parameter"),
        ({"n_columns": 2.0}, r"'n_columns' parameter .* Got 2\.0"),
        ({"n_columns": True}, "'n_columns' parameter"),
        (
            {"ax": list("abcd")},
            "'ax' parameter of ParameterRecoveryDisplay must be matplotlib Axes",
        ),
        ({"ax": ["a"]}, r"'ax' parameter .* Got \['a'\]"),
        ({"ax": 3}, "'ax' parameter"),
    ],
)
def test_wrong_shapes(parameters, message):
    """What does not fit is named."""
    with pytest.raises(ValueError, match=message):
        draw(**{"y_true": TRUTH, "y_pred": PREDICTION} | parameters)
