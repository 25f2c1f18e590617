"""ConvAutoencoder: what it learns, and what it does with maps and codes."""

import pickle

import joblib
import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

from skastro.decomposition import ConvAutoencoder
from skastro.exceptions import DivergenceError, MapShapeError
from skastro.maps import LazyMaps, open_maps
from skastro.nets import Autoencoder, ConvNet
from skastro.neural_network import CNNClassifier, CNNRegressor
from skastro.preprocessing import FieldScaler
from skastro.utils import fingerprint

TRAINING = {"max_epochs": 2, "n_threads": 1, "random_state": 0, "batch_size": 8}
SHAPES = {"signal": (11,), "channels": (2, 7, 8), "map": (7, 8), "cube": (2, 5, 6, 7)}
every_shape = pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)


def smooth_fields(n_samples, size=16, seed=0):
    """Periodic Gaussian fields of variance 1 that hold long waves alone."""
    k = np.fft.fftfreq(size, 1 / size)
    power = np.exp(-(k[:, None] ** 2 + k**2) / 4)
    white = np.random.default_rng(seed).normal(size=(n_samples, size, size))
    fields = np.fft.ifft2(np.sqrt(power) * np.fft.fft2(white)).real
    return (fields / fields.std()).astype("float32")


def noise_of(shape, n_samples=20, seed=0):
    """White noise."""
    return np.random.default_rng(seed).normal(size=(n_samples, *shape)).astype("float32")


def small(**parameters):
    """A tiny net, trained for a moment."""
    return ConvAutoencoder(Autoencoder((3, 2)), **TRAINING | parameters)


@pytest.fixture(scope="module")
def learner():
    """A net that was trained on smooth fields of 16 x 16 cells."""
    net = Autoencoder((12, 4), activation="elu", padding_mode="circular")
    training = TRAINING | {"lr": 0.02, "max_epochs": 25, "batch_size": 32}
    return ConvAutoencoder(net, **training).fit(smooth_fields(400))


def test_it_learns(learner):
    """A code of 64 numbers keeps more of smooth fields than 4 components, and less than 64."""
    fields = smooth_fields(100, seed=1)
    error = learner.reconstruction_error(fields).mean()
    assert error < 0.2 * fields.var()
    rows, errors = fields.reshape(100, -1), []
    for n_components in (4, 64):
        pca = PCA(n_components).fit(smooth_fields(400).reshape(400, -1))
        errors.append(((pca.inverse_transform(pca.transform(rows)) - rows) ** 2).mean())
    assert errors[1] < error < errors[0]
    losses = [epoch["train_loss"] for epoch in learner.history_]
    assert losses[-1] < 0.3 * losses[0]
    assert learner.n_iter_ == len(losses) == 25


def test_reconstruction_error_by_hand(learner):
    """The mean squared difference to what the whole module makes."""
    fields = smooth_fields(50, seed=2)
    with torch.no_grad():
        out = learner.net_.module_.eval()(torch.from_numpy(fields)[:, None])[:, 0].numpy()
    errors = learner.reconstruction_error(fields)
    assert errors.dtype == np.float64
    np.testing.assert_allclose(errors, ((out - fields) ** 2).mean(axis=(1, 2)), rtol=1e-4)
    back = learner.inverse_transform(learner.transform(fields))
    np.testing.assert_allclose(back, out, atol=1e-5)
    one_by_one = [learner.reconstruction_error(field[None])[0] for field in fields]
    np.testing.assert_array_equal(errors, one_by_one)
    np.testing.assert_array_equal(errors, learner.reconstruction_error(open_maps(fields)))
    np.testing.assert_array_equal(errors, learner.reconstruction_error(torch.from_numpy(fields)))


def test_default_net():
    """The published one."""
    model = ConvAutoencoder(max_epochs=1, n_threads=1, random_state=0).fit(noise_of((16, 24)))
    assert model.code_shape_ == (8, 2, 3)
    assert sum(w.numel() for w in model.net_.module_.parameters()) == 4385


@every_shape
@pytest.mark.parametrize("flatten", [False, True])
def test_shapes_and_kinds(shape, flatten):
    """Codes in their shape or flat, and maps back, for arrays, tensors and lazy maps."""
    X = noise_of(shape)
    model = small(flatten=flatten).fit(X, y=np.arange(20))
    spatial = shape[1:] if len(shape) in (3, 4) else shape
    code_shape = (2, *(-(-n // 4) for n in spatial))
    assert model.code_shape_ == code_shape
    n_features = int(np.prod(code_shape))
    codes = model.transform(X)
    assert codes.shape == ((20, n_features) if flatten else (20, *code_shape))
    maps = model.inverse_transform(codes)
    assert maps.shape == X.shape
    assert codes.dtype == maps.dtype == np.float32
    assert codes.flags.c_contiguous
    assert codes.std(axis=0).max() > 0
    if flatten:
        whole = clone(model).set_params(flatten=False).fit(X).transform(X)
        np.testing.assert_array_equal(codes, whole.reshape(20, -1))
    tensor = model.transform(torch.from_numpy(X))
    assert isinstance(tensor, torch.Tensor)
    np.testing.assert_array_equal(tensor.numpy(), codes)
    np.testing.assert_array_equal(model.inverse_transform(tensor).numpy(), maps)
    lazy = model.transform(open_maps(X))
    assert isinstance(lazy, LazyMaps)
    assert lazy.shape == codes.shape
    np.testing.assert_array_equal(np.asarray(lazy[[3, 1]]), codes[[3, 1]])
    back = model.inverse_transform(lazy)
    assert isinstance(back, LazyMaps)
    assert back.shape == X.shape
    np.testing.assert_array_equal(np.asarray(back), maps)


def test_one_channel_cubes():
    """With dim=3 four axes are cubes, and come back as such."""
    X = noise_of((5, 6, 7))
    model = ConvAutoencoder(Autoencoder((2,), dim=3), **TRAINING).fit(X)
    assert model.code_shape_ == (2, 3, 3, 4)
    assert model.inverse_transform(model.transform(X)).shape == X.shape


def test_encoder_by_itself():
    """The code is what the module's encoder makes, map by map."""
    X = noise_of((2, 7, 8))
    model = small().fit(X)
    with torch.no_grad():
        want = model.net_.module_.eval().encoder(torch.from_numpy(X)).numpy()
    np.testing.assert_allclose(model.transform(X), want, atol=1e-6)


def test_lazy_codes_keep_the_weights_of_their_time():
    """What was encoded lazily does not change when the estimator goes on."""
    X = noise_of((7, 8))
    model = small(warm_start=True).fit(X)
    lazy, codes = model.transform(open_maps(X)), model.transform(X)
    name = fingerprint(lazy)
    model.set_params(max_epochs=6).fit(X)
    assert np.abs(model.transform(X) - codes).max() > 0
    np.testing.assert_array_equal(np.asarray(lazy), codes)
    assert fingerprint(lazy) == name == fingerprint(pickle.loads(pickle.dumps(lazy)))
    assert fingerprint(model.transform(open_maps(X))) != name
    again = small().fit(X).transform(open_maps(X))
    assert fingerprint(again) == name
    assert fingerprint(small()) == fingerprint(small()) != fingerprint(small(noise=1.0))


def test_names_of_features():
    """There are some where codes are flat, and data frames with them."""
    pandas = pytest.importorskip("pandas")
    X = noise_of((7, 8))
    assert not hasattr(small(), "get_feature_names_out")
    model = small(flatten=True).fit(X)
    names = model.get_feature_names_out()
    assert list(names) == [f"convautoencoder{i}" for i in range(8)]
    frame = model.set_output(transform="pandas").transform(X)
    assert isinstance(frame, pandas.DataFrame)
    assert list(frame.columns) == list(names)


def test_pickle_without_torch():
    """Weights are arrays, and the optimizer is left out."""
    X = noise_of((7, 8))
    model = small().fit(X)
    state = model.__getstate__()
    assert "net_" not in state
    assert all(isinstance(value, np.ndarray) for value in state["_weights"].values())
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.transform(X), model.transform(X))
    np.testing.assert_array_equal(again.reconstruction_error(X), model.reconstruction_error(X))


def test_own_architecture():
    """A function that builds any module with an encoder and a decoder, here of rows."""

    def dense(map_shape, n_channels):
        n_cells = int(np.prod(map_shape))
        module = torch.nn.Sequential()
        layers = torch.nn.Flatten(), torch.nn.Linear(n_cells, 3)
        module.add_module("encoder", torch.nn.Sequential(*layers))
        layers = torch.nn.Linear(3, n_cells), torch.nn.Unflatten(1, map_shape)
        module.add_module("decoder", torch.nn.Sequential(*layers))
        return module

    X = noise_of((7, 8))
    model = ConvAutoencoder(dense, **TRAINING).fit(X)
    assert model.code_shape_ == (3,)
    assert model.transform(X).shape == (20, 3)
    assert model.inverse_transform(model.transform(X)).shape == X.shape


@pytest.mark.parametrize(
    ("net", "error", "message"),
    [
        (ConvNet(1, 2), TypeError, "'net' parameter of ConvAutoencoder.*'encoder'"),
        (Autoencoder((2, 2), dim=3), MapShapeError, "dim=3"),
        (
            lambda map_shape, n_channels: Autoencoder((2,)).build(map_shape, 5),
            ValueError,
            r"must return \(n_samples, n_outputs, \*spatial\) = \(8, 1, 7, 8\)",
        ),
    ],
)
def test_nets_that_do_not_fit(net, error, message):
    """They are named, with what they should be."""
    with pytest.raises(error, match=message):
        ConvAutoencoder(net, **TRAINING).fit(noise_of((7, 8)))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"noise": -1.0}, "noise"),
        ({"noise": (0.1, 0.2)}, "'noise' parameter of ConvAutoencoder.* 1 channels.*0.2"),
        ({"noise": (np.inf,)}, "'noise'"),
        ({"noise": ("high",)}, "'noise'"),
        ({"loss": "poisson"}, "loss"),
        ({"flatten": "yes"}, "flatten"),
    ],
)
def test_bad_parameters(parameters, message):
    """Each is named."""
    with pytest.raises(ValueError, match=message):
        small(**parameters).fit(noise_of((7, 8)))


def test_bad_codes():
    """Codes of another shape, or that are not finite, are refused."""
    X = noise_of((7, 8))
    model = small().fit(X)
    codes = model.transform(X)
    for wrong in (codes[:, :1], codes.reshape(20, -1), open_maps(codes[:, :1])):
        with pytest.raises(MapShapeError, match=r"\(2, 2, 2\)") as error:
            model.inverse_transform(wrong)
        assert str(wrong.shape[1:]) in str(error.value)
    codes[3, 0] = np.nan
    for wrong in (codes, torch.from_numpy(codes)):
        with pytest.raises(ValueError, match="NaN"):
            model.inverse_transform(wrong)
    with pytest.raises(NotFittedError):
        small().inverse_transform(codes)


def test_overflow_is_found():
    """Finite maps of which the net makes infinity."""
    X = noise_of((7, 8))
    model = small().fit(X)
    with pytest.raises(DivergenceError, match="ConvAutoencoder: the encoder makes NaN or inf"):
        model.transform(np.full_like(X, 3e38))


def test_classifier_of_another_kind_of_output():
    """An autoencoder's architecture in a regressor is refused with the shapes."""
    with pytest.raises(ValueError, match=r"\(n_samples, n_outputs\) = \(8, 1\)"):
        CNNRegressor(Autoencoder((2,)), **TRAINING).fit(noise_of((7, 8)), np.arange(20.0))


def test_step_of_a_search():
    """Before a classifier, with its parameters searched, and swapped for nothing."""
    X = noise_of((8, 8), 40) * (1 + np.arange(40) % 2)[:, None, None]
    y = np.arange(40) % 2
    pipeline = Pipeline(
        [
            ("scale", FieldScaler()),
            ("code", small()),
            ("net", CNNClassifier(ConvNet(1, 2, readout="mean"), **TRAINING)),
        ]
    )
    grid = [{"code": ["passthrough"]}, {"code__net__n_filters": [(2,), (3, 2)]}]
    with joblib.parallel_config(backend="threading", n_jobs=2):
        search = GridSearchCV(pipeline, grid, cv=2, error_score="raise").fit(X, y)
    alone = GridSearchCV(pipeline, grid, cv=2, error_score="raise").fit(X, y)
    scores = search.cv_results_["mean_test_score"]
    np.testing.assert_array_equal(scores, alone.cv_results_["mean_test_score"])
    assert len(scores) == 3
    np.testing.assert_array_equal(
        pipeline.fit(X, y).predict(X), clone(pipeline).fit(open_maps(X), y).predict(open_maps(X))
    )


def test_before_a_linear_model():
    """Flat codes are features."""
    X = smooth_fields(60, size=8) * (1 + np.arange(60) % 2)[:, None, None]
    pipeline = Pipeline([("code", small(flatten=True)), ("linear", LogisticRegression())])
    assert pipeline.fit(X, np.arange(60) % 2).predict_proba(X).shape == (60, 2)
