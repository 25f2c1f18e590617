"""Files of nets, run by the ONNX runtime, predict what the estimators predict."""

import copy
import functools
import json

import numpy as np
import pytest
import torch
from sklearn.ensemble import BaggingRegressor
from sklearn.pipeline import make_pipeline

import skastro
from skastro.decomposition import MapPCA
from skastro.exceptions import MapShapeError
from skastro.instrument import ChannelMeanSubtraction, GaussianBeam, WhiteNoise
from skastro.nets import (
    AlexNet,
    Autoencoder,
    CMDNet,
    ConvNet,
    DenseNet,
    ExcursionNet,
    FieldResNet,
    HistogramNet,
    Inception,
    NeighbourhoodNet,
    Pretrained,
    ResNet,
    UNet,
)
from skastro.neural_network import (
    CNNClassifier,
    CNNRegressor,
    FieldRegressor,
    Symmetries,
    export_onnx,
)
from skastro.neural_network._onnx_graph import Views
from skastro.neural_network._onnx_layers import plain_module
from skastro.preprocessing import (
    BlockPool,
    FieldScaler,
    SignedLog,
    SmoothedCopies,
    UnitConverter,
)

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxscript")
runtime = pytest.importorskip("onnxruntime")

RNG = np.random.default_rng(0)
SHORT = {"max_epochs": 1, "n_threads": 1, "random_state": 0, "batch_size": 8, "device": "cpu"}


@pytest.fixture(autouse=True, scope="module")
def one_registry():
    """The exporter reads its library of operations once, not for each file."""
    from torch.onnx._internal.exporter import _registration

    registry = _registration.ONNXRegistry
    patch = pytest.MonkeyPatch()
    patch.setattr(registry, "from_torchlib", staticmethod(functools.cache(registry.from_torchlib)))
    yield
    patch.undo()


def run(path, maps):
    """Outputs of a file by name, of one map and of all."""
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    session = runtime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    assert given.name == "maps"
    assert given.shape == ["n_samples", *maps.shape[1:]]
    names = [output.name for output in session.get_outputs()]
    assert all(output.shape[0] == "n_samples" for output in session.get_outputs())
    found = session.run(names, {"maps": maps})
    single = session.run(names, {"maps": maps[:1]})
    for one, all_ in zip(single, found, strict=True):
        np.testing.assert_allclose(one, all_[:1], rtol=1e-4, atol=1e-5 * np.abs(all_).max())
    return dict(zip(names, found, strict=True))


def close(found, wanted, tolerance=1e-5):
    """Equal up to rounding in float32."""
    assert found.shape == wanted.shape
    assert found.dtype == wanted.dtype
    np.testing.assert_allclose(found, wanted, rtol=0, atol=tolerance * np.abs(wanted).max())


def maps(*shape):
    """Raw maps that are positive and span decades."""
    return RNG.lognormal(sigma=0.7, size=shape).astype("float32")


VECTOR_NETS = {
    "alex": (
        AlexNet(
            (2, 2, 2, 2, 2),
            (3,),
            first_kernel_size=3,
            first_stride=1,
            local_response_norm=True,
            padding_mode="circular",
        ),
        (2, 16, 18),
    ),
    "cmd": (CMDNet(1, padding_mode="zeros"), (1, 32, 36)),
    "conv_signal": (ConvNet(1, 3, padding_mode="circular", readout="max"), (20,)),
    "conv_cube": (ConvNet(1, 3, padding_mode="circular", activation="gelu", dim=3), (7, 8, 9)),
    "histogram": (HistogramNet(8, hidden_layer_sizes=(8,), by_channel=True), (2, 9, 10)),
    "inception": (Inception(1, 8, stem="small", padding_mode="circular"), (2, 8, 9)),
    "resnet": (ResNet(18, n_filters=2, stem="small"), (2, 8, 9)),
    "pretrained": (Pretrained(ConvNet(1, 2).build((2, 9, 10), 3)), (2, 9, 10)),
}

FIELD_NETS = {
    "autoencoder": (Autoencoder((4, 2)), (2, 9, 10)),
    "excursion": (ExcursionNet((1, 2), n_hidden=4, hidden_layer_sizes=(4,), dim=3), (2, 5, 6, 7)),
    "neighbourhood": (NeighbourhoodNet(5, (3,), (4,), n_conditions=1, dim=3), (2, 7, 8, 9)),
    "unet": (UNet(1, 3, n_convolutions=1, padding_mode="circular", dim=3), (2, 7, 8, 9)),
    "unet_map": (UNet(1, 3, n_convolutions=1, n_conditions=1, batch_norm=True), (2, 9, 10)),
}


@pytest.mark.parametrize("name", VECTOR_NETS)
def test_nets_of_numbers(name, tmp_path):
    net, shape = VECTOR_NETS[name]
    X = maps(10, *shape)
    y = RNG.normal([3.0, -40.0], [0.1, 20.0], size=(10, 2))
    model = CNNRegressor(net, **SHORT).fit(X, y)
    found = run(export_onnx(model, tmp_path / "net.onnx", check=X), X)
    close(found["y_mean"], model.predict(X))


@pytest.mark.parametrize("name", FIELD_NETS)
def test_nets_of_fields(name, tmp_path):
    net, shape = FIELD_NETS[name]
    X = maps(5, *shape)
    if getattr(net, "n_conditions", 0):
        X[:, -1] = np.arange(1, 6).reshape(-1, *(1,) * (X.ndim - 2))
    y = 100 + 7 * np.log(X)
    model = FieldRegressor(net, **SHORT).fit(X, y)
    found = run(export_onnx(model, tmp_path / "net.onnx", check=X), X)
    close(found["fields"], model.predict(X), 1e-4 if name == "excursion" else 1e-5)


def test_raw_maps_and_two_outputs(tmp_path):
    """Steps are in the file, noise of the training is not; targets are in the user's units."""
    X = 1e-28 * maps(12, 9, 10)
    y = np.stack([1e6 * X.mean((1, 2)) / 1e-28, X.std((1, 2)) / 1e-28], 1)
    model = make_pipeline(
        UnitConverter(
            "g / cm3", "Msun / Mpc3", from_frame="proper", to_frame="comoving", redshift=7
        ),
        GaussianBeam(1.0, boundary="reflect"),
        make_pipeline(SignedLog(1e10), "passthrough", ChannelMeanSubtraction()),
        FieldScaler(),
        WhiteNoise(0.1, when="fit", random_state=0),
        SmoothedCopies((1.0, 2.0)),
        BlockPool((3, 2)),
        CNNRegressor(ConvNet(1, 3, batch_norm=True, dropout=0.3), loss="gaussian_nll", **SHORT),
    ).fit(X, y)
    path = export_onnx(model, tmp_path / "net.onnx", metadata={"units": "g / cm3"}, check=X)
    found, (mean, std) = run(path, X), model.predict(X, return_std=True)
    for name, wanted in (("y_mean", mean), ("y_std", std)):
        for target in (0, 1):
            close(found[name][:, target], wanted[:, target])
    about = {prop.key: prop.value for prop in onnx.load(path).metadata_props}
    assert about.pop("units") == "g / cm3"
    assert {key: json.loads(value) for key, value in about.items()} == {
        "skastro_version": skastro.__version__,
        "estimator": "CNNRegressor",
        "sample_shape": [9, 10],
        "outputs": {"y_mean": ["n_samples", 2], "y_std": ["n_samples", 2]},
    }


def test_check_looks_at_each_target(tmp_path, monkeypatch):
    """A target of small values is not hidden behind one of large values."""
    X = maps(8, 8, 9)
    y = np.stack([1e9 * (1 + X.mean((1, 2))), X.std((1, 2))], 1)
    model = CNNRegressor(ConvNet(1, 2), **SHORT).fit(X, y)
    predict = CNNRegressor.predict
    off = [0.0, 1.0]
    monkeypatch.setattr(CNNRegressor, "predict", lambda self, X: predict(self, X) + off)
    with pytest.raises(ValueError, match="'y_mean' of the file and the predictions"):
        export_onnx(model, tmp_path / "net.onnx", check=X)
    off[1] = 0.0
    export_onnx(model, tmp_path / "net.onnx", check=X)


def test_classes_and_mean_over_views(tmp_path):
    X = maps(12, 3, 8, 8)
    label = np.where(X.mean((1, 2, 3)) > np.median(X.mean((1, 2, 3))), "dense", "thin")
    views = {"augmentation": Symmetries(vectors=[(1, 2)]), "average_symmetries": True}
    model = CNNClassifier(DenseNet((8,)), **views, **SHORT).fit(X, label)
    path = export_onnx(model, tmp_path / "net.onnx")
    close(run(path, X)["probabilities"], model.predict_proba(X))
    about = {prop.key: prop.value for prop in onnx.load(path).metadata_props}
    assert json.loads(about["classes"]) == ["dense", "thin"]


def test_box_of_another_size_beyond_whose_edge_is_the_other_side(tmp_path):
    X = maps(4, 8, 8)
    model = FieldRegressor(
        FieldResNet(1, 3, padding_mode="circular"),
        periodic=True,
        output="fraction",
        augmentation=Symmetries(),
        average_symmetries=True,
        **SHORT,
    ).fit(X, 1 / (1 + X))
    large = maps(3, 12, 10)
    path = export_onnx(model, tmp_path / "net.onnx", sample_shape=(12, 10))
    close(run(path, large)["fields"], model.predict(large))


@pytest.mark.parametrize("group", ["square", "cube"])
def test_views_are_those_of_the_library(group):
    spatial = (5, 6) if group == "square" else (4, 5, 4)
    vectors = [(0, 2)] if group == "square" else [(3, 0, 2)]
    symmetries = Symmetries(group, vectors=vectors)
    x = torch.from_numpy(maps(2, 4, *spatial))
    views = Views(symmetries, (4, *spatial))
    wanted = [symmetries.apply(x, np.tile(e, (2, 1))) for e in symmetries.elements(spatial)]
    torch.testing.assert_close(views(x), torch.cat(wanted), rtol=0, atol=0)
    scalars = Views(Symmetries(group), (4, *spatial))
    torch.testing.assert_close(scalars.average(scalars(x)), x)


@pytest.mark.parametrize("loss", ["poisson", "squared_log_error", "moments"])
@pytest.mark.parametrize("normalize_y", [True, False])
def test_targets_are_those_of_the_library(loss, normalize_y):
    from skastro.neural_network._onnx_graph import Targets

    X = maps(12, 8, 9)
    model = CNNRegressor(ConvNet(1, 2), loss=loss, normalize_y=normalize_y, **SHORT)
    model.fit(X, X.mean((1, 2)))
    outputs = model._forward(X)
    outputs = np.concatenate([outputs, outputs + 0.3])
    model._forward = lambda X: outputs
    wanted = model.predict(X, return_std=loss == "moments")
    found = Targets(model)(torch.from_numpy(outputs).double())
    for one, other in zip(np.atleast_2d(found), np.atleast_2d(wanted), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


def test_plain_copy_leaves_the_module_alone():
    module = ConvNet(1, 2, padding_mode="circular", dim=3).build((1, 7, 8, 9), 2)
    before = [type(part) for part in module.modules()]
    x = torch.from_numpy(maps(2, 1, 7, 8, 9))
    torch.testing.assert_close(plain_module(module)(x), module(x))
    assert module.training
    assert [type(part) for part in module.modules()] == before


def fitted(net=None, **options):
    """A small fitted regressor and its maps."""
    X = maps(8, 8, 9)
    return CNNRegressor(net or ConvNet(1, 2), **options, **SHORT).fit(X, X.mean((1, 2))), X


class OfOneSize(torch.nn.Module):
    """A module that takes the number of samples for a constant."""

    def __init__(self, map_shape, n_outputs):
        super().__init__()
        self.dense = torch.nn.Linear(72, n_outputs)

    def forward(self, x):
        """Make numbers."""
        return self.dense(x.reshape(len(x), 72))


def test_what_cannot_be_exported(tmp_path):
    model, X = fitted()
    noise = WhiteNoise(0.1, random_state=0)
    moving = UnitConverter("g / cm3", from_frame="proper", to_frame="comoving")
    moving.fit(X, redshift=np.arange(8.0))
    fields = FieldRegressor(FieldResNet(1, 2), **SHORT).fit(X, X)
    tiles = copy.deepcopy(fields).set_params(tile_size=4)
    bag = BaggingRegressor(n_estimators=1).fit(X[:, 0], X[:, 0, 0])
    pca = make_pipeline(MapPCA(8, patch_size=(4, 3)).fit(X), BlockPool(1))
    pca = make_pipeline(pca, CNNRegressor(ConvNet(1, 2), **SHORT)).fit(X, X.mean((1, 2)))
    word = {"metadata": {"units": 3}}
    trials = [
        (make_pipeline(noise.fit(X), model), {}, ValueError, r"WhiteNoise\(when='both'\)"),
        (make_pipeline(moving, model), {}, ValueError, "Set 'redshift' where all samples"),
        (make_pipeline(bag, model), {}, TypeError, "got a step BaggingRegressor"),
        (bag, {}, TypeError, "ends with one; got a BaggingRegressor"),
        (pca, {}, ValueError, "the step MapPCA. Apply it before"),
        (fitted(OfOneSize)[0], {}, ValueError, r"x.shape\[0\] in place of len\(x\)"),
        (tiles, {}, ValueError, r"set_params\(tile_size=None\)"),
        (fields, {"sample_shape": (2, 8, 9)}, MapShapeError, "sample_"),
        (model, {"sample_shape": (9, 8)}, MapShapeError, "fitted on samples of shape"),
        (model, word, ValueError, "'metadata' parameter of export_onnx must be a dict of words"),
        (model, {"metadata": {"classes": ""}}, ValueError, "without the keys"),
        (model, {"check": X, "tolerance": -1.0}, ValueError, "No file was written"),
        (model, {"check": X[:, :5]}, MapShapeError, r"\(n_samples, 8, 9\).* Got \(8, 5, 9\)"),
        (model, {"check": X[:0]}, MapShapeError, "at least one"),
        (model, {"sample_shape": 9}, ValueError, "'sample_shape' parameter of export_onnx"),
    ]
    for estimator, options, error, match in trials:
        with pytest.raises(error, match=match):
            export_onnx(estimator, tmp_path / "net.onnx", **options)
    assert not list(tmp_path.iterdir())


def test_absent_packages(tmp_path, monkeypatch):
    model, _ = fitted()
    monkeypatch.setitem(__import__("sys").modules, "onnxscript", None)
    with pytest.raises(ImportError, match=r"pip install 'skastro\[onnx\]'"):
        export_onnx(model, tmp_path / "net.onnx")
