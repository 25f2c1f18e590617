"""Learn fields from fields, one cell at a time."""

from numbers import Integral
from typing import Literal, Self

import numpy as np
from sklearn import config_context
from sklearn.base import BaseEstimator, MetaEstimatorMixin, RegressorMixin, clone
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.utils import column_or_1d, get_tags
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from ..exceptions import MapShapeError
from ..maps import check_maps
from ..metrics import field_r2_score
from ..metrics._field_sums import as_field, chunk_slices, read_samples
from ..neural_network._torch import draw_seed
from ..utils import as_numpy, check_finite, inner_fit_params, map_layout
from ..utils._params import DIM, HasMethods, Interval
from ..utils._typing import ArrayLike, MapsLike, RandomState
from ._seeding import seed_unset

_BLOCK_CELLS = 1 << 20


class VoxelRegressor(MetaEstimatorMixin, RegressorMixin, BaseEstimator):
    """Fields from fields, by a regressor that sees each cell alone.

    The channels of a cell are the features of one row, and what the field to predict has there
    is its target, so that any regressor of scikit-learn takes them. What a network that sees
    the neighbours of a cell adds is what it scores above this. Neighbours come in by way of
    channels that hold averages over them.

    Parameters
    ----------
    estimator : regressor, default=None
        Regressor of cells, or a pipeline that ends in one; None is
        ``HistGradientBoostingRegressor()``.
    n_voxels : int, default=200_000
        Greatest number of cells to learn from, drawn at random, equally many (or one more) from
        each map. None takes all cells.
    dim : {1, 2, 3}, default=None
        Number of spatial axes. By default it follows from the shape of `X`.
    random_state : int, numpy.random.RandomState or None, default=None
        Seed of the draw, in which the cells of a map follow from the seed and the number of its
        row, and of each parameter `random_state` of the estimator that is None.

    Attributes
    ----------
    estimators_ : list of regressor
        The fitted regressor of cells; one for each channel of `y` where there are several and
        the estimator takes one target alone.
    n_target_channels_ : int or None
        Channels of `y`; None where it has no axis for them.
    n_voxels_ : int
        Number of cells that were learned from.
    sample_shape_ : tuple of int
        Shape of a training map.
    n_features_in_ : int
        Length of the first axis of a map.

    See Also
    --------
    skastro.metrics.field_report : Scores of predicted fields.

    Notes
    -----
    A table `X` of shape (n_samples, n_features) with a target for each row, of shape
    (n_samples,), is taken as samples of one cell each.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from skastro.ensemble import VoxelRegressor
    >>> maps = np.random.default_rng(0).normal(size=(4, 2, 7, 8, 9))
    >>> field = 3 * maps[:, 0] - maps[:, 1]
    >>> model = VoxelRegressor(LinearRegression(), n_voxels=500).fit(maps, field)
    >>> model.predict(maps).shape, round(model.score(maps, field), 3)
    ((4, 7, 8, 9), 1.0)
    """

    _parameter_constraints = {
        "estimator": [HasMethods(["fit", "predict"]), None],
        "n_voxels": [Interval(Integral, 1, None, closed="left"), None],
        "dim": DIM,
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator: BaseEstimator | None = None,
        *,
        n_voxels: int = 200_000,
        dim: Literal[1, 2, 3] | None = None,
        random_state: RandomState = None,
    ) -> None:
        self.estimator = estimator
        self.n_voxels = n_voxels
        self.dim = dim
        self.random_state = random_state

    def fit(
        self,
        X: MapsLike,
        y: MapsLike,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Self:
        """Draw cells and fit the estimator on them.

        Parameters
        ----------
        X : array-like or LazyMaps of shape (n_samples, [n_channels,] *spatial)
            Maps, read a few samples at a time.
        y : array-like or LazyMaps of shape (n_samples, [n_targets,] *spatial)
            Fields to predict, of the same cells.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the maps, which all their cells have.
        groups : array-like of shape (n_samples,), default=None
            Which simulation a map is from, handed to the estimator for each cell where its fit
            takes groups.

        Returns
        -------
        self
            The fitted estimator.

        Raises
        ------
        MapShapeError
            If `y` has not the cells of `X`, or the arrays are none of maps.
        ValueError
            If a value is not finite, or weights are given that the estimator cannot use.
        """
        self._validate_params()
        name = type(self).__name__
        if y is None:
            raise ValueError(
                f"This {name} estimator requires y to be passed, but the target y is None."
            )
        X = as_numpy(check_maps(self, X, reset=True, dim=self.dim))
        y = as_field(name, "y", as_numpy(y))
        if X.ndim == y.ndim == 2 and y.shape[1] == 1 < X.shape[1]:
            y = column_or_1d(y, warn=True)
        check_consistent_length(X, y, sample_weight, groups)
        self._of_table = X.ndim == 2 and y.ndim == 1
        self.n_target_channels_ = self._count_targets(X.shape, y.shape)
        seed = draw_seed(self.random_state)
        estimator = self.estimator
        estimator = HistGradientBoostingRegressor() if estimator is None else clone(estimator)
        seed_unset(estimator, seed)
        features, targets, rows = self._draw(X, y, seed)
        weight = None if sample_weight is None else np.asarray(sample_weight)[rows]
        groups = None if groups is None else np.asarray(groups)[rows]
        params = inner_fit_params(name, estimator, weight, groups)
        together = targets.shape[1] > 1 and get_tags(estimator).target_tags.multi_output
        targets = [targets] if together else list(targets.T)
        with config_context(enable_metadata_routing=False):
            self.estimators_ = [clone(estimator).fit(features, t, **params) for t in targets]
        self.n_voxels_ = len(features)
        return self

    def predict(self, X: MapsLike) -> np.ndarray:
        """Predict the field of each map, a few samples at a time.

        Parameters
        ----------
        X : array-like or LazyMaps of shape (n_samples, [n_channels,] *spatial)
            Maps; their spatial sizes may differ from those of the fit.

        Returns
        -------
        ndarray of shape (n_samples, [n_targets,] *spatial)
            Fields in float32, with an axis of targets where `y` had one.

        Raises
        ------
        MapShapeError
            If maps have not the axes and channels that were fitted.
        ValueError
            If a value is not finite.
        """
        check_is_fitted(self)
        X = as_numpy(check_maps(self, X, reset=False, dim=self.dim, free_size=True))
        n_channels, spatial = self._layout(X.shape)
        n_targets = self.n_target_channels_ or 1
        out = np.empty((len(X), n_targets, int(np.prod(spatial))), dtype=np.float32)
        for start, stop in chunk_slices(X):
            chunk = self._read(X, start, stop).reshape(stop - start, n_channels, -1)
            for i, cells in enumerate(chunk, start):
                for first in range(0, cells.shape[1], _BLOCK_CELLS):
                    block = slice(first, first + _BLOCK_CELLS)
                    out[i, :, block] = self._predict_cells(cells[:, block].T).T
        channels = () if self.n_target_channels_ is None else (n_targets,)
        return out.reshape(len(X), *channels, *spatial)

    def score(self, X: MapsLike, y: MapsLike, sample_weight: ArrayLike | None = None) -> float:
        """Coefficient of determination over all cells of all maps.

        Parameters
        ----------
        X : array-like or LazyMaps of shape (n_samples, [n_channels,] *spatial)
            Maps.
        y : array-like or LazyMaps of shape (n_samples, [n_targets,] *spatial)
            True fields.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the maps.

        Returns
        -------
        float
            What `skastro.metrics.field_r2_score` says of the predictions.
        """
        return field_r2_score(as_numpy(y), self.predict(X), sample_weight=sample_weight)

    def _layout(self, shape):
        """Number of channels, and the spatial axes; a table has none."""
        if self._of_table:
            return shape[1], ()
        layout = map_layout(shape, self.dim, type(self).__name__)
        return layout.n_channels, layout.spatial

    def _count_targets(self, shape, target_shape):
        """Channels of y, or None where it has no axis for them."""
        spatial = self._layout(shape)[1]
        if tuple(target_shape[1:]) == spatial:
            return None
        if len(target_shape) == len(spatial) + 2 and tuple(target_shape[2:]) == spatial:
            return target_shape[1]
        raise MapShapeError(
            f"{type(self).__name__} takes a y of shape (n_samples, [n_targets,] *spatial) with the "
            f"cells of X; X has shape {tuple(shape)}, that is maps of {spatial} cells, and y has "
            f"shape {tuple(target_shape)}. Set dim to the number of spatial axes where it is "
            f"another one."
        )

    def _read(self, X, start, stop):
        chunk = np.asarray(X[start:stop])
        check_finite(chunk, type(self).__name__, dim=self.dim, samples=range(start, stop))
        return chunk

    def _draw(self, X, y, seed):
        """Features (n_voxels, n_channels) and targets of cells, and the map that each is of."""
        n_channels, spatial = self._layout(X.shape)
        n_cells = int(np.prod(spatial))
        wanted = len(X) * n_cells if self.n_voxels is None else self.n_voxels
        ends = np.arange(len(X) + 1) * int(wanted) // len(X)
        counts = np.minimum(np.diff(ends), n_cells)
        features, targets = [], []
        for start, stop in chunk_slices(X, y):
            maps = self._read(X, start, stop).reshape(stop - start, n_channels, n_cells)
            fields = read_samples(type(self).__name__, "y", y, start, stop)
            fields = fields.reshape(stop - start, -1, n_cells)
            for i, one, field in zip(range(start, stop), maps, fields, strict=True):
                cells = _draw_cells(seed, i, n_cells, counts[i])
                features.append(one[:, cells].T)
                targets.append(field[:, cells].T)
        return np.concatenate(features), np.concatenate(targets), np.repeat(range(len(X)), counts)

    def _predict_cells(self, features):
        """Targets of cells, (n_cells, n_targets)."""
        with config_context(enable_metadata_routing=False):
            found = [estimator.predict(features) for estimator in self.estimators_]
        return np.column_stack(found)

    def __sklearn_is_fitted__(self):
        return hasattr(self, "estimators_")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags


def _draw_cells(seed, row, n_cells, count):
    """Numbers of cells of one map, ascending, none of them twice."""
    if count == n_cells:
        return slice(None)
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(row,)))
    return np.sort(rng.choice(n_cells, count, replace=False, shuffle=False))
