"""Predictions with checks before and after."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import Bunch

from skastro.exceptions import TrainingRangeWarning
from skastro.persistence import TrainingRecord, predict
from skastro.persistence._guard import attach


@pytest.fixture
def guarded(model, training):
    """The pipeline, with its record."""
    return attach(model, TrainingRecord.make(model, training))


def test_predictions_are_those_of_the_model(guarded, held_out):
    """A Bunch and its maps give what predict gives, with its parameters."""
    wanted = guarded.predict(held_out.maps, return_std=True)
    for data in (held_out, held_out.maps):
        np.testing.assert_array_equal(predict(guarded, data), wanted[0])
        found = predict(guarded, data, return_std=True)
        for a, b in zip(found, wanted, strict=True):
            np.testing.assert_array_equal(a, b)


def test_what_the_bunch_says_is_checked(guarded, held_out):
    """Other units are warned of before the values show them."""
    other = Bunch(**(dict(held_out) | {"units": ["kg", "K"]}))
    with pytest.warns(TrainingRangeWarning, match="multiply by") as caught:
        predict(guarded, other)
    assert len(caught) == 1


def test_values_are_checked_once(guarded, held_out):
    """The model itself looks at the maps, and nobody else."""
    with pytest.warns(TrainingRangeWarning) as caught:
        predict(guarded, 1e6 * held_out.maps)
    assert sum("maps that were looked at" in str(one.message) for one in caught) == 1


def test_values_are_checked_before_steps_of_scikit_learn():
    """Where no part of this library sees the maps first, predict looks at them."""
    X = np.random.default_rng(0).normal(size=(20, 6))
    model = make_pipeline(StandardScaler(), Ridge()).fit(X, X[:, 0])
    attach(model, TrainingRecord.make(model, Bunch(maps=X)))
    predict(model, X)
    model.predict(1e6 * X)
    with pytest.warns(TrainingRangeWarning, match="maps that were looked at"):
        predict(model, 1e6 * X)


class Beyond(BaseEstimator):
    """Predicts ten for everything, and five as its error."""

    fitted_ = True

    def predict(self, X, return_std=False):
        """Ten."""
        mean = np.full(len(X), 10.0)
        return (mean, mean / 2) if return_std else mean


@pytest.mark.parametrize("return_std", [False, True])
def test_predictions_are_checked(return_std):
    """Predictions beyond the targets are warned of, also beside their errors."""
    X = np.random.default_rng(0).normal(size=(6, 4, 4))
    model = Beyond()
    attach(model, TrainingRecord.make(model, Bunch(maps=X, target=np.arange(6))))
    with pytest.warns(TrainingRangeWarning, match=r"100 % of 'target' \(trained on 0 to 5\)"):
        predict(model, X, return_std=return_std)


def test_model_needs_a_record(model, held_out):
    """A model that was not loaded has nothing to compare with."""
    with pytest.raises(TypeError, match=r"a record of its training.*Got Pipeline without one"):
        predict(model, held_out)


def test_bunch_needs_maps(guarded):
    """A Bunch without maps is no data."""
    with pytest.raises(TypeError, match=r"or a Bunch with 'maps'\. Got one with target"):
        predict(guarded, Bunch(target=[1]))
