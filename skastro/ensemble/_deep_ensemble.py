"""Several nets of one kind, whose disagreement is part of the error bar."""

from numbers import Integral
from typing import Literal, Self, overload

import numpy as np
from sklearn import config_context
from sklearn.base import BaseEstimator, MetaEstimatorMixin, RegressorMixin, clone, is_regressor
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from ..maps import check_maps
from ..neural_network import CNNRegressor
from ..neural_network._torch import draw_seed
from ..utils import as_numpy, inner_fit_params
from ..utils._params import HasMethods, Interval
from ..utils._typing import ArrayLike, MapsLike, RandomState
from ._batched import fit_batched
from ._predicts_std import predicts_std


class DeepEnsembleRegressor(MetaEstimatorMixin, RegressorMixin, BaseEstimator):
    """Numbers from maps, by several nets that differ in their random numbers alone.

    All members are trained on the same samples, each from another seed, so that weights,
    batches, augmentation and what early stopping sets aside differ. Their predictions are read
    as a mixture of equal shares [1]_: its mean is the mean of the members' means, and its
    variance is the mean of the members' variances, which is noise that the maps leave in the
    targets (aleatoric), plus the variance of the members' means, which is what training leaves
    open (epistemic).

    Parameters
    ----------
    estimator : regressor, default=None
        What each member is a copy of: a net, or a pipeline that ends in one; None is
        ``CNNRegressor(loss="gaussian_nll")``. A regressor without a parameter `random_state`
        gives members that are all equal.
    n_estimators : int, default=5
        Number of members.
    batched : bool, default=False
        Whether all members are trained as one batched computation in this process. It is
        many times as fast for small dense nets, and slower for large ones and most with
        convolutions (see Notes); members differ by rounding from those trained alone. The
        estimator is a `CNNRegressor`, or a pipeline whose last step is one, with a loss by name
        other than "moments", without augmentation, callbacks, checkpoint, early stopping, clipped
        gradients, dropout and batch norm.
    n_jobs : int, default=None
        Members that are fitted at once, as joblib counts them; None is one, unless a
        ``joblib.parallel_config`` says otherwise. Lazy maps travel to processes as paths. Nets
        that are fitted at once share the processor: give them ``n_threads``, also because equal
        bits need equal numbers of threads. Members predict one after another.
    random_state : int, numpy.random.RandomState or None, default=None
        Whence the seeds of members come. They take the place of each parameter `random_state`
        of `estimator` and of what is nested in it. That of a member follows from this parameter
        and its number, so that a larger ensemble holds the smaller one. With an int, members
        that left a `checkpoint` are found again when a fit that was killed is repeated.

    Attributes
    ----------
    estimators_ : list of regressor
        The fitted members.
    sample_shape_ : tuple of int
        Shape of a training sample.
    n_features_in_ : int
        Length of the first axis of a sample.

    See Also
    --------
    skastro.neural_network.CNNRegressor : One net, with its losses that learn variances.
    SliceRegressor : Numbers from cubes by way of their slices.

    Notes
    -----
    Members have variances where the last step of `estimator` is a `CNNRegressor` whose loss
    learns them ("gaussian_nll", "moments"), a `SliceRegressor` around such a one, or another
    regressor whose ``predict`` takes `return_std`. Other estimators that wrap one, as a search
    does, pass no standard deviations on, so that only the spread of the members' means is left.

    With ``batched=True`` the weights of all members are stacked, and ``torch.func.vmap`` makes one
    batched product of the products of all. On two cores, 8 and 32 dense nets with 2,100 weights
    or fewer trained 2.2 to 3.8 times as fast as in two processes (``benchmarks/many_fits.py``),
    since single ones of them are mostly overhead. A net of 2500-350-17 units is slower so.

    References
    ----------
    .. [1] B. Lakshminarayanan, A. Pritzel, C. Blundell, "Simple and scalable predictive
       uncertainty estimation using deep ensembles", NIPS (2017), arXiv:1612.01474, section 2.4.

    Examples
    --------
    >>> import numpy as np
    >>> from skastro.ensemble import DeepEnsembleRegressor
    >>> from skastro.nets import ConvNet
    >>> from skastro.neural_network import CNNRegressor
    >>> rng = np.random.default_rng(0)
    >>> amplitude = rng.uniform(1, 3, size=200)
    >>> maps = amplitude[:, None, None] * rng.normal(size=(200, 8, 8))
    >>> net = CNNRegressor(
    ...     ConvNet(n_layers=1, readout="mean"),
    ...     loss="gaussian_nll",
    ...     lr=0.02,
    ...     max_epochs=20,
    ...     n_threads=1,
    ... )
    >>> model = DeepEnsembleRegressor(net, n_estimators=3, random_state=0)
    >>> mean, std = model.fit(maps[:150], amplitude[:150]).predict(maps[150:], return_std=True)
    >>> mean.shape, std.shape
    ((50,), (50,))
    >>> bool(np.mean(np.abs(mean - amplitude[150:]) < 2 * std) > 0.85)
    True

    The losses of all members in one figure:

    >>> from skastro.inspection import LossCurveDisplay
    >>> members = {f"net {i}": member for i, member in enumerate(model.estimators_)}
    >>> display = LossCurveDisplay.from_estimator(members)
    """

    _parameter_constraints = {
        "estimator": [HasMethods(["fit", "predict"]), None],
        "n_estimators": [Interval(Integral, 1, None, closed="left")],
        "batched": ["boolean"],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator: BaseEstimator | None = None,
        n_estimators: int = 5,
        *,
        batched: bool = False,
        n_jobs: int | None = None,
        random_state: RandomState = None,
    ) -> None:
        self.estimator = estimator
        self.n_estimators = n_estimators
        self.batched = batched
        self.n_jobs = n_jobs
        self.random_state = random_state

    def fit(
        self,
        X: MapsLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Self:
        """Fit all members.

        Parameters
        ----------
        X : array-like or LazyMaps of shape (n_samples, [n_channels,] *spatial)
            Maps.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples, handed to the last step of each member.
        groups : array-like of shape (n_samples,), default=None
            Which simulation a sample is from, handed to the last step of each member where
            that takes groups. Early stopping then validates on whole groups.

        Returns
        -------
        self
            The fitted estimator.

        Raises
        ------
        MapShapeError
            If the array is none of maps, or does not fit the members.
        ValueError
            If a value is not finite, `estimator` is no regressor, weights are given that it
            cannot use, or members cannot be trained as one.
        """
        self._validate_params()
        self.__dict__.pop("estimators_", None)
        name = type(self).__name__
        if y is None:
            raise ValueError(
                f"This {name} estimator requires y to be passed, but the target y is None."
            )
        estimator = CNNRegressor(loss="gaussian_nll") if self.estimator is None else self.estimator
        if not is_regressor(estimator):
            raise ValueError(
                f"The 'estimator' parameter of {name} must be a regressor, such as CNNRegressor, "
                f"or a pipeline that ends in one. Got {estimator!r} instead."
            )
        params = inner_fit_params(name, estimator, sample_weight, groups)
        X = as_numpy(check_maps(self, X, reset=True, min_samples=2))
        check_consistent_length(X, y, sample_weight, groups)
        seed = draw_seed(self.random_state)
        members = [_seeded(estimator, seed, i) for i in range(self.n_estimators)]
        if not self.batched:
            self.estimators_ = Parallel(n_jobs=self.n_jobs)(
                delayed(_fit_member)(member, X, y, params) for member in members
            )
            return self
        if sample_weight is not None:
            raise ValueError(
                f"{name}(batched=True) takes no sample_weight. Leave it out, or set batched=False."
            )
        self.estimators_ = fit_batched(name, members, X, y, groups)
        return self

    @overload
    def predict(self, X: MapsLike, return_std: Literal[False] = False) -> np.ndarray: ...

    @overload
    def predict(self, X: MapsLike, return_std: Literal[True]) -> tuple[np.ndarray, np.ndarray]: ...

    @overload
    def predict(
        self, X: MapsLike, return_std: bool
    ) -> np.ndarray | tuple[np.ndarray, np.ndarray]: ...

    def predict(
        self, X: MapsLike, return_std: bool = False
    ) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        """Predict targets: mean and standard deviation of the mixture of all members.

        Parameters
        ----------
        X : array-like or LazyMaps of shape (n_samples, [n_channels,] *spatial)
            Maps of the shape that was fitted.
        return_std : bool, default=False
            Whether to return standard deviations as well.

        Returns
        -------
        y_mean : ndarray of shape (n_samples,) or (n_samples, n_targets)
            Mean over the members.
        y_std : ndarray of the same shape
            Standard deviation (one sigma) of each target, in its units; only with
            ``return_std=True``. Where members have no variances, this is the spread of their
            means alone, which is no error bar: it says nothing of the noise.

        Raises
        ------
        MapShapeError
            If samples have not the shape that was fitted.
        """
        means, stds = self._ask_members(X, return_std)
        if not return_std:
            return _mean(means)
        return _mean(means), np.sqrt(_mean_square(stds) + _variance(means))

    def predict_variances(self, X: MapsLike) -> tuple[np.ndarray, np.ndarray]:
        """Predict the two parts of the variance of the mixture.

        Parameters
        ----------
        X : array-like or LazyMaps of shape (n_samples, [n_channels,] *spatial)
            Maps of the shape that was fitted.

        Returns
        -------
        aleatoric : ndarray of shape (n_samples,) or (n_samples, n_targets)
            Mean of the members' variances, in squared units of the target.
        epistemic : ndarray of the same shape
            Variance of the members' means.

        Raises
        ------
        MapShapeError
            If samples have not the shape that was fitted.
        ValueError
            If members have no variances.
        """
        means, stds = self._ask_members(X, return_std=True)
        if not stds:
            raise ValueError(
                f"{type(self).__name__}.predict_variances needs members that have variances, and "
                f"{self.estimators_[0]!r} has none. Fit with CNNRegressor(loss='gaussian_nll'), "
                f"or take the spread of the members: predict(X, return_std=True)."
            )
        return _mean_square(stds), _variance(means)

    def predict_members(self, X: MapsLike) -> np.ndarray:
        """Predict targets by each member.

        Parameters
        ----------
        X : array-like or LazyMaps of shape (n_samples, [n_channels,] *spatial)
            Maps of the shape that was fitted.

        Returns
        -------
        ndarray of shape (n_estimators, n_samples) or (n_estimators, n_samples, n_targets)
            Targets.

        Raises
        ------
        MapShapeError
            If samples have not the shape that was fitted.
        """
        return np.stack(self._ask_members(X)[0])

    def _ask_members(self, X, return_std=False):
        """Means of all members, and standard deviations where these are wanted and known."""
        check_is_fitted(self)
        X = as_numpy(check_maps(self, X, reset=False))
        with config_context(enable_metadata_routing=False):
            if not (return_std and predicts_std(self.estimators_[0])):
                return [member.predict(X) for member in self.estimators_], []
            pairs = [member.predict(X, return_std=True) for member in self.estimators_]
        return [mean for mean, _ in pairs], [std for _, std in pairs]

    @property
    def _fitted_member(self):
        return self.estimators_[0]

    def __sklearn_is_fitted__(self):
        return hasattr(self, "estimators_")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.target_tags.multi_output = True
        return tags


def _seeded(estimator, seed, number):
    """A copy of an estimator, each of its random states set for the member of a number."""
    names = sorted(
        name for name in estimator.get_params() if name.rpartition("__")[2] == "random_state"
    )
    seeds = np.random.SeedSequence([seed, number]).generate_state(len(names)).tolist()
    return clone(estimator).set_params(**dict(zip(names, seeds, strict=True)))


def _fit_member(estimator, X, y, params):
    with config_context(enable_metadata_routing=False):
        return estimator.fit(X, y, **params)


def _mean(values):
    """Mean over members, summed in their order: NumPy's order depends on the other samples."""
    return sum(values) / len(values)


def _mean_square(values):
    """Mean of squares over members, 0 of none."""
    return _mean([value**2 for value in values]) if values else 0.0


def _variance(values):
    """Variance over members."""
    mean = _mean(values)
    return _mean_square([value - mean for value in values])
