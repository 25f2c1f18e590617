"""Derivatives by the input, against finite differences and torch."""

import sys

import numpy as np
import pytest
import torch
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skastro.decomposition import ConvAutoencoder
from skastro.exceptions import MapShapeError
from skastro.inspection import SaliencyDisplay, input_gradients
from skastro.maps import open_maps
from skastro.nets import Autoencoder, ConvNet
from skastro.neural_network import CNNClassifier, CNNRegressor
from skastro.preprocessing import FieldScaler, SignedLog

RNG = np.random.default_rng(0)
MAPS = RNG.normal(size=(10, 2, 7, 9)).astype(np.float32)
Y = np.c_[MAPS.std(axis=(1, 2, 3)), MAPS[:, 0].mean(axis=(1, 2))]
LABELS = np.array(["b", "c", "a", "b", "c", "a", "c", "b", "a", "b"])
TRAINING = {"max_epochs": 2, "n_threads": 1, "random_state": 0, "batch_size": 4, "lr": 0.01}
# Smooth, so that finite differences tell its derivatives.
NET = ConvNet(
    n_layers=2,
    n_filters=3,
    activation="tanh",
    pooling="mean",
    readout="mean",
    batch_norm=True,
    dropout=0.3,
    padding_mode="circular",
)


@pytest.fixture(scope="module")
def regressor():
    return CNNRegressor(NET, **TRAINING).fit(MAPS, Y)


@pytest.fixture(scope="module")
def classifier():
    return CNNClassifier(NET, **TRAINING).fit(MAPS, LABELS)


def logits(model, maps):
    """Outputs of the module in double precision."""
    module = model.net_.module_
    state = {name: value.clone() for name, value in module.state_dict().items()}
    module.eval().double()
    with torch.no_grad():
        out = module(torch.tensor(maps, dtype=torch.float64)).numpy()
    module.float().load_state_dict(state)
    return out


def finite_differences(function, maps, step=1e-4):
    """Derivatives of what a function makes of copies of the map of a number, by each cell."""
    moves = step * np.eye(maps[0].size).reshape(-1, *maps.shape[1:])
    slopes = [
        (function(x + moves, i) - function(x - moves, i)) / (2 * step) for i, x in enumerate(maps)
    ]
    return np.reshape(slopes, maps.shape)


@pytest.mark.parametrize("target", [0, 1, np.int64(1), None])
def test_regressor(regressor, target):
    found = input_gradients(regressor, MAPS[:6], target)
    columns = slice(None) if target is None else [int(target)]
    expected = finite_differences(
        lambda maps, _: logits(regressor, maps)[:, columns].sum(1), MAPS[:6]
    )
    assert found.dtype == np.float32
    assert found.shape == (6, 2, 7, 9)
    assert np.abs(expected).max() > 1e-3
    np.testing.assert_allclose(found, expected, atol=1e-3 * np.abs(expected).max())


def test_in_units_of_the_target(regressor):
    """An output is a target over its standard deviation."""
    index = (slice(None), 1, 3, 4)
    moved = [MAPS[:3].copy() for _ in range(2)]
    moved[0][index] += 0.05
    moved[1][index] -= 0.05
    slope = (regressor.predict(moved[0]) - regressor.predict(moved[1]))[:, 0] / 0.1
    found = input_gradients(regressor, MAPS[:3], 0)[index] * regressor.target_scaler_.scale_[0]
    np.testing.assert_allclose(found, slope, rtol=0.05, atol=1e-5)


def test_classifier(classifier):
    """Logits of a class, of each map's class, and of the predicted ones."""
    predicted = classifier.predict(MAPS)
    assert len(set(predicted)) > 1
    for target, labels in (("c", np.full(10, "c")), (LABELS, LABELS), (None, predicted)):
        chosen = np.searchsorted(classifier.classes_, labels)
        expected = finite_differences(
            lambda maps, i, chosen=chosen: logits(classifier, maps)[:, chosen[i]], MAPS
        )
        found = input_gradients(classifier, MAPS, target)
        np.testing.assert_allclose(found, expected, atol=1e-3 * np.abs(expected).max())


def test_through_transformers():
    """By the raw maps, back through scaling and a logarithm."""
    maps = 4 * MAPS
    chain = make_pipeline(SignedLog(), FieldScaler(), CNNRegressor(NET, **TRAINING))
    model = TransformedTargetRegressor(chain).fit(maps, Y)
    net, before = model.regressor_[-1], model.regressor_[:-1]
    inner = before.transform(maps)
    np.testing.assert_array_equal(input_gradients(model, maps, 0), input_gradients(net, inner, 0))
    found = input_gradients(model, maps[:4], 0, wrt="maps")

    def outputs(raw, _):
        scaled = before.transform(raw.astype(np.float32))
        return logits(net, scaled)[:, 0]

    expected = finite_differences(outputs, maps[:4], step=0.02)
    np.testing.assert_allclose(found, expected, atol=0.02 * np.abs(expected).max())
    assert np.abs(found - input_gradients(model, maps[:4], 0)).max() > 0.1 * np.abs(found).max()


def test_steps_that_torch_does_not_pass():
    model = make_pipeline(FunctionTransformer(np.asarray), CNNRegressor(NET, **TRAINING))
    model.fit(MAPS, Y)
    assert input_gradients(model, MAPS[:1], 0).shape == (1, 2, 7, 9)
    for function in (lambda maps: np.asarray(maps.detach()), lambda maps: maps.detach()):
        model[0].func = lambda maps, f=function: f(maps) if isinstance(maps, torch.Tensor) else maps
        with pytest.raises(ValueError, match="FunctionTransformer does not make a differentiable"):
            input_gradients(model, MAPS[:1], 0, wrt="maps")


def test_gradient_times_input(regressor):
    np.testing.assert_allclose(
        input_gradients(regressor, MAPS, 1, method="gradient_times_input"),
        MAPS * input_gradients(regressor, MAPS, 1),
        rtol=1e-5,
    )


@pytest.mark.parametrize("baseline", [0.0, 0.7, MAPS[9]])
def test_integrated_gradients(regressor, baseline):
    """Contributions sum up to what the output differs by."""
    found = input_gradients(
        regressor, MAPS[:5], 0, method="integrated_gradients", baseline=baseline, n_steps=100
    )
    start = np.broadcast_to(baseline, MAPS[:5].shape)
    expected = (logits(regressor, MAPS[:5]) - logits(regressor, start))[:, 0]
    np.testing.assert_allclose(found.sum(axis=(1, 2, 3)), expected, atol=2e-3 * np.ptp(expected))


def test_smoothgrad(regressor):
    """The mean over noisy maps, with draws that belong to the row and the seed."""
    parameters = {"method": "smoothgrad", "noise_level": 0.2, "n_draws": 3}
    found = input_gradients(regressor, MAPS, 0, **parameters, random_state=5)
    expected = np.zeros_like(found[4])
    rng = np.random.default_rng((5, 4))
    for _ in range(3):
        noise = rng.standard_normal((2, 7, 9), dtype=np.float32)
        expected += input_gradients(regressor, MAPS[4:5] + 0.2 * np.ptp(MAPS[4]) * noise, 0)[0] / 3
    np.testing.assert_allclose(found[4], expected, atol=1e-6)
    other = input_gradients(regressor, MAPS, 0, **parameters, random_state=6)
    assert np.abs(other - found).max() > 1e-5
    silent = input_gradients(regressor, MAPS, 0, **parameters | {"noise_level": 0.0})
    np.testing.assert_allclose(silent, input_gradients(regressor, MAPS, 0), atol=1e-7)


def test_variances_are_no_targets():
    """Of a net that learns variances only the means count."""
    model = CNNRegressor(NET, loss="gaussian_nll", **TRAINING).fit(MAPS, Y[:, 0])
    np.testing.assert_array_equal(input_gradients(model, MAPS), input_gradients(model, MAPS, 0))
    with pytest.raises(ValueError, match=r"the number of a target, from 0 on and below 1. Got 1"):
        input_gradients(model, MAPS, 1)


def test_autoencoder():
    """A cell of the reconstruction, a channel, or all of it."""
    net = Autoencoder((3, 2), activation="tanh", pooling="mean")
    model = ConvAutoencoder(net, **TRAINING).fit(MAPS)
    for target, index in (((1, 3, 4), (1, 3, 4)), (1, (1,)), (None, ())):
        expected = finite_differences(
            lambda maps, _, index=index: (
                logits(model, maps)[:, *index].reshape(len(maps), -1).sum(1)
            ),
            MAPS[:2],
        )
        found = input_gradients(model, MAPS[:2], target)
        np.testing.assert_allclose(found, expected, atol=1e-3 * np.abs(expected).max())
    with pytest.raises(ValueError, match=r"a channel, .* below \(2, 7, 9\). Got \(0, 7, 0\)"):
        input_gradients(model, MAPS, (0, 7, 0))


def test_shapes_and_sources():
    """Maps without a channel axis, with three axes, lazy, and any number of them."""
    for dim, shape in ((1, (9,)), (2, (7, 9)), (3, (6, 7, 9))):
        maps = RNG.normal(size=(6, *shape)).astype(np.float32)
        net = ConvNet(n_layers=1, n_filters=2, dim=dim)
        model = make_pipeline(FieldScaler(dim=dim), CNNRegressor(net, **TRAINING))
        model.fit(maps, np.arange(6.0))
        for wrt in ("input", "maps"):
            found = input_gradients(model, maps, wrt=wrt)
            assert found.shape == maps.shape
            np.testing.assert_array_equal(input_gradients(model, open_maps(maps), wrt=wrt), found)
            np.testing.assert_allclose(
                input_gradients(model, maps[4:5], wrt=wrt), found[4:5], atol=1e-6
            )


def test_nothing_is_changed(regressor, monkeypatch):
    """No gradients of weights, no other mode, no other threads, no other random state."""
    module, seen = regressor.net_.module_, []
    module.train()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    monkeypatch.setattr(regressor, "n_threads", 1)
    for weight in module.parameters():
        weight.grad = None
    handle = module.register_forward_pre_hook(
        lambda module, args: seen.append((module.training, torch.get_num_threads()))
    )
    threads, generator = torch.get_num_threads(), torch.get_rng_state()
    torch.set_num_threads(2)
    for method in ("gradient", "smoothgrad"):
        input_gradients(regressor, MAPS, method=method, n_draws=2)
    assert torch.get_num_threads() == 2
    torch.set_num_threads(threads)
    handle.remove()
    assert set(seen) == {(False, 1)}
    assert all(part.training for part in module.modules())
    assert all(p.grad is None and p.requires_grad for p in module.parameters())
    assert torch.equal(generator, torch.get_rng_state())
    for name, value in module.state_dict().items():
        assert torch.equal(before[name], value)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"target": 2}, "'target' .* from 0 on and below 2. Got 2"),
        ({"target": -1}, "'target' .* Got -1"),
        ({"target": True}, "'target' .* Got True"),
        ({"target": "a"}, "'target' .* Got 'a'"),
        ({"target": (0, 1)}, "'target'"),
        ({"wrt": "weights"}, "'wrt' .* 'input' or 'maps'. Got 'weights'"),
        ({"n_steps": 0}, "'n_steps'"),
        ({"n_draws": 0}, "'n_draws'"),
        ({"random_state": None}, "'random_state'"),
        ({"noise_level": -0.1}, "'noise_level' .* 0 or more. Got -0.1"),
        ({"noise_level": "low"}, "'noise_level' .* Got 'low'"),
        ({"baseline": np.zeros(MAPS.shape[:0:-1])}, "'baseline' .* of the shape of a sample"),
        ({"baseline": "mean"}, "'baseline' .* Got 'mean'"),
        ({"baseline": np.nan}, "'baseline' .* Got nan"),
        ({"method": 3}, "'method' .*'gradient'.* Got 3"),
    ],
)
def test_errors(regressor, parameters, message):
    with pytest.raises(ValueError, match=message):
        input_gradients(regressor, MAPS, **parameters)


def test_other_errors(regressor, classifier):
    with pytest.raises(ValueError, match=r"one of the classes \['a', 'b', 'c'\].* Got 'd'"):
        input_gradients(classifier, MAPS, "d")
    with pytest.raises(ValueError, match="for each of 3 maps"):
        input_gradients(classifier, MAPS[:3], LABELS)
    with pytest.raises(MapShapeError, match=r"X\[None\]"):
        input_gradients(regressor, MAPS[0])
    with pytest.raises(TypeError, match="input_gradients takes a fitted CNNRegressor"):
        input_gradients(Ridge().fit(MAPS[:, 0, 0], Y), MAPS)


def test_without_captum(regressor, monkeypatch):
    monkeypatch.setitem(sys.modules, "captum", None)
    monkeypatch.setitem(sys.modules, "captum.attr", None)
    with pytest.raises(ImportError, match=r"method='DeepLift'.*pip install 'skastro\[explain\]'"):
        input_gradients(regressor, MAPS, 0, method="DeepLift")


@pytest.mark.filterwarnings("ignore::UserWarning:captum")
def test_captum(regressor, classifier):
    """Its classes by name or made by a function; those that ours has too agree."""
    attr = pytest.importorskip("captum.attr")
    np.testing.assert_allclose(
        input_gradients(regressor, MAPS, 1, method="Saliency", options={"abs": False}),
        input_gradients(regressor, MAPS, 1),
        atol=1e-6,
    )
    np.testing.assert_allclose(
        input_gradients(
            classifier,
            MAPS,
            LABELS,
            method="IntegratedGradients",
            options={"method": "riemann_middle", "n_steps": 20},
        ),
        input_gradients(classifier, MAPS, LABELS, method="integrated_gradients", n_steps=20),
        atol=1e-5,
    )
    generator = torch.get_rng_state()
    noisy = [
        input_gradients(
            regressor,
            MAPS,
            0,
            method=lambda module: attr.NoiseTunnel(attr.Saliency(module)),
            options={"abs": False, "nt_samples": 2},
        )
        for _ in range(2)
    ]
    np.testing.assert_array_equal(*noisy)
    assert torch.equal(generator, torch.get_rng_state())
    with pytest.raises(ValueError, match=r"name of a class of captum.attr.* Got 'gradients'"):
        input_gradients(regressor, MAPS, method="gradients")
    with pytest.raises(ValueError, match="one number for each cell"):
        input_gradients(
            regressor,
            MAPS,
            method="IntegratedGradients",
            options={"return_convergence_delta": True},
        )


@pytest.mark.filterwarnings("ignore::UserWarning:captum", "ignore:Setting forward:UserWarning")
def test_deep_lift():
    """Its contributions, too, sum up to what the output differs by."""
    pytest.importorskip("captum.attr")
    net = ConvNet(n_layers=2, n_filters=3, pooling=None, readout="mean")
    model = CNNRegressor(net, **TRAINING).fit(MAPS, Y)
    found = input_gradients(model, MAPS[:5], 0, method="DeepLift")
    expected = (logits(model, MAPS[:5]) - logits(model, 0 * MAPS[:5]))[:, 0]
    np.testing.assert_allclose(found.sum(axis=(1, 2, 3)), expected, rtol=1e-3, atol=1e-5)
    assert all(not part._forward_hooks for part in model.net_.module_.modules())
    again = input_gradients(model, MAPS, 0)
    assert np.isfinite(again).all()


class TestDisplay:
    """Maps and gradients side by side."""

    plt = pytest.importorskip("matplotlib.pyplot")

    @pytest.fixture(autouse=True)
    def _closed_figures(self):
        yield
        self.plt.close("all")

    def test_images(self, regressor):
        display = SaliencyDisplay.from_estimator(
            regressor, MAPS[2:], 1, n_samples=2, channel=1, label="T [K]"
        )
        expected = input_gradients(regressor, MAPS[2:4], 1)
        np.testing.assert_array_equal(display.gradients, expected)
        limit = np.abs(expected[:, 1]).max()
        assert display.axes_.shape == (2, 2)
        for i in range(2):
            left, right = display.images_[2 * i : 2 * i + 2]
            assert (left.axes, right.axes) == tuple(display.axes_[i])
            np.testing.assert_array_equal(left.get_array(), MAPS[2 + i, 1].T)
            np.testing.assert_array_equal(right.get_array(), expected[i, 1].T)
            np.testing.assert_allclose(right.get_clim(), (-limit, limit))
            shown = MAPS[2:4, 1]
            np.testing.assert_allclose(left.get_clim(), (shown.min(), shown.max()))
        assert [panel.get_title() for panel in display.axes_[0]] == ["map", "gradient"]
        labels = [bar.ax.get_xlabel() for bar in display.colorbars_]
        assert labels == ["T [K]", "output / map"]

    def test_maps_or_inputs(self):
        """What is drawn is what is differentiated by."""
        model = make_pipeline(FieldScaler(), CNNRegressor(NET, **TRAINING)).fit(5 * MAPS, Y)
        raw = SaliencyDisplay.from_estimator(
            model, open_maps(5 * MAPS), wrt="maps", method="integrated_gradients", n_steps=2
        )
        np.testing.assert_array_equal(raw.maps, 5 * MAPS[:3])
        assert raw.axes_[0, 1].get_title() == "integrated gradients"
        assert raw.colorbars_[1].ax.get_xlabel() == "share of output"
        scaled = SaliencyDisplay.from_estimator(model, 5 * MAPS)
        np.testing.assert_array_equal(scaled.maps, model[0].transform(5 * MAPS[:3]))

    def test_signals_and_cubes(self):
        values = RNG.normal(size=(2, 6, 7, 9))
        display = SaliencyDisplay(values, -values, dim=3).plot()
        np.testing.assert_array_equal(display.images_[3].get_array(), -values[1, ..., 4].T)
        signals = values[:, 0, 0]
        display = SaliencyDisplay(signals, -signals, gradient_label="1 / K").plot(label="T [K]")
        assert [panel.get_ylabel() for panel in display.axes_[0]] == ["T [K]", "1 / K"]
        assert display.figure_.get_supxlabel() == "cell"
        assert display.images_ == display.colorbars_ == []
        np.testing.assert_array_equal(display.lines_[3].get_ydata(), -values[1, 0, 0])

    def test_errors(self, regressor):
        with pytest.raises(ValueError, match="'n_samples'"):
            SaliencyDisplay.from_estimator(regressor, MAPS, n_samples=0)
        with pytest.raises(ValueError, match=r"'channel' .* from 0 to 1.* Got 2"):
            SaliencyDisplay.from_estimator(regressor, MAPS, channel=2)
        with pytest.raises(MapShapeError, match="gradients of the shape of the maps"):
            SaliencyDisplay(MAPS, MAPS[:1]).plot()
        _, axes = self.plt.subplots(1, 3)
        with pytest.raises(ValueError, match="'ax' holds 3"):
            SaliencyDisplay.from_estimator(regressor, MAPS, ax=axes)
