"""A noise matrix as a heat map: which numbers, where, in which colours."""

import io

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline

from skastro.inspection import NoiseMatrixDisplay
from skastro.model_selection import NoiseMatrix, noise_matrix
from skastro.statistics import Moments

plt = pytest.importorskip("matplotlib.pyplot")

MEAN = np.array([[0.9, 0.5, -9.0], [0.8, 0.7, 0.4]])
SCORES = MEAN[..., None] + np.array([-0.1, 0.0, 0.1])
DUMMY = np.array([-0.3, -0.1, -0.2])


@pytest.fixture(autouse=True)
def _closed_figures():
    yield
    plt.close("all")


def matrix(scores=SCORES, dummy=DUMMY, unit=None):
    return NoiseMatrix(scores, dummy, ["none", "5"], ["0", "5", "10"], "r2", unit)


def test_numbers():
    """Rows are training levels, columns testing levels, each with mean and spread."""
    display = NoiseMatrixDisplay.from_matrix(matrix(unit="uK"))
    np.testing.assert_allclose(display.image_.get_array(), MEAN)
    spread = "\n\N{PLUS-MINUS SIGN}0.08"
    texts = [[text.get_text() for text in row] for row in display.texts_]
    assert texts == [
        [f"0.90{spread}", f"0.50{spread}", f"\N{MINUS SIGN}9.00{spread}"],
        [f"0.80{spread}", f"0.70{spread}", f"0.40{spread}"],
    ]
    assert display.texts_[0, 2].get_position() == (2, 0)
    ax = display.ax_
    assert [label.get_text() for label in ax.get_xticklabels()] == ["0", "5", "10"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["none", "5"]
    assert ax.get_xlabel() == "tested with noise [uK]"
    assert display.colorbar_.ax.get_ylabel() == "r2"
    assert "\N{MINUS SIGN}0.20 \N{PLUS-MINUS SIGN} 0.08" in display.dummy_text_.get_text()
    assert display.figure_.get_size_inches()[0] == pytest.approx(3.4)
    display.figure_.savefig(io.BytesIO())


def test_colours():
    """They end as far below the dummy as the best is above it, unless told otherwise."""
    display = NoiseMatrixDisplay(matrix()).plot()
    np.testing.assert_allclose(display.image_.get_clim(), (-1.3, 0.9))
    assert display.colorbar_.extend == "min"
    assert len(display.colorbar_.ax.lines) == 2
    dark, bright = display.texts_[0, 2], display.texts_[0, 0]
    assert (dark.get_color(), bright.get_color()) == ("white", "black")
    display = NoiseMatrixDisplay(matrix()).plot(vmin=0, vmax=0.8, cmap="viridis", digits=1)
    assert display.image_.get_clim() == (0, 0.8)
    assert display.colorbar_.extend == "both"
    assert display.image_.get_cmap().name == "viridis"
    assert len(display.colorbar_.ax.lines) == 0
    assert display.texts_[1, 1].get_text().startswith("0.7\n")
    useless = NoiseMatrixDisplay(matrix(SCORES - 5)).plot()
    np.testing.assert_allclose(useless.image_.get_clim(), (-14, -4.1))


def test_odd_scores():
    """One fold has no spread; scores that are equal or absent are drawn too."""
    display = NoiseMatrixDisplay(matrix(SCORES[..., :1], DUMMY[:1])).plot()
    assert display.texts_[0, 0].get_text() == "0.80"
    assert display.dummy_text_.get_text().endswith("\N{MINUS SIGN}0.30")
    for value in (np.nan, 0.5):
        display = NoiseMatrixDisplay(matrix(np.full((2, 3, 2), value))).plot()
        display.figure_.savefig(io.BytesIO())
        if np.isnan(value):
            assert display.texts_[1, 1].get_text().startswith("nan")
            assert display.texts_[1, 1].get_color() == "black"
    low, high = display.image_.get_clim()
    assert low < 0.5 < high or low <= 0.5 < high


def test_from_estimator():
    """The matrix is made and drawn, into axes that are given."""
    rng = np.random.default_rng(0)
    y = rng.uniform(1, 2, size=20)
    maps = y[:, None, None] * rng.normal(size=(20, 16, 17))
    model = make_pipeline(Moments(), Ridge())
    _, ax = plt.subplots()
    parameters = {"train_noise": [0, 1], "test_noise": {"loud": 2.0}, "cv": 2}
    display = NoiseMatrixDisplay.from_estimator(model, maps, y, **parameters, ax=ax, digits=1)
    expected = noise_matrix(model, maps, y, **parameters)
    np.testing.assert_array_equal(display.matrix.scores, expected.scores)
    assert display.ax_ is ax
    assert display.figure_ is ax.figure
    assert len(plt.get_fignums()) == 1


def test_long_names():
    """Names that do not fit side by side stand aslant."""
    names = [f"radiometer of {i} hours" for i in range(3)]
    display = NoiseMatrixDisplay(NoiseMatrix(SCORES, DUMMY, ["a", "b"], names)).plot()
    assert display.ax_.get_xticklabels()[0].get_rotation() == 35


def test_negated_scores():
    """Errors that a scorer negated are drawn as errors, in the same colours."""
    errors = NoiseMatrixDisplay.from_matrix(matrix(), negate_score=True, vmin=-9.0, vmax=1.0)
    np.testing.assert_allclose(errors.image_.get_array(), -MEAN)
    assert errors.texts_[0, 0].get_text().startswith("\N{MINUS SIGN}0.90")
    assert errors.texts_[0, 2].get_text().startswith("9.00")
    assert "0.20 \N{PLUS-MINUS SIGN} 0.08" in errors.dummy_text_.get_text()
    same = NoiseMatrixDisplay.from_matrix(matrix())
    free = NoiseMatrixDisplay.from_matrix(matrix(), negate_score=True)
    for display in (same, free):
        display.figure_.canvas.draw()
    np.testing.assert_allclose(
        same.image_.to_rgba(same.image_.get_array()),
        free.image_.to_rgba(free.image_.get_array()),
        atol=0.02,
    )
