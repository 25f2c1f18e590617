"""Principal components as pictures: which images, curves and titles, in which panels."""

import numpy as np
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skastro.decomposition import MapPCA
from skastro.inspection import ComponentsDisplay
from skastro.preprocessing import FieldScaler

plt = pytest.importorskip("matplotlib.pyplot")

SHAPES = {1: (9,), 2: (7, 9), 3: (6, 7, 9)}
draw = ComponentsDisplay.from_estimator


@pytest.fixture(autouse=True)
def _closed_figures():
    yield
    plt.close("all")


def fitted(dim=2, n_channels=None, n_components=6, **parameters):
    """A fitted MapPCA of random maps."""
    channels = () if n_channels is None else (n_channels,)
    maps = np.random.default_rng(dim).normal(size=(20, *channels, *SHAPES[dim]))
    return MapPCA(n_components, dim=dim, **parameters).fit(maps)


@pytest.mark.parametrize("channels", [None, 2])
@pytest.mark.parametrize("dim", [2, 3])
def test_images(dim, channels):
    """Each panel shows one component, of cubes the slice in the middle of the last axis."""
    pca = fitted(dim, channels)
    channel = 0 if channels is None else 1
    display = draw(pca, channel=channel)
    components = pca.components_ if channels is None else pca.components_[:, 1]
    expected = components if dim == 2 else components[..., 4]
    assert len(display.images_) == len(display.axes_) == 6
    limit = np.abs(expected).max()
    for image, panel, component in zip(display.images_, display.axes_, expected, strict=True):
        assert image.axes is panel
        assert image.origin == "lower"
        np.testing.assert_array_equal(image.get_array(), component.T)
        np.testing.assert_allclose(image.get_clim(), (-limit, limit))
    assert display.lines_ == []
    assert display.colorbar_ is not None


def test_titles_are_shares_of_the_variance():
    pca = fitted()
    titles = [panel.get_title() for panel in draw(pca).axes_]
    assert titles == [
        f"{i + 1}: {100 * ratio:.3g} %" for i, ratio in enumerate(pca.explained_variance_ratio_)
    ]
    display = ComponentsDisplay(pca.components_).plot()
    assert [panel.get_title() for panel in display.axes_] == ["1", "2", "3", "4", "5", "6"]


def test_curves():
    """Signals give curves on one scale."""
    pca = fitted(1)
    display = draw(pca)
    assert (display.images_, display.colorbar_) == ([], None)
    for line, component in zip(display.lines_, pca.components_, strict=True):
        np.testing.assert_array_equal(line.get_ydata(), component)
    assert len({panel.get_ylim() for panel in display.axes_}) == 1


@pytest.mark.parametrize(("n_components", "drawn"), [(1, 1), (4, 4), (12, 6), (None, 6)])
def test_number_of_components(n_components, drawn):
    display = draw(fitted(), n_components=n_components, n_columns=3)
    assert len(display.axes_) == drawn
    assert len(display.figure_.axes) == drawn + 1
    assert display.axes_[0].get_subplotspec().get_gridspec().ncols == min(3, drawn)


def test_cumulative_variance():
    """The last panel sums all components, those that are not drawn as well."""
    pca = fitted()
    display = draw(pca, n_components=2, cumulative=True)
    assert len(display.axes_) == 3
    (line,) = display.lines_
    assert line.axes is display.axes_[2]
    np.testing.assert_array_equal(line.get_xdata(), [1, 2, 3, 4, 5, 6])
    np.testing.assert_allclose(line.get_ydata(), 100 * np.cumsum(pca.explained_variance_ratio_))


def test_patches():
    pca = fitted(2, 2, patch_size=(7, 3))
    assert draw(pca).images_[0].get_array().shape == (3, 7)


def test_axes_that_are_given():
    pca = fitted()
    figure, axes = plt.subplots(2, 2)
    display = draw(pca, n_components=3, cumulative=True, ax=axes)
    assert list(display.axes_) == list(axes.ravel())
    assert display.figure_ is figure
    assert len(figure.axes) == 4
    assert display.colorbar_ is None
    assert display.plot(axes, n_components=4) is display
    assert len(display.images_) == 4
    assert len(plt.get_fignums()) == 1


def test_inside_pipelines_and_searches():
    maps = np.random.default_rng(0).normal(size=(20, 7, 9))
    pipeline = make_pipeline(FieldScaler(), MapPCA(3), Ridge())
    search = GridSearchCV(pipeline, {"ridge__alpha": [1.0]}, cv=2)
    for model in (
        pipeline,
        search,
        make_pipeline(make_pipeline(FieldScaler(), MapPCA(3)), Ridge()),
        make_pipeline(make_pipeline(FieldScaler()), MapPCA(3), Ridge()),
        TransformedTargetRegressor(pipeline),
    ):
        model.fit(maps, maps[:, 0, 0])
        inner = make_pipeline(FieldScaler(), MapPCA(3)).fit(maps)[-1]
        np.testing.assert_array_equal(draw(model).images_[2].get_array().T, inner.components_[2])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_components": 0}, "The 'n_components' parameter"),
        ({"n_components": 2.0}, "The 'n_components' parameter"),
        ({"n_columns": 0}, "The 'n_columns' parameter"),
        ({"channel": 2}, r"The 'channel' parameter .* from 0 to 1, .* Got 2"),
        ({"channel": -1}, "The 'channel' parameter"),
        ({"ax": [1, 2]}, "The 'ax' parameter .* 6 matplotlib Axes"),
    ],
)
def test_options_that_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        draw(fitted(2, 2), **options)


def test_arrays_that_are_refused():
    components = np.ones((4, 7, 9))
    with pytest.raises(ValueError, match="'explained_variance_ratio' only; got None"):
        ComponentsDisplay(components).plot(cumulative=True)
    with pytest.raises(ValueError, match=r"one number for each of 4 components.*shape \(3,\)"):
        ComponentsDisplay(components, [0.5, 0.3, 0.1]).plot()


def test_estimators_that_are_refused():
    with pytest.raises(NotFittedError):
        draw(MapPCA())
    ridge = Ridge().fit(np.ones((3, 2)), np.ones(3))
    with pytest.raises(ValueError, match=r"takes a fitted MapPCA.*Ridge"):
        draw(ridge)


def test_picture(tmp_path):
    """Components that are nought everywhere are drawn, too."""
    ComponentsDisplay(np.zeros((2, 7, 9))).plot().figure_.savefig(tmp_path / "zeros.png")
    assert (tmp_path / "zeros.png").stat().st_size > 1000
