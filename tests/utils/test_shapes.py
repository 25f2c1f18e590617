"""How the axes of an array are read."""

import numpy as np
import pytest

from skastro.exceptions import MapShapeError
from skastro.utils import MapLayout, map_layout


@pytest.mark.parametrize(
    ("shape", "dim", "expected"),
    [
        ((4, 9), None, (1, (9,), False)),
        ((4, 8, 9), None, (1, (8, 9), False)),
        ((4, 7, 8, 9), None, (7, (8, 9), True)),
        ((4, 2, 7, 8, 9), None, (2, (7, 8, 9), True)),
        ((4, 9), 1, (1, (9,), False)),
        ((4, 8, 9), 1, (8, (9,), True)),
        ((4, 8, 9), 2, (1, (8, 9), False)),
        ((4, 7, 8, 9), 2, (7, (8, 9), True)),
        ((4, 7, 8, 9), 3, (1, (7, 8, 9), False)),
        ((4, 2, 7, 8, 9), 3, (2, (7, 8, 9), True)),
    ],
)
def test_layout(shape, dim, expected):
    layout = map_layout(shape, dim)
    assert layout == MapLayout(*expected)
    assert layout.dim == len(expected[1])
    assert layout.map_shape == (expected[0], *expected[1])
    assert layout.sample_shape(layout.spatial) == shape[1:]
    per_channel = np.arange(layout.n_channels).reshape(layout.per_channel_shape())
    broadcast = np.broadcast_to(per_channel, shape)
    assert (broadcast.reshape(4, layout.n_channels, -1) == per_channel.reshape(-1, 1)).all()


def test_sample_of_another_size():
    assert map_layout((4, 7, 8, 9)).sample_shape((2, 3)) == (7, 2, 3)
    assert map_layout((4, 8, 9)).sample_shape((2, 3)) == (2, 3)


@pytest.mark.parametrize("shape", [(), (4,), (4, 1, 2, 3, 4, 5)])
def test_arrays_that_are_no_maps(shape):
    with pytest.raises(MapShapeError, match=r"Owner takes maps of shape.*2 to 5 axes") as caught:
        map_layout(shape, owner="Owner")
    assert f"shape {shape}." in str(caught.value)


@pytest.mark.parametrize(
    ("shape", "dim"), [((4,), 1), ((4, 2, 8, 9), 1), ((4, 9), 2), ((4, 8, 9), 3), ((4,) * 6, 3)]
)
def test_axes_that_do_not_fit_dim(shape, dim):
    with pytest.raises(MapShapeError, match=f"Owner with dim={dim} takes maps of {dim + 1} axes"):
        map_layout(shape, dim, "Owner")
