"""Scores against the number of simulations, and the law that goes on from them."""

import warnings

import numpy as np
import pytest
from joblib import parallel_config
from scipy.stats import t as student
from sklearn.dummy import DummyRegressor
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import GroupKFold, cross_val_score

from skastro.exceptions import LeakageWarning
from skastro.maps import open_maps
from skastro.model_selection import SimulationCurve, simulation_curve

RNG = np.random.default_rng(0)
N_GROUPS, PER_GROUP = 50, 3
GROUPS = np.repeat(RNG.permutation(N_GROUPS), PER_GROUP)
Y = RNG.normal(size=N_GROUPS)[GROUPS]
X = Y[:, None] + RNG.normal(size=(len(Y), 6))
SIZES = np.array([10, 20, 40, 80, 160, 320])


def curve_of(floor, amplitude, exponent, spread=0.004, seed=0, n=SIZES, **parameters):
    """Scores that follow a law, with a fold's offset and scatter."""
    rng = np.random.default_rng(seed)
    error = floor + amplitude * n[:, None] ** -float(exponent)
    scores = 1 - error - spread * (rng.normal(size=5) + 0.2 * rng.normal(size=(len(n), 5)))
    return SimulationCurve(n, scores, np.zeros(5), "r2", **parameters)


def test_what_is_trained_on(recorder):
    """Whole simulations, the smaller choices within the larger, and equal tests for all."""
    curve = simulation_curve(
        recorder, X, Y, groups=GROUPS, sizes=[2, 7, 40], n_repeats=2, cv=GroupKFold(5)
    )
    assert curve.scores.shape == (3, 10)
    assert curve.n_simulations.tolist() == [2, 7, 40]
    fits = [call for call in recorder.seen if call[0] == "fit"]
    tests = [call[1] for call in recorder.seen if call[0] == "predict"]
    assert len(fits) == 5 * (2 + 2 + 1)  # all simulations can be chosen in but one way
    folds = list(GroupKFold(5).split(X, groups=GROUPS))
    tasks = [(s, f, r) for s in range(3) for f in range(5) for r in range(2 if s < 2 else 1)]
    chosen = {}
    for task, (_, maps, targets, groups), tested in zip(tasks, fits, tests, strict=True):
        train, test = folds[task[1]]
        names = np.unique(groups)
        assert len(names) == [2, 7, 40][task[0]]
        rows = train[np.isin(GROUPS[train], names)]
        np.testing.assert_array_equal(maps, X[rows])
        np.testing.assert_array_equal(targets, Y[rows])
        np.testing.assert_array_equal(tested, X[test])
        chosen[task] = set(names.tolist())
    assert all(chosen[0, f, r] < chosen[1, f, r] < chosen[2, f, 0] for _, f, r in tasks[:10])
    assert len({frozenset(chosen[1, f, r]) for _, f, r in tasks[:10]}) == 10


def test_scores_with_all_simulations():
    """The last size is a cross-validation, and the dummy is fitted on all."""
    curve = simulation_curve(Ridge(), X, Y, groups=GROUPS)
    expected = cross_val_score(Ridge(), X, Y, groups=GROUPS, cv=GroupKFold(5))
    np.testing.assert_allclose(curve.scores[-1], expected)
    dummy = cross_val_score(DummyRegressor(), X, Y, groups=GROUPS, cv=GroupKFold(5))
    np.testing.assert_allclose(curve.dummy_scores, dummy)
    assert curve.n_simulations.tolist() == [2, 4, 7, 12, 22, 40]
    assert curve.mean[-1] > curve.mean[0]
    shares = simulation_curve(Ridge(), X, Y, groups=GROUPS, sizes=[0.1, 0.5, 1.0])
    assert shares.n_simulations.tolist() == [4, 20, 40]
    np.testing.assert_array_equal(shares.scores[-1], curve.scores[-1])
    np.testing.assert_array_equal(shares.scores[0], curve.scores[1])


def test_seeds_jobs_and_lazy_maps():
    parameters = {"groups": GROUPS, "sizes": [3, 9], "n_bootstrap": 10}
    one = simulation_curve(Ridge(), X, Y, **parameters)
    with parallel_config(backend="threading"):
        lazy = simulation_curve(Ridge(), open_maps(X), Y, **parameters, n_jobs=2)
    np.testing.assert_allclose(lazy.scores, one.scores, rtol=1e-5)
    other = simulation_curve(Ridge(), X, Y, **parameters, random_state=1)
    assert (other.scores != one.scores).any()


@pytest.mark.parametrize("law", [(0.3, 2.0, 0.5), (0.1, 5.0, 1.0), (0.0, 1.0, 0.3)])
def test_law_is_found(law):
    """Without scatter the law is exact, beyond the data as well."""
    curve = curve_of(*law, spread=0)
    np.testing.assert_allclose(
        [curve.law.floor, curve.law.amplitude, curve.law.exponent], law, rtol=2e-3, atol=2e-3
    )
    low, middle, high = curve.extrapolate([640.0, 3000.0])
    truth = 1 - law[0] - law[1] * np.array([640.0, 3000.0]) ** -law[2]
    for end in (low, middle, high):
        np.testing.assert_allclose(end, truth, atol=1e-3)
    assert curve.needed(truth[0])[1] == pytest.approx(640, rel=0.02)
    errors = SimulationCurve(SIZES, curve.scores - 1, np.ones(5), "neg_mean_squared_error")
    assert errors.extrapolate(640)[1] == pytest.approx(truth[0] - 1, abs=1e-3)


def test_fit_is_the_weighted_least_squares():
    """No fit of SciPy is better."""
    from scipy.optimize import minimize

    curve = curve_of(0.3, 2.0, 0.5, spread=0.02, seed=3)
    sigma = curve.scores.std(axis=1, ddof=1) / np.sqrt(5)

    def chi2(p):
        return (((1 - curve.mean - p[0] - p[1] * SIZES ** -p[2]) / sigma) ** 2).sum()

    found = chi2([curve.law.floor, curve.law.amplitude, curve.law.exponent])
    bounds = [(0, None), (0, None), (0.05, 3)]
    best = min(minimize(chi2, [0.2, 2, c], bounds=bounds).fun for c in (0.3, 0.6, 1.0))
    assert found <= best + 1e-4


def test_intervals_cover():
    """Intervals of 80 % hold the truth about as often."""
    curves = [
        curve_of(0.3, 2.0, 0.5, 0.02, s, n_bootstrap=100, confidence_level=0.8) for s in range(40)
    ]
    truth = 1 - 0.3 - 2 * 1000**-0.5
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        hits = [low <= truth <= high for low, _, high in (c.extrapolate(1000) for c in curves)]
        needs = [low <= 1000 <= high for low, _, high in (c.needed(truth) for c in curves)]
    assert 0.65 < np.mean(hits) < 0.99
    assert 0.65 < np.mean(needs) < 0.99


def test_what_is_out_of_reach():
    curve = curve_of(0.3, 2.0, 0.5)
    with pytest.warns(UserWarning, match="more than 10 times the 320"):
        curve.extrapolate(4000)
    _, middle, high = curve.needed(0.75)
    assert middle == high == np.inf
    assert "out of reach" in curve.verdict(0.75)
    assert "which are there" in curve.verdict(0.5)
    text = str(curve)
    assert text.startswith("With 320 simulations r2 is 0.5")
    n = curve.needed((curve.extrapolate(320)[1] + 1 - curve.law.floor) / 2)[1]
    assert f"needs {n:.3g} simulations to train on, {n - 320:.3g} more than now" in text
    with pytest.raises(ValueError, match=r"'score' .* less than 1, the best r2"):
        curve.needed(1.0)
    with pytest.raises(ValueError, match=r"'n' .* greater than 0"):
        curve.extrapolate(0)


def test_laws_that_are_not_to_be_trusted():
    flat = SimulationCurve(SIZES, RNG.normal(0, 0.02, (6, 5)), np.zeros(5), "r2")
    assert any("do not rise" in problem for problem in flat.law.problems)
    with pytest.warns(UserWarning, match="no safe forecast here"):
        flat.extrapolate(640)
    assert "cannot be told" in flat.verdict()
    steps = np.array([0.1, 0.1, 0.1, 0.8, 0.8, 0.8])[:, None] + 0.01 * RNG.normal(size=(6, 5))
    stepped = SimulationCurve(SIZES, steps, np.zeros(5), "r2")
    assert any("do not follow a power law" in problem for problem in stepped.law.problems)
    for n, columns, scoring, reason in (
        (3, 5, "r2", "4 sizes or more"),
        (6, 2, "r2", "3 folds or more"),
        (6, 5, "score", "best value of the score 'score' is not known"),
    ):
        scores = curve_of(0.3, 2.0, 0.5).scores[:n, :columns]
        curve = SimulationCurve(SIZES[:n], scores, np.zeros(5), scoring)
        assert reason in curve.no_law
        assert "cannot be told" in curve.verdict()
        with pytest.raises(ValueError, match="needs a fitted law"):
            curve.needed(0.5)
    likelihood = curve_of(0.3, 2.0, 0.5).scores
    above = SimulationCurve(SIZES, likelihood, np.zeros(5), "neg_log_density_loss")
    assert "above 0 as the best 'neg_log_density_loss'" in above.no_law
    assert "cannot be told" in above.verdict()
    given = SimulationCurve(SIZES, curve_of(0.3, 2.0, 0.5).scores, np.zeros(5), best_score=1)
    assert given.law.exponent == curve_of(0.3, 2.0, 0.5).law.exponent


def test_table():
    pytest.importorskip("pandas")
    curve = curve_of(0.3, 2.0, 0.5)
    table = curve.table(digits=2)
    assert table.index.tolist() == [*SIZES.tolist(), "dummy"]
    assert table.loc[320, "r2"] == f"{curve.mean[-1]:.2f} +- {curve.std[-1]:.2f}"
    assert repr(curve).startswith("SimulationCurve(6 sizes up to 320 simulations, 5 folds")


def test_failures_and_leaks():
    class Picky(LinearRegression):
        def fit(self, X, y):
            if len(X) < 9:
                raise RuntimeError("too few")
            return super().fit(X, y)

    with pytest.warns(FitFailedWarning, match="too few"):
        curve = simulation_curve(Picky(), X, Y, groups=GROUPS, sizes=[2, 4, 8, 16, 32])
    assert np.isnan(curve.scores[0]).all()
    assert np.isfinite(curve.scores[1:]).all()
    assert "no fit failed" in curve.no_law
    split = [(np.arange(100), np.arange(98, 150))]
    with pytest.warns(LeakageWarning):
        simulation_curve(Ridge(), X, Y, groups=np.arange(150) // 10, cv=split, sizes=[2])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"groups": None}, "counts simulations and needs 'groups'"),
        ({"sizes": [1, 5]}, "'sizes' .* numbers from 2 to 40"),
        ({"sizes": [5, 41]}, "'sizes' .* numbers from 2 to 40"),
        ({"sizes": [0.5, 1.5]}, "'sizes' .* shares above 0"),
        ({"sizes": 5}, "'sizes' .* None or a sequence"),
        ({"n_repeats": 0}, "'n_repeats'"),
        ({"confidence_level": 95}, "'confidence_level'"),
        ({"cv": 60}, "number of groups is 50"),
    ],
)
def test_errors(parameters, message):
    with pytest.raises(ValueError, match=message):
        simulation_curve(Ridge(), X, Y, **({"groups": GROUPS} | parameters))


def test_folds_share_what_they_train_on():
    """Intervals of k folds are wider than of independent ones by sqrt(1 + k / (k - 1))."""
    offsets = np.array([-0.02, -0.01, 0.0, 0.01, 0.02])
    scores = 1 - (0.3 + 2.0 * SIZES[:, None] ** -0.7 + offsets)
    curve = SimulationCurve(SIZES, scores, np.zeros(5), "r2", n_bootstrap=4000)
    low, _, high = curve.extrapolate(200)
    independent = 2 * student.ppf(0.975, 4) * offsets.std(ddof=1) / np.sqrt(5)
    assert (high - low) / independent == pytest.approx(np.sqrt(1 + 5 / 4), rel=0.05)
