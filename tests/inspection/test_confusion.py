"""Confusion of classes: which numbers, which scales, which labels."""

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.metrics import accuracy_score, confusion_matrix

from skastro.inspection import ConfusionDisplay
from skastro.metrics import adjacent_accuracy_score

plt = pytest.importorskip("matplotlib.pyplot")

TRUE = np.array([0, 0, 0, 0, 1, 1, 2, 2, 2])
FOUND = np.array([0, 0, 1, 2, 1, 1, 2, 2, 1])


@pytest.fixture(autouse=True)
def _closed_figures():
    yield
    plt.close("all")


def numbers(display):
    """What stands in the cells."""
    texts = [text.get_text() for text in display.text_.flat]
    return np.reshape(texts, display.text_.shape).tolist()


@pytest.mark.parametrize(
    ("normalize", "shares", "cells"),
    [
        ("true", [[50, 25, 25], [0, 100, 0], [0, 100 / 3, 200 / 3]], ["50", "25", "25", "", "100"]),
        ("pred", [[100, 25, 100 / 3], [0, 50, 0], [0, 25, 200 / 3]], ["100", "25", "33", "", "50"]),
        ("none", [[2, 1, 1], [0, 2, 0], [0, 1, 2]], ["2", "1", "1", "", "2"]),
    ],
)
def test_shares(normalize, shares, cells):
    """Percent of rows, of columns or counts, as colours and numbers; zeros are left out."""
    display = ConfusionDisplay.from_predictions(TRUE, FOUND, normalize=normalize)
    np.testing.assert_allclose(display.im_.get_array(), shares)
    assert np.ravel(numbers(display)).tolist()[:5] == cells
    assert display.im_.get_clim() == (0, 2 if normalize == "none" else 100)
    np.testing.assert_array_equal(display.confusion_matrix, confusion_matrix(TRUE, FOUND))


def test_scores():
    """Those of the metrics, and in the title the second one for classes in an order."""
    display = ConfusionDisplay.from_predictions(TRUE, FOUND)
    assert display.accuracy_ == pytest.approx(accuracy_score(TRUE, FOUND))
    assert display.adjacent_accuracy_ == pytest.approx(adjacent_accuracy_score(TRUE, FOUND))
    assert "within" not in display.ax_.get_title(loc="left")
    display = ConfusionDisplay.from_predictions(TRUE, FOUND, ordered=True)
    assert display.ax_.get_title(loc="left").startswith("accuracy 67%, within one class 89%\n")


def test_estimator_labels_and_weights():
    """Classes that do not occur have a row, and weights count."""
    weights = np.arange(9.0)
    model = DummyClassifier().fit(np.zeros((9, 4, 4)), TRUE)
    display = ConfusionDisplay.from_estimator(
        model,
        np.zeros((9, 4, 4)),
        TRUE,
        labels=[0, 1, 2, 3],
        sample_weight=weights,
        display_labels=["a", "b", "c", "d"],
        class_name="kind",
    )
    assert display.confusion_matrix[:, 0].tolist() == [6, 9, 21, 0]
    assert [label.get_text() for label in display.ax_.get_xticklabels()] == ["a", "b", "c", "d"]
    assert display.ax_.get_xlabel() == "predicted kind"
    assert display.ax_.get_ylabel() == "true kind"


@pytest.mark.parametrize("n_classes", [2, 17, 40])
def test_many_classes(n_classes):
    """Numbers get smaller, then a colour bar takes their place, and every other label goes."""
    truth = np.arange(n_classes)
    display = ConfusionDisplay.from_predictions(truth, truth)
    n_labels = len(display.ax_.get_yticklabels())
    if n_classes == 40:
        assert display.text_ is None
        assert display.colorbar_.ax.get_ylabel() == "% of the true class"
        assert n_labels == 20
        return
    assert display.colorbar_ is None
    assert n_labels == n_classes
    size = display.text_[0, 0].get_fontsize()
    assert size == 7 if n_classes == 2 else 5 <= size < 7
    display.figure_.set_dpi(300)
    cell = display.ax_.get_window_extent().width / n_classes
    assert display.text_[0, 0].get_window_extent().width <= cell


def test_what_is_no_matrix():
    """Names, shapes and scales that do not fit."""
    with pytest.raises(ValueError, match=r"'display_labels'.*3 classes.*2 names"):
        ConfusionDisplay.from_predictions(TRUE, FOUND, display_labels=["a", "b"])
    with pytest.raises(ValueError, match=r"'confusion_matrix'.*\(2, 3\)"):
        ConfusionDisplay(np.ones((2, 3))).plot()
    with pytest.raises(ValueError, match="sum 0"):
        ConfusionDisplay(np.zeros((2, 2))).plot()
    with pytest.raises(ValueError, match=r"'normalize'.*'rows'"):
        ConfusionDisplay.from_predictions(TRUE, FOUND, normalize="rows")
