"""Counts in bins of luminosity, what is learned of them, and the way back."""

import warnings

import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import Ridge
from sklearn.metrics import make_scorer
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_predict

from skastro.maps import open_maps
from skastro.metrics import mean_squared_log10_error
from skastro.nets import ConvNet
from skastro.neural_network import CNNRegressor
from skastro.preprocessing import LuminosityFunctionTransformer

KINDS = ["dn", "cumulative", "dn_dlogl", "phi"]
EDGES = np.array([1e4, 3e4, 2e5, 3e5, 8e6])
VOLUME = 2.5e6
COUNTS = np.array([[120, 30, 4, 0], [7, 9, 0, 1], [0, 0, 0, 0], [1, 0, 0, 0], [5000, 70, 11, 2]])
every_kind = pytest.mark.parametrize("kind", KINDS)


def quantity(kind, counts):
    """What is learned of counts, bin by bin and by hand, and one source of it."""
    values, unit = np.empty(counts.shape), np.ones(4)
    for i in range(4):
        if kind == "dn_dlogl":
            unit[i] = 1 / (VOLUME * np.log10(EDGES[i + 1] / EDGES[i]))
        elif kind == "phi":
            unit[i] = 1 / (VOLUME * (EDGES[i + 1] - EDGES[i]))
        values[:, i] = unit[i] * (counts[:, i:].sum(1) if kind == "cumulative" else counts[:, i])
    return values, unit


def make(kind, **parameters):
    """A transformer for the bins above."""
    return LuminosityFunctionTransformer(kind, edges=EDGES, volume=VOLUME, **parameters)


@every_kind
@pytest.mark.parametrize("floor", [1.0, 0.5, 3])
def test_values(kind, floor):
    """The quantity and its logarithm above so many sources."""
    values, unit = quantity(kind, COUNTS)
    np.testing.assert_allclose(make(kind, log=False).fit_transform(COUNTS), values, rtol=1e-12)
    got = make(kind, floor=floor).fit_transform(COUNTS)
    want = np.where(values < floor * unit, np.log10(floor * unit), np.log10(values + 1e-300))
    np.testing.assert_allclose(got, want, rtol=1e-12)


@every_kind
@pytest.mark.parametrize("parameters", [{"log": False}, {"floor": 0.5}, {"floor": 1e-3}])
def test_whole_counts_come_back(kind, parameters):
    """Below a floor of one source is none; zeros are zeros and not nearly so."""
    transformer = make(kind, **parameters)
    back = transformer.inverse_transform(transformer.fit_transform(COUNTS))
    np.testing.assert_allclose(back, COUNTS, rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(back[:, 3] == 0, COUNTS[:, 3] == 0)
    single = transformer.transform(COUNTS).astype("float32")
    np.testing.assert_allclose(transformer.inverse_transform(single), COUNTS, rtol=1e-4, atol=3e-2)


@every_kind
def test_one_source_and_none_at_the_default_floor(kind):
    """They are the same, and so cannot both come back; all else does."""
    transformer = make(kind)
    back = transformer.inverse_transform(transformer.fit_transform(COUNTS))
    if kind == "cumulative":
        want = [[120, 30, 4, 0], [7, 10, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0], [5000, 70, 11, 2]]
    else:
        want = np.where(COUNTS == 1, 0, COUNTS)
    np.testing.assert_allclose(back, want, rtol=1e-9)


def test_predictions_that_are_no_luminosity_function():
    """Numbers that rise with luminosity are raised before it, and negative ones are none."""
    linear = make("cumulative", log=False).fit(COUNTS)
    got = linear.inverse_transform([[5.0, 3.0, 4.0, -1.0], [-2.0, -3.0, -1.0, -2.0]])
    np.testing.assert_array_equal(got, [[1, 0, 4, 0], [0, 0, 0, 0]])
    np.testing.assert_array_equal(
        make("dn", log=False).fit(COUNTS).inverse_transform([[-1.0, 2.0, -0.5, 0.25]]),
        [[0, 2, 0, 0.25]],
    )
    np.testing.assert_allclose(
        make("dn", floor=1e-2).fit(COUNTS).inverse_transform([[2.0, -1.0, -2.0, -3.0]]),
        [[100, 0.1, 0, 0]],
    )


@every_kind
def test_edges_by_default(kind):
    """49 bins from 10^3.5 to 10^7 Lsun, and any number of bins where widths do not matter."""
    counts = np.random.default_rng(0).poisson(5, size=(3, 49))
    default = LuminosityFunctionTransformer(kind, volume=VOLUME).fit_transform(counts)
    edges = 10 ** np.linspace(3.5, 7, 50)
    given = LuminosityFunctionTransformer(kind, volume=VOLUME, edges=edges).fit_transform(counts)
    np.testing.assert_allclose(default, given, rtol=1e-12)
    transformer = LuminosityFunctionTransformer(kind, volume=VOLUME)
    if kind in ("dn", "cumulative"):
        assert transformer.fit_transform(COUNTS).shape == COUNTS.shape
    else:
        with pytest.raises(ValueError, match=r"'edges' .* must be 5 rising .* of the 4 bins"):
            transformer.fit(COUNTS)


@pytest.mark.parametrize(
    "edges",
    [
        EDGES[:-1],
        EDGES[::-1],
        EDGES * [0, 1, 1, 1, 1],
        EDGES * [1, 1, 1, 1, np.inf],
        EDGES[[0, 1, 1, 3, 4]],
        EDGES[None],
        ["low", "b", "c", "d", "high"],
    ],
)
@every_kind
def test_wrong_edges(kind, edges):
    """Edges are checked also where they do not matter."""
    transformer = LuminosityFunctionTransformer(kind, edges=edges, volume=VOLUME)
    with pytest.raises(ValueError, match=r"'edges' parameter of LuminosityF.* 5 rising numbers"):
        transformer.fit(COUNTS)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"kind": "dlogl"}, "'kind' parameter of LuminosityFunctionTransformer"),
        ({"log": "yes"}, "'log' parameter"),
        ({"floor": 0}, "'floor' parameter"),
        ({"floor": "low"}, "'floor' parameter"),
        ({"edges": 3}, "'edges' parameter"),
        ({"volume": -1.0}, "'volume' parameter"),
        ({"kind": "phi", "edges": EDGES}, r"'volume' .* Mpc\^3 .* kind='phi'.* Got None"),
        ({"kind": "dn_dlogl", "edges": EDGES}, "'volume' .* kind='dn_dlogl'"),
    ],
)
def test_wrong_parameters(parameters, message):
    """They are named."""
    with pytest.raises(ValueError, match=message):
        LuminosityFunctionTransformer(**parameters).fit(COUNTS)


def test_wrong_counts():
    """Counts are neither negative nor NaN, and there are as many bins as in fit."""
    transformer = make("dn").fit(COUNTS)
    bad = COUNTS.astype(float)
    bad[3, 1] = -2
    for method in (make("dn").fit, transformer.transform):
        with pytest.raises(ValueError, match="of sample 3, bin 1 is -2"):
            method(bad)
    bad[3, 1] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        transformer.transform(bad)
    with pytest.raises(ValueError, match="3 features"):
        transformer.inverse_transform(COUNTS[:, :3])


@every_kind
@pytest.mark.parametrize("log", [False, True])
def test_check_of_the_inverse_passes(kind, log):
    """scikit-learn's own check is content where the floor is below one source."""
    X = np.arange(10.0).reshape(-1, 1)
    counts = np.vstack([COUNTS, COUNTS + 1])
    model = TransformedTargetRegressor(Ridge(), transformer=make(kind, log=log, floor=0.5))
    assert (model.fit(X, counts).predict(X) >= 0).all()
    model.set_params(transformer__floor=1.0)
    if log:
        with pytest.warns(UserWarning, match="not strictly inverse"):
            model.fit(X, counts)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            model.set_params(check_inverse=False).fit(X, counts)


@pytest.fixture
def bright():
    """Maps (48, 2, 7, 9) whose brightness is that of the counts, in 12 groups of four."""
    rng = np.random.default_rng(0)
    brightness = rng.uniform(0.5, 2, size=48)
    mean = brightness[:, None] * np.array([300, 80, 20, 4])
    maps = brightness[:, None, None, None] + 0.05 * rng.normal(size=(48, 2, 7, 9))
    return maps.astype("float32"), rng.poisson(mean), np.arange(48) // 4


@pytest.fixture
def regressor():
    """A network inside the target transformation."""
    net = CNNRegressor(
        ConvNet(1, 4, activation="elu", readout="mean"),
        lr=0.03,
        max_epochs=30,
        n_threads=1,
        batch_size=12,
        random_state=0,
    )
    return TransformedTargetRegressor(net, transformer=make("dn", floor=0.5))


@every_kind
def test_counts_are_learned(kind, bright, regressor):
    """Whatever the network learns, counts come out, from arrays and from lazy maps alike."""
    X, counts, _ = bright
    model = clone(regressor).set_params(transformer__kind=kind).fit(X[:36], counts[:36])
    got = model.predict(X[36:])
    truth = make("cumulative", log=False).fit_transform(counts[36:])[:, 0]
    np.testing.assert_allclose(got.sum(1), truth, rtol=0.25)
    lazy = clone(model).fit(open_maps(X)[:36], counts[:36])
    np.testing.assert_array_equal(lazy.predict(open_maps(X)[36:]), got)


def test_search_over_kinds(bright, regressor):
    """A stock search compares counts with counts."""
    X, counts, groups = bright
    search = GridSearchCV(
        regressor.set_params(regressor__max_epochs=5),
        {"transformer__kind": KINDS},
        scoring=make_scorer(mean_squared_log10_error, greater_is_better=False),
        cv=GroupKFold(2),
    ).fit(open_maps(X), counts, groups=groups)
    scores = search.cv_results_["mean_test_score"]
    # Kinds that differ by a factor in each bin are one to normalized logarithms.
    np.testing.assert_allclose(scores[[2, 3]], scores[0], rtol=1e-6)
    assert abs(scores[1] / scores[0] - 1) > 1e-3
    for kind, score in zip(KINDS, scores, strict=True):
        model = clone(regressor).set_params(transformer__kind=kind)
        predicted = cross_val_predict(model, X, counts, cv=GroupKFold(2), groups=groups)
        error = mean_squared_log10_error(counts, predicted)
        assert score == pytest.approx(-error, rel=1e-6)


def test_groups_reach_the_network(bright, regressor):
    """Early stopping validates on whole groups, also in a search that routes metadata."""
    X, counts, groups = bright
    regressor.set_params(regressor__early_stopping=True, regressor__max_epochs=4)
    regressor.set_params(regressor__validation_fraction=0.3)
    alone = clone(regressor.regressor).fit(
        X, make("dn", floor=0.5).fit_transform(counts), groups=groups
    )
    direct = clone(regressor).fit(X, counts, groups=groups)
    assert direct.regressor_.history_[0]["valid_loss"] == alone.history_[0]["valid_loss"]
    unaware = clone(regressor).fit(X, counts)
    assert unaware.regressor_.history_[0]["valid_loss"] != alone.history_[0]["valid_loss"]
    with sklearn.config_context(enable_metadata_routing=True):
        regressor.set_params(regressor=regressor.regressor.set_fit_request(groups=True))
        search = GridSearchCV(regressor, {"transformer__kind": ["dn"]}, cv=GroupKFold(2))
        search.fit(X, counts, groups=groups)
    routed = search.best_estimator_.regressor_.history_
    assert routed[0]["valid_loss"] == alone.history_[0]["valid_loss"]
