"""Maps beside their reconstructions: which panels, which values, which scales."""

import io

import numpy as np
import pytest
import torch
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skastro.decomposition import ConvAutoencoder, MapPCA
from skastro.exceptions import MapShapeError
from skastro.inspection import ReconstructionDisplay
from skastro.maps import open_maps
from skastro.nets import Autoencoder
from skastro.preprocessing import FieldScaler

plt = pytest.importorskip("matplotlib.pyplot")

TRAINING = {"max_epochs": 2, "n_threads": 1, "random_state": 0}
MAPS = 5 + 3 * np.random.default_rng(0).normal(size=(9, 2, 7, 8)).astype("float32")


@pytest.fixture(autouse=True)
def _closed_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def pipeline():
    """A scaler and a short fit of a tiny autoencoder."""
    model = ConvAutoencoder(Autoencoder((3, 2)), **TRAINING)
    return make_pipeline(FieldScaler(), model).fit(MAPS)


def pictures(display):
    """What the panels show, first axis of a map first, of shape (3, n, ...)."""
    panels = np.stack([np.asarray(image.get_array()).T for image in display.images_])
    return panels.reshape(3, -1, *panels.shape[1:])


def test_pipeline(pipeline):
    """Maps in their own units, reconstructions, differences; one scale for the first two."""
    display = ReconstructionDisplay.from_estimator(pipeline, MAPS[2:], channel=1, label="mK")
    maps = MAPS[2:6].astype(float)
    back = pipeline.inverse_transform(pipeline.transform(MAPS[2:6])).astype(float)
    assert display.axes_.shape == (3, 4)
    want = np.stack([maps[:, 1], back[:, 1], (back - maps)[:, 1]])
    np.testing.assert_allclose(pictures(display), want, rtol=1e-6)
    limits = {image.get_clim() for image in display.images_[:8]}
    assert limits == {(maps[:, 1].min(), maps[:, 1].max())}
    greatest = np.abs(want[2]).max()
    for image in display.images_[8:]:
        np.testing.assert_allclose(image.get_clim(), (-greatest, greatest))
    np.testing.assert_allclose(display.errors_, (want[2] ** 2).mean(axis=(1, 2)))
    titles = [panel.get_title() for panel in display.axes_[0]]
    assert titles == [f"MSE {error:.2g}" for error in display.errors_]
    labels = [panel.get_ylabel() for panel in display.axes_[:, 0]]
    assert labels == ["map", "reconstruction", "difference"]
    assert [bar.ax.get_ylabel() for bar in display.colorbars_] == ["mK", "mK"]
    display.figure_.savefig(io.BytesIO())


@pytest.mark.parametrize("kind", [open_maps, torch.from_numpy, list])
def test_kinds_of_maps(pipeline, kind):
    """Lazy maps, tensors and lists are drawn like arrays."""
    want = ReconstructionDisplay.from_estimator(pipeline, MAPS, n_samples=2)
    got = ReconstructionDisplay.from_estimator(pipeline, kind(MAPS), n_samples=2)
    np.testing.assert_array_equal(pictures(got), pictures(want))


def test_principal_components():
    """The errors are those that MapPCA has itself where there is one channel."""
    pca = MapPCA(3).fit(MAPS[:, 0])
    display = ReconstructionDisplay.from_estimator(pca, MAPS[:, 0], n_samples=20)
    assert display.axes_.shape == (3, 9)
    np.testing.assert_allclose(display.errors_, pca.reconstruction_error(MAPS[:, 0]), rtol=1e-4)


def test_cubes():
    """The central slice across the last axis is drawn, and the error is that of the cube."""
    cubes = np.random.default_rng(1).normal(size=(3, 5, 6, 9))
    net = Autoencoder((2,), dim=3)
    model = ConvAutoencoder(net, **TRAINING).fit(cubes)
    display = ReconstructionDisplay.from_estimator(model, cubes)
    np.testing.assert_allclose(pictures(display)[0], cubes[..., 4], rtol=1e-6)
    np.testing.assert_allclose(display.errors_, model.reconstruction_error(cubes), rtol=1e-5)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda pca: make_pipeline(pca, StandardScaler()),
        lambda pca: GridSearchCV(pca, {"n_components": [2]}, cv=2, scoring=lambda *args: 0.0),
    ],
)
def test_cubes_inside_pipelines_and_searches(wrap):
    """Axes are read as the step reads them that was told their number."""
    cubes = np.random.default_rng(1).normal(size=(6, 5, 7, 9)).astype("float32")
    pca = MapPCA(2, dim=3)
    display = ReconstructionDisplay.from_estimator(wrap(pca).fit(cubes), cubes)
    np.testing.assert_array_equal(pictures(display)[0], cubes[:4, ..., 4])
    np.testing.assert_allclose(
        display.errors_, pca.fit(cubes).reconstruction_error(cubes[:4]), rtol=1e-4
    )


def test_signals():
    """Curves on the same scale."""
    signals = np.random.default_rng(1).normal(size=(3, 12))
    display = ReconstructionDisplay(signals, 2 * signals).plot(label="K")
    assert display.images_ == display.colorbars_ == []
    curves = np.stack([line.get_ydata() for line in display.lines_]).reshape(3, 3, 12)
    np.testing.assert_allclose(curves, np.stack([signals, 2 * signals, signals]))
    low, high = display.axes_[0, 0].get_ylim()
    assert low < 2 * signals.min()
    assert high > 2 * signals.max()
    assert display.axes_[1, 2].get_ylim() == (low, high)
    assert display.figure_.get_supylabel() == "K"


def test_axes_that_are_given():
    """Twelve of them for four samples, without scales of ours."""
    figure, axes = plt.subplots(3, 4)
    display = ReconstructionDisplay.from_predictions(MAPS[:4], MAPS[:4] / 2, channel=1, ax=axes)
    assert display.axes_.tolist() == axes.tolist()
    assert display.figure_ is figure
    assert display.colorbars_ == []
    assert len(figure.axes) == 12
    np.testing.assert_allclose(pictures(display)[2], -MAPS[:4, 1] / 2, rtol=1e-6)


def test_perfect_reconstruction():
    """Differences of zero have a scale all the same."""
    display = ReconstructionDisplay(MAPS, MAPS).plot()
    assert display.images_[-1].get_clim() == (-1, 1)
    assert not display.errors_.any()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_samples": 0}, "'n_samples'.*ReconstructionDisplay.*1 or more.*0"),
        ({"n_samples": 2.0}, "'n_samples'"),
        ({"channel": 2}, "'channel'.*from 0 to 1.*2"),
        ({"channel": -1}, "'channel'"),
        ({"channel": True}, "'channel'"),
    ],
)
def test_bad_numbers(pipeline, parameters, message):
    """Each is named, with its range."""
    with pytest.raises(ValueError, match=message):
        ReconstructionDisplay.from_estimator(pipeline, MAPS, **parameters)


def test_what_makes_no_maps():
    """Estimators that cannot go back, that are not fitted, or that give back other shapes."""
    with pytest.raises(TypeError, match=r"inverse_transform.*Ridge"):
        ReconstructionDisplay.from_estimator(Ridge(), MAPS)
    with pytest.raises(NotFittedError):
        ReconstructionDisplay.from_estimator(ConvAutoencoder(), MAPS)
    with pytest.raises(MapShapeError, match=r"\(9, 2, 7, 8\).*\(9, 2, 7\)"):
        ReconstructionDisplay(MAPS, MAPS[..., 0]).plot()
