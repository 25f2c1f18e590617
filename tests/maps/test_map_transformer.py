"""What every transformer of maps inherits."""

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.utils import get_tags

from skastro.exceptions import MapShapeError
from skastro.maps import InvertibleMixin, LazyMaps, MapTransformer, open_maps


class Offset(InvertibleMixin, MapTransformer):
    """Subtracts the least value of the training maps."""

    _parameter_constraints = {"factor": [float]}

    def __init__(self, factor=1.0, dim=None):
        self.factor = factor
        self.dim = dim

    def _fit(self, X):
        self.seen_ = type(X)
        self.least_ = min(float(chunk.min()) for chunk in self._chunks(X))

    def _apply(self, batch):
        return batch - self.least_

    def _apply_inverse(self, batch):
        return batch + self.least_


class OnePlane(MapTransformer):
    """Takes maps of one size alone."""

    _parameter_constraints = {}
    _free_size = False

    def _apply(self, batch):
        return batch[:, 0]

    def _sample_shape(self, shape):
        return shape[1:]


VALUES = np.random.default_rng(0).normal(size=(6, 7, 8, 9)).astype(np.float32)


def test_kind_out_is_kind_in():
    torch = pytest.importorskip("torch")
    offset = Offset().fit(VALUES)
    want = VALUES - VALUES.min()
    eager = offset.transform(VALUES)
    tensor = offset.transform(torch.from_numpy(VALUES))
    lazy = offset.transform(open_maps(VALUES))
    assert (type(eager), type(tensor), type(lazy)) == (np.ndarray, torch.Tensor, LazyMaps)
    for got in (eager, tensor, lazy):
        np.testing.assert_array_equal(np.asarray(got), want)
        back = offset.inverse_transform(got)
        assert type(back) is type(got)
        np.testing.assert_allclose(np.asarray(back), VALUES, atol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
def test_tensors_are_fitted_as_arrays(dtype):
    torch = pytest.importorskip("torch")
    tensor = torch.from_numpy(VALUES).to(getattr(torch, dtype)).requires_grad_()
    offset = Offset().fit(tensor)
    assert offset.seen_ is np.ndarray
    assert offset.least_ == tensor.detach().min().item()


def test_lazy_maps_are_fitted_unread():
    assert Offset().fit(open_maps(VALUES)).seen_ is LazyMaps


def test_fit_transform_and_arguments_that_are_ignored():
    got = Offset().fit_transform(VALUES, np.arange(6))
    np.testing.assert_array_equal(got, VALUES - VALUES.min())


def test_transform_before_fit():
    for method in ("transform", "inverse_transform"):
        for X in (VALUES, open_maps(VALUES)):
            with pytest.raises(NotFittedError, match="Offset"):
                getattr(Offset(), method)(X)


def test_parameters_are_checked_in_fit():
    with pytest.raises(ValueError, match="The 'factor' parameter of Offset must be"):
        Offset(factor="big").fit(VALUES)


def test_sizes_may_differ_unless_the_class_says_otherwise():
    other = np.ones((2, 7, 5, 5), dtype=np.float32)
    assert Offset().fit(VALUES).transform(other).shape == other.shape
    plane = OnePlane().fit(VALUES)
    for X in (other, open_maps(other)):
        with pytest.raises(MapShapeError, match=r"OnePlane was fitted on samples of shape"):
            plane.transform(X)


def test_shape_of_a_transformed_sample():
    plane = OnePlane().fit(VALUES)
    assert plane.transform(open_maps(VALUES)).shape == plane.transform(VALUES).shape == (6, 8, 9)


def test_attributes_of_the_fit():
    offset = Offset().fit(VALUES)
    assert (offset.sample_shape_, offset.n_features_in_) == ((7, 8, 9), 7)
    assert not hasattr(offset, "feature_names_in_")


def test_empty_selection_of_transformed_maps():
    maps = Offset().fit(VALUES).transform(open_maps(VALUES))[[]]
    assert np.asarray(maps).shape == (0, 7, 8, 9)


def test_tags():
    tags = get_tags(Offset())
    assert tags.input_tags.two_d_array
    assert tags.input_tags.three_d_array
    assert tags.transformer_tags.preserves_dtype == ["float32"]


def test_apply_is_asked_of_subclasses():
    class Nothing(MapTransformer):
        pass

    with pytest.raises(TypeError, match="abstract"):
        Nothing()
