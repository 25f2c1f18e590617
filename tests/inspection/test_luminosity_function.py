"""Luminosity functions: which curves and bands, of which quantity, in which panel."""

import io

import numpy as np
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import LinearRegression

from skastro.inspection import LuminosityFunctionDisplay
from skastro.preprocessing import LuminosityFunctionTransformer

plt = pytest.importorskip("matplotlib.pyplot")

RNG = np.random.default_rng(0)
EDGES = np.logspace(4, 7, 8)
MEAN = 3000 * RNG.uniform(0.5, 2, size=(40, 1)) * (EDGES[:-1] / 1e4) ** -1.4
TRUTH = RNG.poisson(MEAN)
PREDICTION = MEAN * 10 ** RNG.normal(0.02, 0.1, size=(40, 1)) - 0.5
KINDS = ["dn", "cumulative", "dn_dlogl", "phi"]
draw = LuminosityFunctionDisplay.from_predictions


@pytest.fixture(autouse=True)
def _closed_figures():
    yield
    plt.close("all")


def floored(kind, counts, floor=1.0):
    """Sources of each bin or above each edge, no fewer than the floor, and their densities."""
    sources = np.maximum(counts, 0)
    if kind == "cumulative":
        sources = np.stack([sources[:, i:].sum(1) for i in range(7)], axis=1)
    sources = np.maximum(sources, floor)
    width = {"dn_dlogl": np.diff(np.log10(EDGES)), "phi": np.diff(EDGES)}.get(kind)
    return sources, sources if width is None else sources / (5e5 * width)


def ends_of_shade(shade):
    """Lower and upper end of a band, bin by bin."""
    vertices = shade.get_paths()[0].vertices
    x = np.unique(vertices[:, 0])
    return np.array([[f(vertices[vertices[:, 0] == at, 1]) for at in x] for f in (min, max)])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("floor", [1.0, 0.25])
def test_medians_and_bands(kind, floor):
    """Against quantiles over the maps; the ratio is taken before them."""
    display = draw(TRUTH, PREDICTION, edges=EDGES, kind=kind, volume=5e5, floor=floor)
    sources, truth = floored(kind, TRUTH, floor)
    predicted, density = floored(kind, PREDICTION, floor)
    ratio = predicted / sources
    for curves, values in (
        (display.curves_["truth"], truth),
        (display.curves_["prediction"], density),
        (display.ratios_["prediction"], ratio),
    ):
        (curve,) = curves
        x = EDGES[:-1] if kind == "cumulative" else np.sqrt(EDGES[1:] * EDGES[:-1])
        np.testing.assert_allclose(curve.get_xdata(), x)
        np.testing.assert_allclose(curve.get_ydata(), np.median(values, axis=0))
    for level, shares in enumerate([(0.025, 0.975), (0.16, 0.84)]):
        for shades, values in (
            (display.bands_["truth"], truth),
            (display.ratio_bands_["prediction"], ratio),
        ):
            want = np.quantile(values, shares, axis=0)
            np.testing.assert_allclose(ends_of_shade(shades[level]), want)
        ends = display.bands_["prediction"][2 * level : 2 * level + 2]
        want = np.quantile(density, shares, axis=0)
        np.testing.assert_allclose([line.get_ydata() for line in ends], want)
    upper, lower = display.axes_
    assert {artist.axes for artists in display.bands_.values() for artist in artists} == {upper}
    assert display.ratios_["prediction"][0].axes is lower
    low, high = lower.get_ylim()
    assert low < np.quantile(ratio, 0.16, axis=0).min() < 1 < high


@pytest.mark.parametrize(
    ("kind", "label"),
    [("dn", "per bin"), ("cumulative", "N(>L)"), ("dn_dlogl", "Mpc$^{-3}$ dex"), ("phi", "odot")],
)
def test_axes_and_legend(kind, label):
    """Logarithmic axes with quantities and units, in a figure as wide as a column."""
    display = draw(TRUTH, PREDICTION, edges=EDGES, kind=kind, volume=5e5)
    upper, lower = display.axes_
    assert label in upper.get_ylabel()
    assert lower.get_xlabel() == r"Luminosity $L$ [$L_\odot$]"
    assert lower.get_ylabel() == "Predicted / true"
    assert {panel.get_yscale() for panel in (upper, lower)} == {"log"}
    assert upper.get_xscale() == lower.get_xscale() == "log"
    texts = [text.get_text() for text in upper.get_legend().get_texts()]
    shades = ["truth, 68% of maps", "truth, 95% of maps"]
    assert texts == ["truth", *shades, "prediction", "floor, 1 source"]
    assert display.figure_.get_size_inches()[0] == 3.4
    display.figure_.savefig(io.BytesIO())
    visible = [text.get_text() for text in lower.get_yticklabels()]
    assert {"0.5", "1", "2"} <= set(visible)


def test_several_methods():
    """Each has its colour, a median and the ends of the 68%."""
    methods = {"CNN": PREDICTION, "histogram": 2 * PREDICTION, "mean": MEAN.mean(0) + 0 * MEAN}
    display = draw(TRUTH, methods, edges=EDGES)
    assert list(display.curves_) == ["truth", *methods]
    assert list(display.ratios_) == list(methods)
    assert len({line.get_color() for (line,) in display.curves_.values()}) == 4
    for name, counts in methods.items():
        sources, _ = floored("dn", counts)
        ratio = sources / floored("dn", TRUTH)[0]
        ends = display.ratio_bands_[name]
        want = np.quantile(ratio, (0.16, 0.84), axis=0)
        np.testing.assert_allclose([line.get_ydata() for line in ends], want)
        assert len(display.bands_[name]) == 2


@pytest.mark.parametrize("n_maps", [1, 5])
def test_few_maps(n_maps):
    """Each is a curve, and its prediction has its colour."""
    display = draw(TRUTH[:n_maps], PREDICTION[:n_maps], edges=EDGES)
    assert not any(display.bands_.values())
    for i in range(n_maps):
        truth, predicted = display.curves_["truth"][i], display.curves_["prediction"][i]
        np.testing.assert_allclose(truth.get_ydata(), np.maximum(TRUTH[i], 1))
        np.testing.assert_allclose(predicted.get_ydata(), np.maximum(PREDICTION[i], 1))
        assert truth.get_color() == predicted.get_color()
    assert len({line.get_color() for line in display.curves_["truth"]}) == n_maps
    texts = [text.get_text() for text in display.axes_[0].get_legend().get_texts()]
    assert texts == ["truth", "prediction", "floor, 1 source"]


def test_one_map_without_its_axis():
    """Counts of one axis are one map."""
    display = draw(TRUTH[0], PREDICTION[0], edges=EDGES)
    np.testing.assert_allclose(display.curves_["truth"][0].get_ydata(), np.maximum(TRUTH[0], 1))


def test_edges_by_default():
    """49 bins from 10^3.5 to 10^7 Lsun."""
    counts = RNG.poisson(5, size=(7, 49))
    x = draw(counts, counts).curves_["truth"][0].get_xdata()
    np.testing.assert_allclose(x, 10 ** (3.5 + 3.5 / 49 * (np.arange(49) + 0.5)))


@pytest.mark.parametrize("several", [False, True])
def test_from_estimator(several):
    """What estimators predict is drawn into the axes that were given."""
    model = TransformedTargetRegressor(
        LinearRegression(),
        transformer=LuminosityFunctionTransformer(floor=0.5, edges=EDGES),
    ).fit(MEAN[:, :1], TRUTH)
    _, axes = plt.subplots(2)
    display = LuminosityFunctionDisplay.from_estimator(
        {"linear": model} if several else model,
        MEAN[:, :1],
        TRUTH,
        edges=EDGES,
        kind="cumulative",
        volume=5e5,
        floor=0.5,
        ax=axes,
    )
    assert list(display.axes_) == list(axes)
    (curve,) = display.curves_["linear" if several else "prediction"]
    want, _ = floored("cumulative", model.predict(MEAN[:, :1]), 0.5)
    np.testing.assert_allclose(curve.get_ydata(), np.median(want, axis=0))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"y_pred": PREDICTION[:, :3]}, r"y_pred has \(40, 3\)"),
        ({"y_pred": {}}, "'y_pred' parameter of LuminosityFunctionDisplay"),
        ({"y_pred": {"truth": TRUTH}}, "names other than 'truth'"),
        ({"y_pred": np.full(TRUTH.shape, np.nan)}, "y_pred contains NaN"),
        ({"edges": EDGES[:-1]}, "'edges' parameter of LuminosityFunctionDisplay"),
        ({"edges": None}, "'edges' .* by default"),
        ({"kind": "dlogl"}, "'kind' parameter of LuminosityFunctionDisplay"),
        ({"kind": "phi"}, r"'volume' parameter .* Mpc\^3"),
        ({"floor": 0}, "'floor' parameter"),
        ({"floor": "one"}, "'floor' parameter"),
        ({"ax": 3}, "'ax' parameter"),
    ],
)
def test_wrong_parameters(parameters, message):
    """What does not fit is named."""
    with pytest.raises(ValueError, match=message):
        draw(**{"y_true": TRUTH, "y_pred": PREDICTION, "edges": EDGES} | parameters)
