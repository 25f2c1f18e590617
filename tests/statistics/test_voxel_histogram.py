"""Histograms of voxels against NumPy's."""

import numpy as np
import pytest
import torch

from skastro.maps import open_maps
from skastro.statistics import VoxelHistogram

RNG = np.random.default_rng(0)
X = RNG.gamma(2.0, size=(5, 2, 7, 8, 9)).astype("float32")
EDGES = [0.25, 0.5, 1.0, 2.0, 4.0]


def expected(values, edges):
    """NumPy's histogram with what lies outside at both ends."""
    inside = np.histogram(values, edges)[0]
    return [(values < edges[0]).sum(), *inside, (values > edges[-1]).sum()]


def test_counts():
    """Each channel of each map has the counts of numpy.histogram, and those outside."""
    found = VoxelHistogram(EDGES).fit_transform(X).reshape(5, 2, 6)
    for sample, counts in zip(X, found, strict=True):
        for channel, row in zip(sample, counts, strict=True):
            np.testing.assert_array_equal(row, expected(channel, EDGES))
    assert found.dtype == np.float64


def test_values_on_edges():
    """Bins hold their lower edge, and the last one its upper edge, also in float32."""
    edges = np.array([0.1, 0.2, 0.3, 0.7])
    values = np.float32([[0.1, 0.2, 0.3, 0.7, 0.05, 0.8]]).astype(float)
    found = VoxelHistogram(values[0, :4]).fit_transform(values)
    np.testing.assert_array_equal(found[0], [1, 1, 1, 2, 1])
    assert VoxelHistogram(edges, overflow=False).fit_transform(values).sum() <= 4


def test_all_channels_together():
    """One histogram for all cells is the sum of those of the channels."""
    each = VoxelHistogram(EDGES).fit_transform(X).reshape(5, 2, 6)
    together = VoxelHistogram(EDGES, by_channel=False).fit(X)
    np.testing.assert_array_equal(together.transform(X), each.sum(1))
    assert together.get_feature_names_out()[1] == "n 0.25..0.5"


def test_without_overflow_and_log():
    """Bins outside can be left out, and counts be logarithms."""
    every = VoxelHistogram(EDGES).fit_transform(X).reshape(5, 2, 6)
    found = VoxelHistogram(EDGES, overflow=False, log=True).fit_transform(X)
    np.testing.assert_allclose(found, np.log10(1 + every[..., 1:-1]).reshape(5, -1), rtol=1e-12)


@pytest.mark.parametrize("lazy", [False, True])
def test_range_of_the_training_maps(lazy):
    """A number of bins covers the training maps, which are counted whole."""
    maps = open_maps(X) if lazy else X
    histogram = VoxelHistogram(7).fit(maps)
    np.testing.assert_allclose(histogram.edges_, np.linspace(X.min(), X.max(), 8), rtol=1e-6)
    counts = histogram.transform(maps).reshape(5, 2, 9)
    np.testing.assert_array_equal(counts.sum(-1), 7 * 8 * 9)
    assert not counts[..., [0, -1]].any()
    wider = histogram.transform(10 * X).reshape(5, 2, 9)
    assert wider[..., -1].min() > 0


def test_logarithmic_bins():
    """Logarithmic bins begin at the least value above zero."""
    values = np.concatenate([X - X.min(), X])
    histogram = VoxelHistogram(5, binning="log").fit(values)
    positive = values[values > 0]
    np.testing.assert_allclose(
        histogram.edges_, np.geomspace(positive.min(), positive.max(), 6), rtol=1e-6
    )
    half_open = VoxelHistogram(5, binning="log", value_range=(1.0, None)).fit(X)
    np.testing.assert_allclose(half_open.edges_, np.geomspace(1, X.max(), 6), rtol=1e-6)


def test_tensors():
    """A tensor gives a tensor of equal counts."""
    histogram = VoxelHistogram(EDGES).fit(X)
    found = histogram.transform(torch.from_numpy(X))
    assert isinstance(found, torch.Tensor)
    np.testing.assert_array_equal(found.numpy(), histogram.transform(X))


def test_constant_maps():
    """A single value has bins around it."""
    histogram = VoxelHistogram(3).fit(np.full((2, 4, 5), 7.0))
    np.testing.assert_array_equal(histogram.transform(np.full((1, 4, 5), 7.0)), [[0, 0, 20, 0, 0]])


@pytest.mark.parametrize(
    "parameters",
    [
        {"bins": [1.0]},
        {"bins": [1.0, 1.0]},
        {"bins": [2.0, 1.0]},
        {"bins": [0.0, np.nan]},
        {"bins": ["a", "b"]},
    ],
)
def test_wrong_edges(parameters):
    """Edges must increase."""
    with pytest.raises(ValueError, match="'bins' parameter of VoxelHistogram"):
        VoxelHistogram(**parameters).fit(X)


@pytest.mark.parametrize(
    ("value_range", "binning"),
    [((1,), "linear"), ((2, 1), "linear"), ((0, 1), "log"), ((1, np.inf), "linear")],
)
def test_wrong_range(value_range, binning):
    """A range is a finite increasing pair."""
    with pytest.raises(ValueError, match="'value_range' parameter of VoxelHistogram"):
        VoxelHistogram(value_range=value_range, binning=binning).fit(X)


@pytest.mark.parametrize(
    ("value_range", "binning", "maps"),
    [((100.0, None), "linear", X), ((None, None), "log", -X)],
)
def test_no_range_in_the_maps(value_range, binning, maps):
    """Maps that leave no range say so."""
    with pytest.raises(ValueError, match="finds no range"):
        VoxelHistogram(value_range=value_range, binning=binning).fit(maps)
