"""What all displays have in common: how they are made, drawn, drawn again, and how they look."""

import inspect
import io
import itertools

import numpy as np
import pytest
from sklearn.linear_model import RidgeCV

from skastro import inspection
from skastro.decomposition import MapPCA
from skastro.model_selection import CrossSuite, NoiseMatrix, SimulationCurve, compare
from skastro.nets import ConvNet
from skastro.neural_network import CNNRegressor

plt = pytest.importorskip("matplotlib.pyplot")

NAMES = [name for name in inspection.__all__ if name.endswith("Display")]
COLUMN, PAGE = 3.4, 7.1  # inches
LEAST_FONT = 6.0  # points
# Matrices grow with their cells, and of the others the panels are many.
BROADER = {"Calibration", "Components", "CrossSuite", "FeatureMap", "Filter", "ParameterRecovery"}
BROADER |= {"NoiseMatrix", "Reconstruction"}
RNG = np.random.default_rng(0)
MAPS = RNG.normal(size=(8, 8, 9)).astype("float32")
FIELDS = RNG.uniform(size=(4, 1, 8, 8))
CUBES = RNG.uniform(size=(2, 8, 8, 8))
VALUES = RNG.normal(size=(30, 3))
SCORES = RNG.uniform(size=(5, 5, 3))
LEVELS = [str(level) for level in range(5)]


@pytest.fixture(scope="module", autouse=True)
def net():
    """A net of which the layers are drawn."""
    parameters = {"max_epochs": 1, "n_threads": 1, "random_state": 0}
    return CNNRegressor(ConvNet(1, 4), **parameters).fit(MAPS, MAPS.std(axis=(1, 2)))


@pytest.fixture(autouse=True)
def _closed_figures():
    yield
    plt.close("all")


def made(name, net, **ax):
    """A display from one of its constructors."""
    kind, by = getattr(inspection, name), {"by": [6, 6, 7, 8], "by_name": "z"}
    history = [{"epoch": i, "train_loss": 1 / i, "valid_loss": 1.2 / i} for i in range(1, 31)]
    names = ["IllustrisTNG", "SIMBA", "Astrid", "EAGLE", "Magneticum"]
    counts = RNG.poisson(50, size=(20, 12))
    make = {
        "BubbleSizeDisplay": lambda: kind.from_predictions(FIELDS, FIELDS, n_rays=99, **by, **ax),
        "CalibrationDisplay": lambda: kind.from_predictions(
            VALUES, VALUES + 0.1, np.ones_like(VALUES), **ax
        ),
        "ComparisonDisplay": lambda: kind.from_comparison(
            compare([RidgeCV()], VALUES[:, :2], VALUES[:, 2], n_bootstrap=20), **ax
        ),
        "ComponentsDisplay": lambda: kind.from_estimator(MapPCA(5).fit(MAPS), **ax),
        "ConfusionDisplay": lambda: kind.from_predictions(
            np.arange(17), np.arange(17), display_labels=np.arange(6, 14.5, 0.5), **ax
        ),
        "CrossSuiteDisplay": lambda: kind.from_result(
            CrossSuite(SCORES, np.zeros((5, 5, 3)), names, "r2"), **ax
        ),
        "FeatureMapDisplay": lambda: kind.from_estimator(net, MAPS[:1], **ax),
        "FieldDisplay": lambda: kind.from_predictions(
            CUBES, CUBES / 2, dim=3, box_size=100.0, unit="mK", **ax
        ),
        "FieldSpectraDisplay": lambda: kind.from_predictions(FIELDS, FIELDS / 2, **by, **ax),
        "FilterDisplay": lambda: kind.from_estimator(net, **ax),
        "IonizationHistoryDisplay": lambda: kind.from_predictions(
            FIELDS, FIELDS / 2, [6.0, 6.0, 7.0, 8.0], **ax
        ),
        "LossCurveDisplay": lambda: kind.from_history({"dense": history, "CNN": history}, **ax),
        "LuminosityFunctionDisplay": lambda: kind.from_predictions(
            counts, {"ridge": counts + 1, "net": counts + 2}, edges=np.logspace(4, 7, 13), **ax
        ),
        "NoiseMatrixDisplay": lambda: kind.from_matrix(
            NoiseMatrix(SCORES, np.zeros(3), LEVELS, LEVELS, "r2", "uK"), **ax
        ),
        "ParameterRecoveryDisplay": lambda: kind.from_predictions(
            VALUES, VALUES + 0.1, target_names=["Omega_m", "sigma_8", "A_SN1"], **ax
        ),
        "ReconstructionDisplay": lambda: kind.from_predictions(MAPS[:3], MAPS[:3] / 2, **ax),
        "SaliencyDisplay": lambda: kind.from_estimator(net, MAPS, n_samples=2, **ax),
        "SimulationCurveDisplay": lambda: kind.from_curve(
            SimulationCurve(np.array([10, 20, 40, 80, 160]), SCORES[0], np.zeros(5), "r2"), **ax
        ),
    }
    return make[name]()


def panels_of(display):
    """The axes that a display drew into."""
    return np.ravel(display.axes_ if hasattr(display, "axes_") else display.ax_)


@pytest.mark.parametrize("name", NAMES)
def test_drawn_and_drawn_again(name, net):
    """A figure of its own, then axes that are given, and no other figure on the way."""
    display = made(name, net)
    assert isinstance(display, getattr(inspection, name))
    several = hasattr(display, "axes_")
    assert several != hasattr(display, "ax_")
    first, n_panels = display.figure_, len(panels_of(display))
    assert all(panel.figure is first for panel in panels_of(display))
    assert plt.get_fignums() == [first.number]
    assert name.removesuffix("Display") in BROADER or first.get_size_inches()[0] <= COLUMN + 1e-6
    check_legible(first)

    figure, axes = plt.subplots(1, n_panels)
    assert display.plot(axes) is display
    assert display.plot(ax=axes) is display
    assert display.figure_ is figure
    assert panels_of(display).tolist() == np.ravel(axes).tolist()
    again = made(name, net, ax=plt.subplots(1, n_panels)[1])
    assert panels_of(again)[0].figure.number == len(plt.get_fignums()) == 3

    if several:
        message = rf"{name}.*{n_panels}.*{n_panels + 1} axes"
        with pytest.raises(ValueError, match=message):
            display.plot([*axes, axes[0]])
        with pytest.raises(ValueError, match=rf"'ax'.*{name}.*matplotlib Axes"):
            display.plot("here")


def check_legible(figure):
    """As wide as a page at most, no small print, no labels over each other, and none cut off."""
    figure.savefig(io.BytesIO())
    assert figure.get_size_inches()[0] <= PAGE + 1e-6
    for legend in figure.legends:
        check_inside(figure, legend)
    for panel in figure.axes:
        assert panel.get_label() == "<colorbar>" or panel.get_position().width > 0.05
        for axis, along in ((panel.xaxis, 0), (panel.yaxis, 1)):
            labels = [label for label in axis.get_ticklabels() if shown(label, panel, axis)]
            boxes = sorted(
                (label.get_window_extent() for label in labels), key=lambda b: b.min[along]
            )
            if not any(label.get_rotation() % 90 for label in labels):
                for one, two in itertools.pairwise(boxes):
                    assert one.max[along] <= two.min[along] + 0.5, labels
            for text in (*labels, axis.label, panel.title, panel._left_title):
                if text.get_text().strip():
                    assert text.get_fontsize() >= LEAST_FONT, text
                    check_inside(figure, text)


def check_inside(figure, artist):
    """Nothing of it is beyond the page."""
    box, page = artist.get_window_extent(), figure.bbox
    assert min(box.min - page.min) >= -1, artist
    assert min(page.max - box.max) >= -1, artist


def shown(label, panel, axis):
    """Whether a tick label is seen: there are some beyond the ends of an axis."""
    low, high = sorted(axis.get_view_interval())
    at = label.get_position()[0 if axis is panel.xaxis else 1]
    return label.get_visible() and label.get_text() and low <= at <= high


@pytest.mark.parametrize("name", NAMES)
def test_signatures(name):
    """``plot(ax=None, *, ...)``, and constructors that take axes."""
    kind = getattr(inspection, name)
    first, *others = list(inspect.signature(kind.plot).parameters.values())[1:]
    assert (first.name, first.default) == ("ax", None)
    assert all(other.kind is other.KEYWORD_ONLY for other in others)
    constructors = [made for made in vars(kind) if made.startswith("from_")]
    assert "from_estimator" in constructors
    for method in ("plot", *constructors):
        signature = inspect.signature(getattr(kind, method))
        assert signature.return_annotation == name
        assert "ax" in signature.parameters or "look" in signature.parameters
