"""Values of all kinds in a model, and those that have no place in a file."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from astropy import units as u
from astropy.cosmology.units import littleh
from scipy.sparse import csr_array
from sklearn.base import BaseEstimator
from sklearn.cluster import DBSCAN
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from skastro.exceptions import ModelFileError
from skastro.maps import open_maps
from skastro.model_selection import compare
from skastro.persistence import load, register, save
from skastro.preprocessing import SignedLog


@register(name="tests.Holder")
class Holder(BaseEstimator):
    """Holds values."""

    def __init__(self, values=None):
        self.values = values

    def method(self):
        """Do nothing."""


def draw(*shape, seed=0):
    """Numbers that are always the same."""
    return np.random.default_rng(seed).normal(size=shape)


def test_values_of_all_kinds(tmp_path):
    """Parameters come back with their types, and shared objects stay shared."""
    shared = np.arange(3.0)
    masked = np.ma.MaskedArray([1, 2], mask=[True, False], fill_value=7)
    structured = np.array([(1, 2.5)], dtype=[("a", "i4"), ("b", ">f8", (1,))])
    values = {
        "floats": [np.nan, np.inf, -np.inf, -0.0, 0.1, 1e-320],
        "whole": [2**63, -(2**70), True, None, 3],
        "containers": ((1, 2), {3}, frozenset({1}), {1: "a", None: 2, (1, 2): 3}, [[]]),
        "others": [slice(1, None, 2), range(3, 1, -1), ..., 1j, b"\x00", Path("a") / "b"],
        "numbers": [np.float32(0.1), np.int64(3), np.bool_(True), np.str_("é"), np.float64("nan")],
        "dtypes": [np.dtype(">f4"), np.float64, structured.dtype, float, str],
        "arrays": [
            np.asfortranarray(draw(3, 4)),
            draw(4, 6)[:, 1:3],
            draw(6)[::-1],
            np.array(["a", "bcé"]),
            np.array([None, "a", (1, 2)], dtype=object),
            np.array(["2020-01-01"], dtype="M8[D]"),
            np.arange(3, dtype=">i4"),
            np.zeros((0, 3)),
            np.array(1.5),
            np.array([True, False]),
            np.array([1j]),
            structured,
        ],
        "masked": masked,
        "same": [shared, shared],
        "states": [np.random.RandomState(3), np.random.default_rng(4), np.random.SeedSequence(5)],
        "units": [u.solMass / (u.Mpc / littleh) ** 3, 3 * u.K, [1.0, 2.0] * u.Unit("1e-3 km / s")],
        "torch": [torch.float32, torch.device("cpu"), torch.ones(2, dtype=torch.bfloat16)],
    }
    path = save(Holder(values), tmp_path / "values.skastro")
    again = load(path).values
    for key in ("floats", "whole", "containers", "others", "dtypes"):
        assert repr(again[key]) == repr(values[key]), key
    for a, b in zip(again["numbers"], values["numbers"], strict=True):
        assert type(a) is type(b)
        np.testing.assert_equal(a, b)
    for a, b in zip(again["arrays"], values["arrays"], strict=True):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        np.testing.assert_array_equal(a, b)
    for i in (0, 1):  # in Fortran's order, and with gaps, which the last bits of products feel
        assert again["arrays"][i].strides == values["arrays"][i].strides
    assert repr(again["masked"]) == repr(masked)
    assert again["same"][0] is again["same"][1]
    for a, b in zip(again["states"][:2], values["states"][:2], strict=True):
        np.testing.assert_array_equal(a.random(5), b.random(5))
    assert again["states"][2].generate_state(2).tolist() == [
        int(n) for n in values["states"][2].generate_state(2)
    ]
    assert again["units"][0] == values["units"][0]
    assert (again["units"][1], again["units"][2].unit) == (3 * u.K, values["units"][2].unit)
    assert again["torch"][:2] == values["torch"][:2]
    assert torch.equal(again["torch"][2], values["torch"][2])


def test_results_come_back(tmp_path):
    """A comparison of candidates is saved as models are."""
    X = draw(20, 3)
    compared = compare({"ridge": Ridge()}, X, X[:, 0], cv=2, groups=np.arange(20) // 2)
    again = load(save(compared, tmp_path / "compared.skastro", with_card=False))
    assert repr(again) == repr(compared)
    np.testing.assert_equal(again.scores, compared.scores)


def test_columns_by_name(tmp_path):
    """Names of columns, and the columns that are left, are kept as they were given."""
    pandas = pytest.importorskip("pandas")
    X = pandas.DataFrame(draw(6, 3), columns=["a", "b", "c"])
    columns = ColumnTransformer([("a", StandardScaler(), ["b"])], remainder=StandardScaler())
    columns.set_output(transform="pandas").fit(X)
    again = load(save(columns, tmp_path / "columns.skastro"))
    pandas.testing.assert_frame_equal(again.transform(X), columns.transform(X))
    assert again.feature_names_in_.tolist() == ["a", "b", "c"]


def scaled(X):
    """A function that is not registered."""
    return 2 * X


def within_itself():
    """A list that contains itself."""
    found = []
    found.append(found)
    return found


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (lambda x: x, "lambda"),
        (scaled, "register"),
        (os.system, "system"),
        (open_maps(np.zeros((2, 3, 3))), "LazyMaps"),
        (within_itself(), "contains itself"),
        (np.array([1], dtype=object).view(np.matrix), "plain array"),
        (u.def_unit("parrot"), "unit"),
        (torch.nn.LSTM(2, 2), "recurrent"),
        (DBSCAN(), "sklearn.cluster._dbscan.DBSCAN"),
        (SVC(kernel=scaled), "register"),
        (SVC().fit(csr_array(np.eye(4)), [0, 1, 0, 1]), "dense"),
        (
            HistGradientBoostingRegressor(max_iter=1, categorical_features=[0]).fit(
                np.arange(40).reshape(-1, 1) % 4, np.arange(40)
            ),
            "without categories",
        ),
        (Holder.method, "register"),
    ],
)
def test_what_cannot_be_saved(value, words, tmp_path):
    """An error names the place, what is there, and the remedy; no file is left."""
    with pytest.raises(ModelFileError, match=words) as error:
        save(make_pipeline(SignedLog(), Holder({"a": [1, value]})), tmp_path / "model.skastro")
    assert ".values.a[1]" in str(error.value)
    assert "joblib" in str(error.value)
    assert not list(tmp_path.iterdir())
