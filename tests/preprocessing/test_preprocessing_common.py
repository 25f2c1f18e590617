"""What every preprocessing class promises alike."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.utils._param_validation import InvalidParameterError

from skastro.maps import LazyMaps, open_maps
from skastro.preprocessing import BlockPool, CubeSlicer, FieldScaler, SignedLog, TargetScaler

TRANSFORMERS = {
    "standard": FieldScaler(),
    "minmax": FieldScaler("minmax", feature_range=(-1, 1)),
    "robust": FieldScaler("robust"),
    "signed": SignedLog(scale=3.0),
    "floor": SignedLog(mode="floor"),
    "mean": BlockPool(2, remainder="partial"),
    "sum": BlockPool(3, func="sum", remainder="drop"),
}
INVALID = [
    (FieldScaler(), "method", "zscore"),
    (FieldScaler(), "feature_range", 1.0),
    (FieldScaler(), "quantile_range", "iqr"),
    (FieldScaler(), "dim", 4),
    (SignedLog(), "scale", 0),
    (SignedLog(), "mode", "log"),
    (SignedLog(), "floor", -1.0),
    (SignedLog(), "dim", 0),
    (BlockPool(), "block_size", 0),
    (BlockPool(), "func", "max"),
    (BlockPool(), "remainder", "keep"),
    (BlockPool(), "dim", "2"),
    (TargetScaler(), "method", "robust"),
    (TargetScaler(), "joint", "all"),
]
SHAPES = [(5, 9), (5, 8, 9), (5, 7, 8, 9), (5, 3, 7, 8, 9)]


def draw(shape=(5, 7, 8, 9)):
    return np.random.default_rng(0).normal(1.0, 3.0, size=shape).astype(np.float32)


@pytest.fixture(params=TRANSFORMERS.values(), ids=TRANSFORMERS)
def transformer(request):
    """An unfitted transformer of maps."""
    return clone(request.param)


def attributes(estimator):
    return {name: value for name, value in vars(estimator).items() if name.endswith("_")}


def assert_same_attributes(first, second):
    assert attributes(first).keys() == attributes(second).keys()
    for name, value in attributes(first).items():
        np.testing.assert_array_equal(value, getattr(second, name))


@pytest.mark.parametrize(("estimator", "name", "value"), INVALID)
def test_invalid_parameter_is_named(estimator, name, value):
    wrong = clone(estimator).set_params(**{name: value})
    with pytest.raises(
        InvalidParameterError, match=f"'{name}' parameter of {type(wrong).__name__}"
    ):
        wrong.fit(draw() if "dim" in wrong.get_params() else draw()[:, :, 0, 0])


def test_clone_and_parameters(transformer):
    fitted = clone(transformer).fit(draw())
    again = clone(fitted)
    assert again.get_params() == transformer.get_params()
    assert attributes(again) == {}
    assert repr(again) == repr(transformer)
    assert clone(CubeSlicer(1, patch_size=(3, 4))).get_params()["patch_size"] == (3, 4)


@pytest.mark.parametrize("shape", SHAPES)
def test_fit_changes_no_parameter(transformer, shape):
    before = transformer.get_params()
    transformer.fit(draw(shape))
    assert transformer.get_params() == before


@pytest.mark.parametrize("shape", SHAPES)
def test_fit_twice_equals_fit_once(transformer, shape):
    once = clone(transformer).fit(draw(shape))
    twice = clone(transformer).fit(draw((4, 6, 5))).fit(draw(shape)).fit(draw(shape))
    assert_same_attributes(once, twice)


@pytest.mark.parametrize("shape", SHAPES)
def test_lazy_equals_eager(transformer, shape):
    values = draw(shape)
    eager, lazy = clone(transformer).fit(values), clone(transformer).fit(open_maps(values))
    assert_same_attributes(eager, lazy)
    got = lazy.transform(open_maps(values))
    assert isinstance(got, LazyMaps)
    want = eager.transform(values)
    assert got.shape == want.shape
    np.testing.assert_array_equal(np.asarray(got), want)


@pytest.mark.parametrize("shape", SHAPES)
def test_torch_equals_numpy(transformer, shape):
    torch = pytest.importorskip("torch")
    values = draw(shape)
    tensor = torch.from_numpy(values)
    fitted = clone(transformer).fit(tensor)
    assert_same_attributes(fitted, clone(transformer).fit(values))
    got = fitted.transform(tensor)
    assert (type(got), got.dtype) == (torch.Tensor, torch.float32)
    np.testing.assert_allclose(got.numpy(), fitted.transform(values), rtol=1e-5, atol=1e-6)
    if hasattr(fitted, "inverse_transform"):
        back = fitted.inverse_transform(got)
        np.testing.assert_allclose(
            back.numpy(), fitted.inverse_transform(got.numpy()), rtol=1e-5, atol=1e-6
        )


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f8", "<f2", ">i4"])
def test_output_is_float32_and_input_is_left_alone(transformer, dtype):
    values = np.round(draw()).astype(dtype)
    before = values.copy()
    values.flags.writeable = False
    fitted = transformer.fit(values)
    got = fitted.transform(values)
    assert got.dtype == np.dtype("=f4")
    assert not np.shares_memory(got, values)
    got[...] = 0
    np.testing.assert_array_equal(values, before)
    if hasattr(fitted, "inverse_transform"):
        assert fitted.inverse_transform(got).dtype == np.float32


def test_memory_order_does_not_matter(transformer):
    values = draw()
    want = clone(transformer).fit_transform(values)
    for other in (np.asfortranarray(values), np.repeat(values, 2, axis=3)[..., ::2]):
        np.testing.assert_array_equal(clone(transformer).fit_transform(other), want)


def test_memory_map(transformer, tmp_path):
    np.save(tmp_path / "maps.npy", draw())
    mapped = np.load(tmp_path / "maps.npy", mmap_mode="r")
    got = transformer.fit(mapped).transform(mapped)
    np.testing.assert_array_equal(got, transformer.transform(draw()))


def test_samples_do_not_know_each_other(transformer):
    values = draw()
    whole = transformer.fit(values).transform(values)
    one_by_one = np.concatenate([transformer.transform(values[[i]]) for i in range(len(values))])
    np.testing.assert_array_equal(one_by_one, whole)


def test_bad_values_are_refused(transformer):
    fitted = transformer.fit(draw())
    bad = draw()
    bad[3, 6, 1, 2] = np.inf
    name = type(transformer).__name__
    for method in {"fit", "transform", "inverse_transform"} & set(dir(fitted)):
        with pytest.raises(ValueError, match=rf"{name} contains inf, first at sample 3, channel 6"):
            getattr(fitted, method)(bad)


def test_no_samples_and_one_sample(transformer):
    with pytest.raises(ValueError, match=r"minimum of 1 is required|needs at least 1 sample"):
        transformer.fit(draw()[:0])
    with pytest.raises(ValueError, match="needs at least 1 sample"):
        transformer.fit(open_maps(draw()[:0]))
    assert np.isfinite(transformer.fit(draw()[:1]).transform(draw()[:1])).all()


def test_pickle_of_a_fitted_transformer(transformer):
    fitted = transformer.fit(draw())
    again = pickle.loads(pickle.dumps(fitted))
    assert_same_attributes(again, fitted)
    np.testing.assert_array_equal(again.transform(draw()), fitted.transform(draw()))


@pytest.mark.parametrize("shape", SHAPES)
def test_pipeline_on_lazy_maps_equals_arrays(shape):
    values = draw(shape)
    steps = SignedLog(scale=0.5), FieldScaler("robust")
    eager, lazy = make_pipeline(*steps).fit(values), make_pipeline(*steps).fit(open_maps(values))
    np.testing.assert_array_equal(
        np.asarray(lazy.transform(open_maps(values))), eager.transform(values)
    )
    back = lazy.inverse_transform(lazy.transform(open_maps(values)))
    np.testing.assert_allclose(np.asarray(back), values, rtol=1e-4, atol=1e-4)
