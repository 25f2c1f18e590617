"""Fields from the channels of each cell."""

import h5py
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVR
from sklearn.tree import DecisionTreeRegressor

from skastro.ensemble import VoxelRegressor
from skastro.exceptions import MapShapeError
from skastro.maps import open_maps
from skastro.metrics import _field_sums

SHAPES = {1: (40,), 2: (8, 9), 3: (7, 8, 9)}


class Recorder(LinearRegression):
    """Keeps what it is fitted on."""

    def fit(self, X, y, sample_weight=None, groups=None):
        """Keep the arguments."""
        self.given_ = X.copy(), y.copy(), sample_weight, groups
        return super().fit(X, y, sample_weight)


def data(dim, n_targets=None, n_samples=5):
    """Maps of two channels, and fields that are linear in them."""
    rng = np.random.default_rng(dim)
    X = rng.normal(size=(n_samples, 2, *SHAPES[dim])).astype("float32")
    fields = [3 * X[:, 0] - X[:, 1] + 1, X[:, 0] + 2 * X[:, 1], X[:, 1] - 4]
    return X, fields[0] if n_targets is None else np.stack(fields[:n_targets], axis=1)


def numbered(n_samples=5, spatial=(7, 8, 9)):
    """Maps of which each cell is its own number, and that of its map."""
    cells = np.arange(np.prod(spatial)).reshape(spatial)
    maps = np.arange(n_samples).reshape(-1, *(1,) * len(spatial))
    return np.stack(np.broadcast_arrays(cells, maps), axis=1).astype("float32")


@pytest.mark.parametrize("n_targets", [None, 1, 3])
@pytest.mark.parametrize("dim", [1, 2, 3])
def test_linear_fields(dim, n_targets):
    """What is linear in the channels is found exactly, in place, and for another size."""
    X, y = data(dim, n_targets)
    model = VoxelRegressor(LinearRegression(), dim=dim).fit(X, y)
    assert model.n_target_channels_ == n_targets
    assert model.n_voxels_ == 5 * np.prod(SHAPES[dim])
    found = model.predict(X)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, y, atol=1e-5)
    larger = np.concatenate([X, X[:, :, :3]], axis=2)
    wanted = np.concatenate([y, y[:, :3] if n_targets is None else y[:, :, :3]], axis=-dim)
    np.testing.assert_allclose(model.predict(larger), wanted, atol=1e-5)


def test_default():
    """Trees learn what is not linear."""
    X, _ = data(3)
    y = np.abs(X[:, 0]) * (X[:, 1] > 0)
    model = VoxelRegressor(random_state=0).fit(X, y)
    assert isinstance(model.estimators_[0], HistGradientBoostingRegressor)
    assert model.score(X, y) > 0.95
    assert VoxelRegressor(LinearRegression()).fit(X, y).score(X, y) < 0.5


@pytest.mark.parametrize(
    ("n_voxels", "counts"),
    [(1000, [200] * 5), (503, [100, 101, 100, 101, 101]), (3, [0, 1, 0, 1, 1]), (None, [504] * 5)],
)
def test_draw(n_voxels, counts):
    """Cells come evenly from all maps, none twice, each with its own target."""
    X = numbered()
    y = 1000 * X[:, 1] + X[:, 0]
    model = VoxelRegressor(Recorder(), n_voxels=n_voxels, random_state=0).fit(X, y)
    features, targets, *_ = model.estimators_[0].given_
    np.testing.assert_array_equal(np.bincount(features[:, 1].astype(int), minlength=5), counts)
    np.testing.assert_array_equal(targets, 1000 * features[:, 1] + features[:, 0])
    assert len(np.unique(targets)) == len(targets) == model.n_voxels_


def test_draw_is_random_and_seeded():
    """Cells are from all over a map, others in each map, and follow from the seed and the row."""
    X = numbered()

    def drawn(maps, seed):
        model = VoxelRegressor(Recorder(), n_voxels=100 * len(maps), random_state=seed)
        return model.fit(maps, maps[:, 0]).estimators_[0].given_[0]

    first = drawn(X, 0)
    np.testing.assert_array_equal(first, drawn(X, 0))
    np.testing.assert_array_equal(first[:200], drawn(X[:2], 0))
    assert (first[:, 0] != drawn(X, 1)[:, 0]).any()
    assert (first[:100, 0] != first[100:200, 0]).any()
    assert first[:, 0].mean() == pytest.approx(251.5, abs=5 * 145 / np.sqrt(500))


def test_seeds_of_the_estimator():
    """A random_state that is None is seeded, one that is set is kept, and parameters stay."""
    X, y = data(2)
    inner = make_pipeline(StandardScaler(), DecisionTreeRegressor(max_features=1))
    models = [VoxelRegressor(inner, random_state=seed).fit(X, y) for seed in (0, 0, 1)]
    seeds = [model.estimators_[0][-1].random_state for model in models]
    assert seeds[0] == seeds[1] != seeds[2]
    assert inner[-1].random_state is None
    np.testing.assert_array_equal(models[0].predict(X), models[1].predict(X))
    kept = VoxelRegressor(DecisionTreeRegressor(random_state=7), random_state=0).fit(X, y)
    assert kept.estimators_[0].random_state == 7


def test_several_targets():
    """One estimator takes all targets where it can; else each has its own."""
    X, y = data(2, 3)
    assert len(VoxelRegressor(KNeighborsRegressor(1)).fit(X, y).estimators_) == 1
    model = VoxelRegressor(make_pipeline(StandardScaler(), LinearSVR(C=100)), random_state=0)
    assert len(model.fit(X, y).estimators_) == 3
    np.testing.assert_allclose(model.predict(X), y, atol=0.05)


def test_weights_and_groups():
    """Cells have the weight and the group of their map."""
    X = numbered()
    weight, groups = np.array([1.0, 0.5, 2.0, 0.0, 3.0]), np.array(["a", "b", "a", "c", "b"])
    model = VoxelRegressor(Recorder(), n_voxels=300, random_state=0)
    model.fit(X, X[:, 0], sample_weight=weight, groups=groups)
    features, _, weights, of_group = model.estimators_[0].given_
    rows = features[:, 1].astype(int)
    np.testing.assert_array_equal(weights, weight[rows])
    np.testing.assert_array_equal(of_group, groups[rows])
    y = X[:, 1] + 0.0
    mean = VoxelRegressor(DummyRegressor()).fit(X, y, sample_weight=weight).predict(X)
    np.testing.assert_allclose(mean, np.average(np.arange(5), weights=weight))
    with pytest.raises(ValueError, match=r"VoxelRegressor .* takes no sample_weight"):
        VoxelRegressor(KNeighborsRegressor()).fit(X, y, sample_weight=weight)


def test_score():
    """The score is over all cells, and takes weights of maps."""
    X, y = data(3)
    model = VoxelRegressor(LinearRegression()).fit(X[:, :, :4], y[:, :4])
    y = y + np.random.default_rng(0).normal(size=y.shape)
    found = model.predict(X).astype(float)
    assert model.score(X, y) == pytest.approx(r2_score(y.ravel(), found.ravel()), rel=1e-6)
    weight = np.arange(5.0)
    cells = np.repeat(weight, 504)
    expected = r2_score(y.ravel(), found.ravel(), sample_weight=cells)
    assert model.score(X, y, weight) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("n_targets", [None, 3])
def test_lazy_maps_in_pieces(n_targets, tmp_path, monkeypatch):
    """Maps in files give the numbers of arrays, and are read a few at a time."""
    X, y = data(3, n_targets)
    y = y.astype("float32")
    with h5py.File(tmp_path / "maps.h5", "w") as file:
        file["X"], file["y"] = X, y
    lazy = [open_maps(tmp_path / "maps.h5", name) for name in ("X", "y")]
    tree = DecisionTreeRegressor(max_depth=6)
    model = VoxelRegressor(tree, n_voxels=999, random_state=0).fit(X, y)
    expected, score = model.predict(X), model.score(X, y)
    monkeypatch.setattr(_field_sums, "_CHUNK_BYTES", 2 * X[0].nbytes)
    monkeypatch.setattr("skastro.ensemble._voxels._BLOCK_CELLS", 100)
    sizes = []
    read = type(lazy[0]).__array__

    def counted(self, *args, **kwargs):
        sizes.append(self.nbytes)
        return read(self, *args, **kwargs)

    monkeypatch.setattr(type(lazy[0]), "__array__", counted)
    again = clone(model).fit(*lazy)
    np.testing.assert_array_equal(again.predict(lazy[0]), expected)
    assert again.score(*lazy) == pytest.approx(score, rel=1e-12)
    assert len(sizes) >= 9
    assert max(sizes) <= max(2 * X[0].nbytes, y[0].nbytes)


def test_one_channel_and_dim():
    """Cubes without an axis of channels have one, where dim says so."""
    X, _ = data(3)
    cubes = X[:, 0]
    model = VoxelRegressor(LinearRegression(), dim=3).fit(cubes, 2 * cubes)
    np.testing.assert_allclose(model.predict(cubes), 2 * cubes, atol=1e-5)
    with pytest.raises(MapShapeError, match="Set dim to the number of spatial axes"):
        VoxelRegressor(LinearRegression()).fit(cubes, 2 * cubes[:, None])


def test_signals_and_tables():
    """Two axes are signals where y has two, and a table of cells where y has one."""
    X = np.random.default_rng(0).normal(size=(60, 3)).astype("float32")
    signals = VoxelRegressor(LinearRegression()).fit(X, 2 * X)
    np.testing.assert_allclose(signals.predict(X), 2 * X, atol=1e-5)
    assert signals.n_voxels_ == 180
    y = X @ [1.0, 2.0, -1.0]
    table = VoxelRegressor(LinearRegression()).fit(X, y)
    np.testing.assert_allclose(table.predict(X), y, atol=1e-5)
    assert table.score(X, y) == pytest.approx(1)


def test_search():
    """Parameters of the estimator are searched by scikit-learn."""
    X, y = data(3)
    search = GridSearchCV(
        VoxelRegressor(DecisionTreeRegressor(), n_voxels=500, random_state=0),
        {"estimator__max_depth": [1, 8]},
        cv=2,
    ).fit(X, y)
    assert search.best_params_ == {"estimator__max_depth": 8}


def test_errors():
    """Shapes, values and parameters are named."""
    X, y = data(3)
    with pytest.raises(MapShapeError, match=r"\(5, 2, 7, 8, 9\).*\(7, 8, 9\).*\(5, 7, 8, 8\)"):
        VoxelRegressor().fit(X, y[..., :8])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        VoxelRegressor().fit(X, y[:4])
    bad = y.copy()
    bad[3, 2, 5, 8] = np.nan
    with pytest.raises(ValueError, match=r"VoxelRegressor: y .* NaN.* 3 at \(2, 5, 8\)"):
        VoxelRegressor(LinearRegression(), n_voxels=5).fit(X, bad)
    with pytest.raises(ValueError, match="requires y to be passed"):
        VoxelRegressor().fit(X, None)
    for parameter, value in (("n_voxels", 0), ("estimator", "tree"), ("dim", 4)):
        with pytest.raises(ValueError, match=f"'{parameter}' parameter of VoxelRegressor"):
            VoxelRegressor(**{parameter: value}).fit(X, y)
    with pytest.raises(MapShapeError, match=r"fitted on .*\(2, 7, 8, 9\)"):
        VoxelRegressor(LinearRegression()).fit(X, y).predict(X[:, :1])
