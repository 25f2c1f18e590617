"""Layers, filters and feature maps of fitted nets, against torch itself."""

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skastro.decomposition import ConvAutoencoder
from skastro.exceptions import MapShapeError
from skastro.inspection import FeatureMapDisplay, FilterDisplay, feature_maps, layer_names
from skastro.maps import open_maps
from skastro.nets import Autoencoder, ConvNet, DenseNet
from skastro.neural_network import CNNClassifier, CNNRegressor
from skastro.preprocessing import FieldScaler

plt = pytest.importorskip("matplotlib.pyplot")

RNG = np.random.default_rng(0)
SHAPES = {1: (9,), 2: (7, 9), 3: (6, 7, 9)}
TRAINING = {"max_epochs": 1, "n_threads": 1, "random_state": 0, "batch_size": 4}


@pytest.fixture(autouse=True)
def _closed_figures():
    yield
    plt.close("all")


def maps_of(dim, n_channels=None):
    channels = () if n_channels is None else (n_channels,)
    return RNG.normal(size=(10, *channels, *SHAPES[dim])).astype(np.float32)


def fitted(maps, dim=2, **parameters):
    net = ConvNet(**{"n_layers": 2, "n_filters": 3, "dim": dim} | parameters)
    return CNNRegressor(net, **TRAINING).fit(maps, np.arange(10.0))


def batch_of(model, maps):
    return torch.tensor(maps).reshape(len(maps), *model._architecture[1])


@pytest.mark.parametrize("n_channels", [None, 2])
@pytest.mark.parametrize("dim", [1, 2, 3])
def test_feature_maps(dim, n_channels):
    """They are what torch makes of the maps, in batches of any size."""
    maps = maps_of(dim, n_channels)
    model = fitted(maps, dim, batch_norm=True, dropout=0.5)
    model.net_.module_.train()
    flags = [part.training for part in model.net_.module_.modules()]
    gradients = [weight.grad.clone() for weight in model.net_.module_.parameters()]
    found = {layer: feature_maps(model, maps, layer) for layer in (0, -1, "features.layer_1")}
    assert [part.training for part in model.net_.module_.modules()] == flags
    assert all(not part._forward_hooks for part in model.net_.module_.modules())
    after = [weight.grad for weight in model.net_.module_.parameters()]
    assert all(torch.equal(one, other) for one, other in zip(gradients, after, strict=True))
    model.net_.module_.eval()
    features = model.net_.module_.features
    with torch.no_grad():
        first = features[0][0](batch_of(model, maps))
        pooled = features[0](batch_of(model, maps))
        second = features[1][0](pooled)
    for layer, expected in zip(found, (first, second, pooled), strict=True):
        assert found[layer].dtype == np.float32
        np.testing.assert_allclose(found[layer], expected.numpy(), atol=1e-5)
    np.testing.assert_array_equal(feature_maps(model, maps[5:6]), found[0][5:6])
    np.testing.assert_array_equal(feature_maps(model, open_maps(maps)), found[0])


def test_nets_inside_others():
    """Pipelines, searches and transformed targets are looked through, transformers included."""
    maps, y = 3 + 5 * maps_of(2), np.arange(10.0)
    net = CNNRegressor(ConvNet(n_layers=1, n_filters=3, batch_norm=True), **TRAINING)
    pipeline = make_pipeline(FieldScaler(), net)
    search = GridSearchCV(pipeline, {"cnnregressor__lr": [1e-3]}, cv=2)
    target = TransformedTargetRegressor(make_pipeline("passthrough", search))
    models = [clone(pipeline), search, target, make_pipeline("passthrough", target)]
    expected = None
    for model in models:
        found = feature_maps(model.fit(maps, y), maps)
        expected = found if expected is None else expected
        np.testing.assert_array_equal(found, expected)
        assert layer_names(model)[:2] == ["features", "features.layer_1"]
    scaled = models[0][0].transform(maps)
    np.testing.assert_array_equal(feature_maps(models[0][1], scaled), expected)


def test_other_estimators():
    """Classifiers and autoencoders have layers too."""
    maps = maps_of(2)
    classifier = CNNClassifier(ConvNet(n_layers=1, n_filters=3), **TRAINING)
    classifier.fit(maps, np.arange(10) % 2)
    assert feature_maps(classifier, maps).shape == (10, 3, 7, 9)
    autoencoder = ConvAutoencoder(Autoencoder((3, 2)), **TRAINING).fit(maps)
    np.testing.assert_array_equal(
        feature_maps(autoencoder, maps, "encoder"), autoencoder.transform(maps)
    )
    display = FilterDisplay.from_estimator(autoencoder, layer="decoder.last.0")
    assert display.kernels.shape[:2] == (1, 3)


def test_layers_that_change_their_input():
    """An activation in place does not change what came before it."""

    def build(map_shape, n_outputs):
        parts = (
            torch.nn.Conv2d(1, 2, 3),
            torch.nn.ReLU(inplace=True),
            torch.nn.Flatten(),
            torch.nn.LazyLinear(n_outputs),
        )
        module = torch.nn.Sequential(*parts)
        module(torch.zeros(1, *map_shape))
        return module

    maps = maps_of(2)
    model = CNNRegressor(build, **TRAINING).fit(maps, np.arange(10.0))
    assert feature_maps(model, maps).min() < 0
    np.testing.assert_array_equal(feature_maps(model, maps, "1"), feature_maps(model, maps).clip(0))


@pytest.mark.parametrize(
    "draw", [FilterDisplay.from_estimator, lambda m, **k: feature_maps(m, maps_of(2), **k)]
)
@pytest.mark.parametrize("layer", ["features.layer_9", 2, -3, True, None, 0.0])
def test_wrong_layers(draw, layer):
    model = fitted(maps_of(2))
    with pytest.raises(ValueError, match=r"int from 0 to 1 .*'features.layer_1.0'.*'head.0'\]"):
        draw(model, layer=layer)


def test_nets_without_convolutions():
    maps = maps_of(2)
    model = CNNRegressor(DenseNet((4,)), **TRAINING).fit(maps, np.arange(10.0))
    with pytest.raises(ValueError, match=r"must be the name of a layer.* has no convolutions"):
        FilterDisplay.from_estimator(model)
    name = layer_names(model)[-1]
    assert feature_maps(model, maps, name).shape == (10, 1)
    with pytest.raises(ValueError, match=r"draws convolutions, and the layer .* is a Linear.*\[\]"):
        FilterDisplay.from_estimator(model, layer=name)
    with pytest.raises(ValueError, match=r"makes an array of shape \(1,\)"):
        FeatureMapDisplay.from_estimator(model, maps, layer=name)


def test_what_is_no_fitted_net():
    maps = maps_of(2)
    net = CNNRegressor(ConvNet(n_layers=1), **TRAINING)
    for model in (net, make_pipeline(FieldScaler(), net)):
        with pytest.raises(NotFittedError):
            layer_names(model)
    ridge = Ridge().fit(maps[:, 0], np.arange(10.0))
    for draw in (layer_names, FilterDisplay.from_estimator, lambda m: feature_maps(m, maps)):
        with pytest.raises(TypeError, match=r"takes a fitted CNNRegressor.*got Ridge"):
            draw(ridge)
    model = fitted(maps)
    for draw in (feature_maps, FeatureMapDisplay.from_estimator):
        with pytest.raises(MapShapeError, match=r"cannot take samples of shape \(9, 7\)"):
            draw(model, maps.swapaxes(1, 2))


@pytest.mark.parametrize("n_channels", [None, 2])
@pytest.mark.parametrize("dim", [1, 2, 3])
def test_filters(dim, n_channels):
    """Each panel has the weights of a filter, all on one scale with zero in the middle."""
    model = fitted(maps_of(dim, n_channels), dim)
    weight = model.net_.module_.features[0][0].weight.detach().numpy()
    display = FilterDisplay.from_estimator(model)
    np.testing.assert_array_equal(display.kernels, weight)
    expected = weight.mean(axis=1)
    if dim == 1:
        assert display.colorbar_ is None
        for line, kernel in zip(display.lines_, expected, strict=True):
            np.testing.assert_array_equal(line.get_ydata(), kernel)
        return
    limit = np.abs(expected).max()
    for image, kernel in zip(display.images_, expected, strict=True):
        shown = np.concatenate(list(kernel)) if dim == 3 else kernel
        np.testing.assert_array_equal(image.get_array(), shown.T)
        np.testing.assert_allclose(image.get_clim(), (-limit, limit))
    assert display.figure_._suptitle.get_text() == "filters of features.layer_1.0"


def test_channels_and_numbers_of_filters():
    model = fitted(maps_of(2, 2))
    weight = model.net_.module_.features[1][0].weight.detach().numpy()
    display = FilterDisplay.from_estimator(model, layer=1, channel=2, n_filters=4)
    for image, kernel in zip(display.images_, weight[:4, 2], strict=True):
        np.testing.assert_array_equal(image.get_array(), kernel.T)
    _, axes = plt.subplots(2, 3)
    display = FilterDisplay.from_estimator(model, layer=1, n_filters=None, ax=axes)
    assert list(display.axes_) == list(axes.ravel())
    assert display.colorbar_ is None
    for parameters, message in (
        ({"channel": 2}, "'channel' .* from 0 to 1 or 'mean', for kernels of 2 channels. Got 2"),
        ({"channel": "max"}, "'channel' .* Got 'max'"),
        ({"n_filters": 0}, "'n_filters'"),
        ({"n_columns": 0}, "'n_columns'"),
        ({"ax": axes}, "3 filters; 'ax' holds 6"),
    ):
        with pytest.raises(ValueError, match=message):
            FilterDisplay.from_estimator(model, **parameters)
    with pytest.raises(ValueError, match=r"'kernels' .* shape \(3, 3\)"):
        FilterDisplay(np.zeros((3, 3))).plot()
    with pytest.raises(ValueError, match=r"'n_columns' .* Got 0"):
        FilterDisplay(np.zeros((2, 1, 3, 3, 3))).plot(n_columns=0)
    odd = np.array([[[[np.inf, 2.0], [-3.0, np.nan]]]])
    assert FilterDisplay(odd).plot().images_[0].get_clim() == (-3, 3)


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_feature_map_display(dim):
    """The first map, what the net was given of it, and slices of cubes."""
    maps = 3 + 2 * maps_of(dim, 2)
    model = make_pipeline(FieldScaler(), CNNRegressor(ConvNet(2, 3, dim=dim), **TRAINING))
    model.fit(maps, np.arange(10.0))
    display = FeatureMapDisplay.from_estimator(model, maps[4:], channel=1, n_maps=2)
    middle = (..., 4) if dim == 3 else (...,)
    given = model[0].transform(maps)[4, 1][middle]
    expected = [given, *feature_maps(model, maps)[4, :2][middle]]
    assert len(display.axes_) == 3
    if dim == 1:
        drawn = [line.get_ydata() for line in display.lines_]
    else:
        drawn = [image.get_array().T for image in display.images_]
        limit = np.abs(expected[1:]).max()
        np.testing.assert_allclose(display.images_[2].get_clim(), (-limit, limit))
        np.testing.assert_allclose(display.images_[0].get_clim(), (given.min(), given.max()))
    for one, other in zip(drawn, expected, strict=True):
        np.testing.assert_array_equal(one, other)
    assert [panel.get_title() for panel in display.axes_] == ["input", "0", "1"]


def test_scale_of_activations_and_options():
    maps = maps_of(2)
    model = fitted(maps)
    display = FeatureMapDisplay.from_estimator(
        model, maps[:1], layer="features.layer_2", show_input=False, n_maps=None
    )
    assert len(display.images_) == 6
    assert display.images_[0].get_clim()[0] == 0
    for parameters, message in (
        ({"channel": 1}, "'channel' .* from 0 to 0. Got 1"),
        ({"n_maps": 0}, "'n_maps'"),
        ({"ax": 3}, "'ax' parameter"),
    ):
        with pytest.raises(ValueError, match=message):
            FeatureMapDisplay.from_estimator(model, maps[:1], **parameters)
