"""Scores over all cells of predicted fields."""

import sys

import h5py
import numpy as np
import pytest
from sklearn.metrics import matthews_corrcoef, r2_score, root_mean_squared_error

from skastro.maps import open_maps
from skastro.metrics import _field_sums, field_r2_score, field_report, matthews_at

RNG = np.random.default_rng(0)
REDSHIFT = np.array([8.0, 6.5, 8.0, 7.0, 6.5])
TRUTH = RNG.uniform(size=(5, 2, 7, 8, 9)) + 0.2 * (8 - REDSHIFT.reshape(-1, 1, 1, 1, 1))
PREDICTION = 0.9 * TRUTH + RNG.normal(scale=0.2, size=TRUTH.shape)


@pytest.fixture
def lazy(tmp_path):
    """Write fields to a file that is opened lazily."""

    def store(fields, name):
        with h5py.File(tmp_path / f"{name}.h5", "w") as file:
            file["fields"] = fields
        return open_maps(tmp_path / f"{name}.h5")

    return store


@pytest.mark.parametrize("shape", [(5,), (5, 504), (5, 14, 72), (5, 2, 28, 18), (5, 2, 7, 8, 9)])
def test_r2_of_all_cells(shape):
    """The axes do not matter: all cells are one set of numbers."""
    truth = TRUTH.ravel()[: np.prod(shape)].reshape(shape)
    pred = PREDICTION.ravel()[: np.prod(shape)].reshape(shape)
    found = field_r2_score(truth, pred)
    assert isinstance(found, float)
    assert found == pytest.approx(r2_score(truth.ravel(), pred.ravel()), rel=1e-12)


def test_r2_by_redshift():
    """Each redshift is scored against its own mean, and comes in ascending order."""
    scores = field_r2_score(TRUTH, PREDICTION, by=REDSHIFT)
    assert list(scores) == [6.5, 7.0, 8.0]
    for redshift, score in scores.items():
        rows = redshift == REDSHIFT
        expected = r2_score(TRUTH[rows].ravel(), PREDICTION[rows].ravel())
        assert score == pytest.approx(expected, rel=1e-12)
    names = field_r2_score(TRUTH, PREDICTION, by=["b", "a", "b", "b", "a"])
    assert list(names) == ["a", "b"]


def test_r2_with_weights():
    """Weights of samples are those of their cells, and a weight of zero leaves one out."""
    weight = np.array([1.0, 0.5, 2.0, 0.0, 3.0])
    cells = np.repeat(weight, TRUTH[0].size)
    expected = r2_score(TRUTH.ravel(), PREDICTION.ravel(), sample_weight=cells)
    found = field_r2_score(TRUTH, PREDICTION, sample_weight=weight)
    assert found == pytest.approx(expected, rel=1e-12)
    assert list(field_r2_score(TRUTH, PREDICTION, by=REDSHIFT, sample_weight=weight)) == [6.5, 8.0]
    for wrong in ([1, 1], [-1, 1, 1, 1, 1], np.zeros(5), [np.nan, 1, 1, 1, 1]):
        with pytest.raises(ValueError, match="'sample_weight' parameter of field_r2_score"):
            field_r2_score(TRUTH, PREDICTION, sample_weight=wrong)


def test_offsets_cost_no_digits():
    """Fields that are far from zero score as those about it."""
    steps = RNG.integers(0, 9, size=(2, 5, 7, 9)).astype(float)
    expected = field_r2_score(*steps)
    assert field_r2_score(*(steps + 2.0**49)) == pytest.approx(expected, rel=1e-12)
    shifted = (steps + 2.0**20).astype("float32")
    assert field_r2_score(*shifted) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e-30, 3e30])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_equal_truths(value, dtype):
    """Fields that do not vary have no r2, whatever their value is rounded to."""
    truth = np.full((3, 7, 8, 9), value, dtype)
    assert np.isnan(field_r2_score(truth, PREDICTION[:3, 0]))
    truth[1] += np.ones((), dtype)
    scores = field_r2_score(truth, PREDICTION[:3, 0], by=[1, 2, 1])
    assert np.isnan(list(scores.values())).all()


@pytest.mark.parametrize("kind", ["bool", "int8", "float16", ">f4"])
def test_kinds_of_numbers(kind):
    """Numbers of any kind are summed in float64."""
    truth = np.floor(3 * TRUTH[:, 0]).astype(kind)
    expected = r2_score(truth.astype(float).ravel(), PREDICTION[:, 0].ravel())
    assert field_r2_score(truth, PREDICTION[:, 0]) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("threshold", [0.5, 0.9, -3.0])
def test_matthews(threshold):
    """The coefficient is scikit-learn's, and 0 where there is one class."""
    classes = (threshold < TRUTH).ravel(), (threshold < PREDICTION).ravel()
    found = matthews_at(TRUTH, PREDICTION, threshold=threshold)
    if threshold == -3.0:
        assert found == 0
        return
    assert found == pytest.approx(matthews_corrcoef(*classes), rel=1e-12)
    by = matthews_at(TRUTH, PREDICTION, threshold=threshold, by=REDSHIFT)
    rows = REDSHIFT == 6.5
    expected = matthews_corrcoef(*(c.reshape(5, -1)[rows].ravel() for c in classes))
    assert by[6.5] == pytest.approx(expected, rel=1e-12)
    assert list(by) == [6.5, 7.0, 8.0]


def test_matthews_signs():
    """Right is 1, wrong is -1, and the threshold itself is not above it."""
    field = np.array([[0.0, 0.5, 0.6, 1.0]])
    assert matthews_at(field, field) == 1
    assert matthews_at(field, 1.05 - field) == -1
    assert matthews_at(field, [[0.0, 0.0, 1.0, 1.0]]) == 1


def test_many_cells_are_counted():
    """Products of counts are not cut off at 64 bits."""
    counts = np.array([[10**9, 10**8], [10**8, 10**9]])
    assert _field_sums.matthews(counts) == pytest.approx(9 / 11)


def test_report():
    """Every column holds the score of its name, for each redshift and for all."""
    pytest.importorskip("pandas")
    table = field_report(TRUTH, PREDICTION, by=REDSHIFT, threshold=0.7)
    assert list(table.index) == [6.5, 7.0, 8.0, "all"]
    assert table["n_samples"].tolist() == [2, 1, 2, 5]
    for name, row in table.iterrows():
        rows = np.full(5, True) if name == "all" else name == REDSHIFT
        truth, pred = TRUTH[rows].ravel(), PREDICTION[rows].ravel()
        expected = {
            "n_samples": rows.sum(),
            "r2": r2_score(truth, pred),
            "rmse": root_mean_squared_error(truth, pred),
            "rmse_of_mean": truth.std(),
            "mean_true": truth.mean(),
            "mean_pred": pred.mean(),
            "matthews": matthews_corrcoef(truth > 0.7, pred > 0.7),
        }
        assert list(row.index) == list(expected)
        np.testing.assert_allclose(row, list(expected.values()), rtol=1e-12)


def test_report_without_by():
    """Without redshifts there is one row; a Series names the others."""
    pd = pytest.importorskip("pandas")
    assert list(field_report(TRUTH, PREDICTION).index) == ["all"]
    series = pd.Series(REDSHIFT, name="redshift")
    table = field_report(TRUTH, PREDICTION, by=series)
    assert table.index.name == "redshift"
    np.testing.assert_array_equal(table.loc["all"], field_report(TRUTH, PREDICTION).loc["all"])
    constant = field_report(0 * TRUTH + 0.1, PREDICTION)
    assert np.isnan(constant.loc["all", "r2"])
    assert constant.loc["all", "rmse_of_mean"] == 0


def test_lazy_fields_are_read_in_pieces(lazy, monkeypatch):
    """Fields in files score as arrays, and are never read whole; large ones go block by block."""
    pd = pytest.importorskip("pandas")
    truth, pred = TRUTH.astype("float32"), PREDICTION.astype("float32")
    expected = field_report(truth, pred, by=REDSHIFT)
    monkeypatch.setattr(_field_sums, "_CHUNK_BYTES", 2 * truth[0].nbytes)
    monkeypatch.setattr(_field_sums, "_BLOCK_CELLS", 100)
    sizes = []
    read = _field_sums.read_samples

    def counted(*given):
        found = read(*given)
        sizes.append(len(found))
        return found

    monkeypatch.setattr(_field_sums, "read_samples", counted)
    lazies = lazy(truth, "truth"), lazy(pred, "prediction")
    for first in (lazies[0], truth):
        found = field_report(first, lazies[1], by=REDSHIFT)
        pd.testing.assert_frame_equal(found, expected, rtol=1e-12)
    assert sizes == [2, 2, 2, 2, 1, 1] * 2


@pytest.mark.parametrize("score", [field_r2_score, matthews_at, field_report])
def test_errors(score):
    """The function, the argument and the remedy are named."""
    name = score.__name__
    with pytest.raises(ValueError, match=rf"{name} takes y_true and .*\(5, 2, 7, .*y\[:, 0\]"):
        score(TRUTH, PREDICTION[:, 0])
    for by in ([1, 2], np.zeros((5, 1)), [1.0, 2.0, np.nan, 1.0, 1.0]):
        with pytest.raises(ValueError, match=f"'by' parameter of {name} .* each of 5 samples"):
            score(TRUTH, PREDICTION, by=by)
    for number, kind in ((np.nan, "NaN"), (np.inf, "inf")):
        bad = PREDICTION.copy()
        bad[3, 1, 2, 5, 8] = number
        with pytest.raises(ValueError, match=rf"{name}: y_pred .* {kind}.* 3 at \(1, 2, 5, 8\)"):
            score(TRUTH, bad)
    with pytest.raises(ValueError, match=f"{name} takes real numbers .* y_true has .* complex"):
        score(TRUTH + 1j, PREDICTION)
    with pytest.raises(ValueError, match=f"{name} takes real numbers"):
        score(TRUTH[:0], PREDICTION[:0])
    with pytest.raises(ValueError, match=f"{name} takes no masked values"):
        score(np.ma.masked_less(TRUTH, 0.5), PREDICTION)
    if score is not field_r2_score:
        for threshold in (np.nan, "0.5", None, True):
            with pytest.raises(ValueError, match=f"'threshold' parameter of {name}"):
                score(TRUTH, PREDICTION, threshold=threshold)


def test_without_pandas(monkeypatch):
    """Where pandas is missing, the error says how to install it."""
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"skastro\[plot\]"):
        field_report(TRUTH, PREDICTION)
