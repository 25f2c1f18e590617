"""Accuracy within some classes."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score

from skastro.metrics import adjacent_accuracy_score

LABELS = np.arange(6.0, 14.5, 0.5)


@pytest.mark.parametrize("distance", [0, 1, 2, 5])
@pytest.mark.parametrize("weighted", [False, True])
def test_against_distances_in_redshift(distance, weighted):
    """Classes half a unit apart are as far apart as their redshifts say."""
    rng = np.random.default_rng(distance)
    y_true, y_pred = rng.choice(LABELS, size=(2, 400))
    weight = rng.uniform(size=400) if weighted else None
    near = np.abs(y_true - y_pred) <= distance * 0.5 + 1e-9
    score = adjacent_accuracy_score(
        y_true, y_pred, labels=LABELS, distance=distance, sample_weight=weight
    )
    assert score == pytest.approx(np.average(near, weights=weight))
    if distance == 0:
        accuracy = accuracy_score(y_true.astype(str), y_pred.astype(str), sample_weight=weight)
        assert score == pytest.approx(accuracy)


def test_order_of_labels():
    """Labels need not be sorted, and may be words."""
    stages = ["neutral", "bubbles", "ionized"]
    y_true, y_pred = ["neutral", "ionized", "bubbles"], ["ionized", "bubbles", "bubbles"]
    assert adjacent_accuracy_score(y_true, y_pred, labels=stages) == pytest.approx(2 / 3)
    assert adjacent_accuracy_score(y_true, y_pred, labels=stages, distance=2) == 1.0


def test_classes_that_do_not_occur():
    """Without labels an absent class is no step."""
    assert adjacent_accuracy_score([1, 3], [3, 3]) == 1.0
    assert adjacent_accuracy_score([1, 3], [3, 3], labels=[1, 2, 3]) == 0.5


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (([1, 2], [1, 3]), {"labels": [1, 2]}, "class 3 is not among labels"),
        (([1, 2], [1, 2]), {"labels": [1, 2, 2]}, "names a class twice"),
        (([1, 2], [1, 2]), {"distance": -1}, "'distance' parameter .* Got -1"),
        (([1, 2], [1, 2]), {"distance": 0.5}, "'distance' parameter .* Got 0.5"),
        (([1, 2], [1, 2]), {"distance": True}, "'distance' parameter .* Got True"),
        (([1, 2], [1]), {}, "inconsistent numbers of samples"),
        (([], []), {}, "at least one sample"),
    ],
)
def test_errors(arguments, options, message):
    """What cannot be is refused."""
    with pytest.raises(ValueError, match=message):
        adjacent_accuracy_score(*arguments, **options)
