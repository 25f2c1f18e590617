"""Scores for noise in training and in testing, against a case that can be computed."""

import pickle

import numpy as np
import pytest
from astropy import units as u
from joblib import parallel_config
from sklearn.compose import TransformedTargetRegressor
from sklearn.dummy import DummyRegressor
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.metrics import r2_score
from sklearn.model_selection import GroupKFold, GroupShuffleSplit, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skastro.exceptions import LeakageWarning, UnitMismatchError
from skastro.instrument import WhiteNoise
from skastro.maps import LazyMaps, open_maps
from skastro.model_selection import NoiseMatrix, noise_matrix
from skastro.model_selection._noise_fits import fit_and_score
from skastro.nets import ConvNet
from skastro.neural_network import CNNRegressor
from skastro.preprocessing import FieldScaler
from skastro.statistics import Moments

RNG = np.random.default_rng(0)
N, SHAPE = 60, (31, 33)
VARIANCE = RNG.uniform(1, 3, size=N)
MAPS = (np.sqrt(VARIANCE)[:, None, None] * RNG.normal(size=(N, *SHAPE))).astype(np.float32)
GROUPS = np.arange(N) // 4
NET = CNNRegressor(
    ConvNet(n_layers=1, n_filters=2, readout="mean"), max_epochs=2, n_threads=1, random_state=0
)


def mean_square(maps):
    """A feature whose expectation is the variance of signal and noise."""
    assert isinstance(maps, np.ndarray)
    return (maps.astype(np.float64) ** 2).mean(axis=(1, 2))[:, None]


def linear(estimator=None):
    estimator = LinearRegression() if estimator is None else estimator
    return make_pipeline(FunctionTransformer(mean_square), estimator)


def sent(value):
    """What arrives in another process."""
    return pickle.loads(pickle.dumps(value))


def test_bias_of_noise_that_was_not_trained_with():
    """Noise adds its variance to the feature: the mean square error is its fourth power."""
    sigmas = [0, 1.0, 1.5]
    matrix = noise_matrix(
        linear(), MAPS, VARIANCE, train_noise=sigmas, scoring="neg_mean_squared_error"
    )
    bias = np.subtract.outer(np.square(sigmas), np.square(sigmas))
    # The slope falls short of 1 by the scatter of the feature, 2 % of the variance.
    np.testing.assert_allclose(-matrix.mean, bias**2, rtol=0.15, atol=0.06)
    assert matrix.scores.shape == (3, 3, 5)
    assert (matrix.mean.argmax(axis=0) == [0, 1, 2]).all()
    off = ~np.eye(3, dtype=bool)
    assert (matrix.scores.diagonal().T.min() > matrix.scores[off]).all()
    assert (matrix.scores.diagonal() > matrix.dummy_scores[:, None]).all()


def test_what_is_seen(recorder):
    """Clean maps are seen as they are, and each test map has one realization for all models."""
    matrix = noise_matrix(
        recorder, MAPS, VARIANCE, train_noise=[None, 2.0], test_noise=[0, 2.0, 4.0], cv=KFold(3)
    )
    assert matrix.scores.shape == (2, 3, 3)
    fits = [call for call in recorder.seen if call[0] == "fit"]
    tests = np.array([call[1] for call in recorder.seen if call[0] == "predict"])
    tests = tests.reshape(2, 3, 3, N // 3, *SHAPE)
    folds = list(KFold(3).split(MAPS))
    for i, (train, test) in enumerate(folds):
        np.testing.assert_array_equal(fits[i][1], MAPS[train])
        np.testing.assert_array_equal(fits[i][2], VARIANCE[train])
        np.testing.assert_array_equal(tests[0, i, 0], MAPS[test])
        added = fits[3 + i][1] - MAPS[train]
        assert added.std() == pytest.approx(2, rel=0.02)
        noise = tests[0, i, 1:] - MAPS[test]
        assert noise[0].std() == pytest.approx(2, rel=0.02)
        np.testing.assert_allclose(noise[1], 2 * noise[0], atol=1e-5)
        assert abs(np.corrcoef(noise[0].ravel(), added[: N // 3].ravel())[0, 1]) < 0.03
    np.testing.assert_array_equal(tests[0], tests[1])


def test_dummy():
    """The mean of the training targets, or what is given instead."""
    matrix = noise_matrix(linear(), MAPS, VARIANCE, train_noise=[0], cv=KFold(4))
    expected = [
        r2_score(VARIANCE[test], np.full(len(test), VARIANCE[train].mean()))
        for train, test in KFold(4).split(MAPS)
    ]
    np.testing.assert_allclose(matrix.dummy_scores, expected)
    median = noise_matrix(
        linear(),
        MAPS,
        VARIANCE,
        train_noise=[0],
        cv=KFold(4),
        dummy=DummyRegressor(strategy="constant", constant=0.0),
    )
    assert (median.dummy_scores < -3).all()
    assert matrix.scoring == "r2"


def test_classifier():
    """Accuracy, with the most frequent class beside it, in stratified folds."""
    classes = np.where(np.quantile(VARIANCE, 0.7) < VARIANCE, "high", "low")
    matrix = noise_matrix(linear(LogisticRegression()), MAPS, classes, train_noise=[0, 3])
    assert matrix.scoring == "accuracy"
    assert matrix.dummy_scores.mean() == pytest.approx(np.mean(classes == "low"))
    assert np.ptp(matrix.dummy_scores) < 0.1
    assert matrix.mean[0, 0] > 0.9
    assert matrix.mean[0, 1] < 0.4


@pytest.mark.parametrize("cv", [None, 3])
def test_groups_are_on_one_side_and_go_to_fit(recorder, cv):
    """Folds are whole groups, and the last step is given those of its maps."""
    model = TransformedTargetRegressor(
        make_pipeline(FieldScaler(), recorder), func=np.log, inverse_func=np.exp
    )
    model = make_pipeline(FieldScaler(), model)
    matrix = noise_matrix(model, MAPS, VARIANCE, train_noise=[0], cv=cv, groups=GROUPS)
    fits = [call for call in recorder.seen if call[0] == "fit"]
    splits = list(GroupKFold(cv or 5).split(MAPS, groups=GROUPS))
    assert len(fits) == matrix.scores.shape[2] == len(splits)
    for (train, test), call in zip(splits, fits, strict=True):
        np.testing.assert_array_equal(call[3], GROUPS[train])
        assert not set(call[3]) & set(GROUPS[test])


def test_few_groups_and_leaking_splitters():
    few = noise_matrix(linear(), MAPS, VARIANCE, train_noise=[0], groups=np.arange(N) % 3)
    assert few.scores.shape == (1, 1, 3)
    with (
        pytest.warns(UserWarning, match="ignored by KFold"),
        pytest.warns(LeakageWarning, match="both sides of a split"),
    ):
        noise_matrix(
            linear(), MAPS, VARIANCE, train_noise=[0], groups=GROUPS, cv=KFold(5, shuffle=True)
        )
    split = GroupShuffleSplit(1, test_size=0.3, random_state=0)
    single = noise_matrix(linear(), MAPS, VARIANCE, train_noise=[0], groups=GROUPS, cv=split)
    assert single.scores.shape == (1, 1, 1)


def test_seeds_and_sources():
    """Noise goes by the row of a map and the seed, whether maps are in memory or lazy."""
    model = make_pipeline(FieldScaler(), NET)
    parameters = {"train_noise": [0, (0, 1.0)], "cv": KFold(2)}
    maps = MAPS[:, :8, :9]
    one = noise_matrix(model, maps, VARIANCE, **parameters)
    lazy = noise_matrix(model, open_maps(maps), VARIANCE, **parameters)
    np.testing.assert_array_equal(one.scores, lazy.scores)
    other = noise_matrix(model, maps, VARIANCE, **parameters, random_state=1)
    np.testing.assert_array_equal(one.scores[0, 0], other.scores[0, 0])
    assert (one.scores[1] != other.scores[1]).all()
    assert (one.scores[0, 1] != other.scores[0, 1]).all()
    assert not hasattr(model[-1], "net_")


def test_jobs(monkeypatch):
    """Equal bits for any number of jobs, which are sent what can be pickled."""
    monkeypatch.setattr(
        "skastro.model_selection._noise_matrix.fit_and_score",
        lambda *given: sent(fit_and_score(*sent(given))),
    )
    model = make_pipeline(Moments(), Ridge())
    parameters = {"train_noise": [0, (0, 1.0)], "cv": 3, "return_estimator": True}
    with parallel_config(backend="threading"):
        one, two = (
            noise_matrix(model, open_maps(MAPS[:, :8, :9]), VARIANCE, **parameters, n_jobs=n_jobs)
            for n_jobs in (1, 2)
        )
    np.testing.assert_array_equal(one.scores, two.scores)
    coefficients = (
        [[model[-1].coef_ for model in row] for row in matrix.estimators] for matrix in (one, two)
    )
    np.testing.assert_array_equal(*coefficients)


def test_levels_of_other_transformers():
    """What adds noise may be any transformer, of arrays as well; so are lazy maps brought to it."""
    louder = FunctionTransformer(lambda maps: maps * np.float32(2))
    for maps in (MAPS, open_maps(MAPS)):
        matrix = noise_matrix(
            linear(),
            maps,
            VARIANCE,
            train_noise={"louder": louder},
            test_noise={"louder": louder, "none": None},
            scoring="neg_mean_squared_error",
        )
        assert matrix.mean[0, 0] > -0.1
        # A quarter of the feature gives a quarter of the target.
        assert matrix.mean[0, 1] == pytest.approx(-np.mean((0.75 * VARIANCE) ** 2), rel=0.1)


def test_fresh_noise_in_each_epoch(monkeypatch):
    """A net sees its maps with other noise in each epoch, also behind other steps."""
    epochs = []
    read = LazyMaps.realization
    monkeypatch.setattr(
        LazyMaps, "realization", lambda maps, epoch: (epochs.append(epoch), read(maps, epoch))[1]
    )
    model = TransformedTargetRegressor(make_pipeline(FieldScaler(), NET))
    noise_matrix(model, MAPS[:, :8, :9], VARIANCE, train_noise=[1.0], cv=2)
    assert epochs == [1, 2, 1, 2]


def test_interrupted(tmp_path, interrupt):
    """With a checkpoint a matrix that was broken off goes on, and ends the same."""
    maps = MAPS[:, :8, :9]

    def run(folder):
        model = make_pipeline(FieldScaler(), NET).set_params(
            cnnregressor__checkpoint=folder, cnnregressor__checkpoint_interval=0
        )
        return noise_matrix(model, maps, VARIANCE, train_noise=[0, 1.0], cv=2)

    expected = run(None)
    interrupt(6)  # in the second epoch of the third of four fits of two steps an epoch
    interrupted = False
    try:
        run(tmp_path)
    except KeyboardInterrupt:
        interrupted = True
    assert interrupted
    assert len(list(tmp_path.iterdir())) > 0
    np.testing.assert_array_equal(run(tmp_path).scores, expected.scores)


def test_levels_and_names():
    """Numbers, pairs, quantities and transformers, named by themselves or by a dict."""
    levels = [None, 1, (0, 2.5), 0.003 * u.mK, [1 * u.uK, 3 * u.uK]]
    matrix = noise_matrix(linear(), MAPS, VARIANCE, train_noise=levels, unit="uK", cv=2)
    assert matrix.train_names == ["none", "1", "0-2.5", "0.003 mK", "1 uK-3 uK"]
    assert matrix.test_names == matrix.train_names
    assert matrix.unit == "uK"
    named = {
        "clean": 0,
        "white": WhiteNoise(3.0, random_state=7),
        "late": WhiteNoise(3.0, when="fit"),
        "both": make_pipeline(WhiteNoise(3.0), WhiteNoise(4.0)),
        "five": 5.0,
    }
    error = noise_matrix(
        linear(),
        MAPS,
        VARIANCE,
        train_noise=[0],
        test_noise=named,
        scoring="neg_mean_squared_error",
    ).mean[0]
    assert error[1] == error[2] == pytest.approx(-81, rel=0.06)
    assert error[3] == pytest.approx(error[4], rel=0.05)
    assert error[4] == pytest.approx(-625, rel=0.06)
    same = noise_matrix(
        linear(),
        MAPS,
        VARIANCE,
        train_noise=[0],
        test_noise=[3 * u.uK],
        unit=u.uK,
        cv=5,
        scoring="neg_mean_squared_error",
    )
    assert same.mean[0, 0] == error[1]


def test_table():
    pd = pytest.importorskip("pandas")
    scores = np.arange(12.0).reshape(2, 3, 2) / 8
    matrix = NoiseMatrix(scores, np.array([0.0, -1.0]), ["a", "b"], ["c", "d", "e"], "r2")
    table = matrix.table(digits=2)
    assert table.loc["a", "d"] == "0.31 +- 0.06"
    assert table.loc["dummy"].tolist() == ["-0.50 +- 0.50"] * 3
    assert (table.index.name, table.columns.name) == ("trained", "tested")
    tidy = matrix.table(tidy=True)
    assert isinstance(tidy, pd.DataFrame)
    assert len(tidy) == 18
    means = tidy.pivot_table("r2", "trained", "tested", sort=False)
    np.testing.assert_allclose(means.loc[["a", "b"]], matrix.mean)
    np.testing.assert_allclose(matrix.std, 1 / 16)


def test_estimators_are_kept():
    matrix = noise_matrix(linear(), MAPS, VARIANCE, train_noise=[0, 1], cv=3, return_estimator=True)
    assert [len(row) for row in matrix.estimators] == [3, 3]
    clean, noisy = (row[0].predict(MAPS) for row in matrix.estimators)
    np.testing.assert_allclose(noisy - clean, -1, atol=0.2)
    trained = [row[0] for row in matrix.estimators]
    assert trained[0] is not trained[1]
    assert noise_matrix(linear(), MAPS, VARIANCE, train_noise=[0]).estimators is None


def test_failures():
    """What fails has a score of its own, and only what fails."""

    def picky(maps):
        if np.mean(maps**2) > 10:
            raise RuntimeError("too loud")
        return mean_square(maps)

    model = make_pipeline(FunctionTransformer(picky), Ridge())
    levels = [0, 6.0]
    with pytest.warns(FitFailedWarning, match=r"10 of 10 fits .*\n.*(?s:.*)too loud"):
        matrix = noise_matrix(model, MAPS, VARIANCE, train_noise=levels)
    assert np.isnan(matrix.scores).mean() == 0.75
    assert np.isfinite(matrix.scores[0, 0]).all()
    with pytest.warns(FitFailedWarning):
        matrix = noise_matrix(model, MAPS, VARIANCE, train_noise=levels, error_score=-9.0)
    assert (matrix.scores[1] == -9).all()
    with pytest.raises(RuntimeError, match="too loud"):
        noise_matrix(model, MAPS, VARIANCE, train_noise=levels, error_score="raise")
    with pytest.raises(ValueError, match=r"All 5 fits of noise_matrix failed.(?s:.*)too loud"):
        noise_matrix(model, MAPS, VARIANCE, train_noise=[6.0])


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"train_noise": 3}, TypeError, "'train_noise' .* must be a list of levels, or a dict"),
        ({"train_noise": []}, ValueError, "'train_noise' .* at least one level"),
        ({"train_noise": [0, 1, 1]}, ValueError, r"different names; got \['0', '1', '1'\]"),
        ({"train_noise": ["loud"]}, TypeError, "Got 'loud'"),
        ({"train_noise": [True]}, TypeError, "Got True"),
        ({"train_noise": [-1]}, ValueError, "Got -1"),
        ({"test_noise": [(2, 1)]}, ValueError, r"'test_noise' .* Got \(2, 1\)"),
        ({"test_noise": [np.inf]}, ValueError, "finite. Got inf"),
        ({"test_noise": [[1, 2, 3]]}, TypeError, r"Got \[1, 2, 3\]"),
        ({"train_noise": [3 * u.uK]}, ValueError, "noise_matrix(.*, unit=...)"),
        ({"train_noise": [3 * u.Jy], "unit": "uK"}, UnitMismatchError, "Jy"),
        ({"scoring": ["r2", "max_error"]}, TypeError, "'scoring' .* one score"),
        ({"error_score": "ignore"}, ValueError, "'error_score' .* 'raise' or a number"),
        ({"groups": GROUPS, "cv": 0}, ValueError, "n_splits"),
        (
            {"groups": GROUPS, "cv": 16},
            ValueError,
            r"cv=16.* 16 folds, and the number of groups is 15",
        ),
        ({"groups": np.zeros(N, int)}, ValueError, "2 folds, and the number of groups is 1"),
        ({"groups": GROUPS[:-1]}, ValueError, "inconsistent numbers of samples"),
        ({"y": None}, ValueError, "needs targets y"),
        ({"y": VARIANCE[:-1]}, ValueError, "inconsistent numbers of samples"),
    ],
)
def test_errors(parameters, error, message, recorder):
    """They come before any fit."""
    parameters = {"X": MAPS, "y": VARIANCE, "train_noise": [0, 1]} | parameters
    with pytest.raises(error, match=message):
        noise_matrix(recorder, **parameters)
