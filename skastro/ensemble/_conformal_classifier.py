"""Sets of classes that hold the true one as often as they say."""

from typing import Literal, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, is_classifier
from sklearn.frozen import FrozenEstimator
from sklearn.utils import check_array, column_or_1d
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from ..neural_network import CNNClassifier
from ..utils._params import HasMethods, StrOptions
from ..utils._typing import ArrayLike, MapsLike, RandomState
from ._conformal_base import CalibratedEstimator
from ._conformal_quantile import check_level, group_quantile, warn_of_few_groups
from ._conformal_scores import class_scores


class ConformalClassifier(ClassifierMixin, CalibratedEstimator):
    r"""Sets of classes of a confidence level from the probabilities of any classifier.

    Split conformal prediction: a share of the simulations is set aside, the classifier is
    fitted on the others, and the probabilities that it gives to the true classes of the
    simulations it has not seen decide how many classes a set must hold. The set of a new map
    then holds its true class with a probability of at least `confidence_level`, if its
    simulation is drawn as those of the fit were. Groups count as in `ConformalRegressor`.

    Parameters
    ----------
    estimator : classifier, default=None
        A net, a pipeline or any other classifier with ``predict_proba``; None is
        ``CNNClassifier()``. One that is fitted already is given as
        ``sklearn.frozen.FrozenEstimator(classifier)``: all samples of `fit` then calibrate, and
        none of them, nor of their simulations, may have trained it.
    confidence_level : float, default=0.9
        Probability of a set to hold the true class, between 0 and 1. At least
        ``confidence_level / (1 - confidence_level)`` groups must calibrate; with fewer, sets
        hold all classes.
    conformity_score : {"lac", "aps"}, default="lac"
        "lac" takes classes whose probability is above a threshold [1]_: the smallest
        sets, which may be empty. "aps" takes classes from the most probable on until their sum
        is above a threshold, the last of them by chance [2]_: sets that grow where
        the classifier is in doubt. Chance is fixed by `random_state` and the probabilities.
    calibration_fraction : float, default=0.25
        Share of the groups, or of the samples where there are no groups, to set aside, rounded
        up.
    random_state : int, numpy.random.RandomState or None, default=None
        Chooses the groups that are set aside, draws for "aps", and is the seed of each
        parameter `random_state` of `estimator`, and of what is nested in it, that is None.

    Attributes
    ----------
    estimator_ : classifier
        The fitted classifier.
    classes_ : ndarray of shape (n_classes,)
        Classes that fit saw, also in the samples set aside.
    scores_ : ndarray of shape (n_calibration_samples, 1)
        Scores of the true classes of the samples set aside.
    calibration_indices_ : ndarray of int
        Positions of the samples that were set aside.
    n_calibration_groups_ : int
        Number of groups, or of samples where there are none, that were set aside.
    sample_shape_ : tuple of int
        Shape of a training sample.
    n_features_in_ : int
        Length of the first axis of a sample.

    See Also
    --------
    ConformalRegressor : Intervals for numbers; its notes hold here too.

    References
    ----------
    .. [1] M. Sadinle, J. Lei, L. Wasserman, "Least ambiguous set-valued classifiers with
       bounded error levels", J. Am. Stat. Assoc. 114, 223 (2019), arXiv:1609.00451.
    .. [2] Y. Romano, M. Sesia, E. J. Candes, "Classification with valid and adaptive coverage",
       NeurIPS (2020), arXiv:2006.02544.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skastro.ensemble import ConformalClassifier
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(400, 2))
    >>> y = (X[:, 0] + rng.normal(size=400) > 0).astype(int)
    >>> model = ConformalClassifier(LogisticRegression(), random_state=0).fit(X[:300], y[:300])
    >>> model.predict_set([[-3.0, 0.0], [0.1, 0.0]])
    array([[ True, False],
           [ True,  True]])
    >>> sets = model.predict_set(X[300:])
    >>> float(sets[np.arange(100), y[300:]].mean())
    0.92
    """

    _parameter_constraints = CalibratedEstimator._parameter_constraints | {
        "estimator": [HasMethods(["fit", "predict", "predict_proba"]), None],
        "conformity_score": [StrOptions({"lac", "aps"})],
    }

    def __init__(
        self,
        estimator: BaseEstimator | None = None,
        *,
        confidence_level: float = 0.9,
        conformity_score: Literal["lac", "aps"] = "lac",
        calibration_fraction: float = 0.25,
        random_state: RandomState = None,
    ) -> None:
        self.estimator = estimator
        self.confidence_level = confidence_level
        self.conformity_score = conformity_score
        self.calibration_fraction = calibration_fraction
        self.random_state = random_state

    @staticmethod
    def _default():
        return CNNClassifier()

    def fit(
        self,
        X: MapsLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Self:
        """Fit the estimator on some groups and calibrate on the others.

        Parameters
        ----------
        X : array-like or LazyMaps of shape (n_samples, [n_channels,] *spatial)
            Maps.
        y : array-like of shape (n_samples,)
            Classes.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples, handed to the estimator. They do not count in calibration.
        groups : array-like of shape (n_samples,), default=None
            Which simulation a sample is from. Handed to the estimator too, where that takes
            groups.

        Returns
        -------
        self
            The fitted estimator.

        Raises
        ------
        MapShapeError
            If the array is none of maps, or does not fit the estimator.
        ValueError
            If a value is not finite, `estimator` is no classifier, weights are given that it
            cannot use, or there is one group only.

        Warns
        -----
        UserWarning
            If there are too few groups to calibrate on, before the estimator is fitted.
        """
        X, y, sample_weight, groups = self._check_fit(X, y, sample_weight, groups)
        mask = self._set_aside(len(X), groups, isinstance(self.estimator, FrozenEstimator))
        self._warn("", self.confidence_level)
        self.estimator_ = self._fit_rest(X, y, sample_weight, groups, mask)
        self.classes_ = np.union1d(y, self.estimator_.classes_)
        self._fitted_score = self.conformity_score
        scores = self._score_classes(X[self.calibration_indices_])
        labels = np.searchsorted(self.classes_, y[mask])
        self.scores_ = np.take_along_axis(scores, labels[:, None], axis=1)
        return self

    def predict(self, X: MapsLike) -> np.ndarray:
        """Predict the class of each map with the estimator.

        Parameters
        ----------
        X : array-like or LazyMaps of shape (n_samples, [n_channels,] *spatial)
            Maps of the shape that was fitted.

        Returns
        -------
        ndarray of shape (n_samples,)
            Classes.

        Raises
        ------
        MapShapeError
            If samples have not the shape that was fitted.
        """
        return self._ask("predict", self._check_new(X))

    def predict_proba(self, X: MapsLike) -> np.ndarray:
        """Probability of each class by the estimator.

        Parameters
        ----------
        X : array-like or LazyMaps of shape (n_samples, [n_channels,] *spatial)
            Maps of the shape that was fitted.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Probabilities, in the order of ``classes_``; 0 for a class of which no sample was
            left to fit the estimator.

        Raises
        ------
        MapShapeError
            If samples have not the shape that was fitted.
        """
        return self._probabilities(self._check_new(X))

    def predict_set(self, X: MapsLike, confidence_level: float | None = None) -> np.ndarray:
        """Predict sets that hold the true class with a probability.

        Parameters
        ----------
        X : array-like or LazyMaps of shape (n_samples, [n_channels,] *spatial)
            Maps of the shape that was fitted.
        confidence_level : float, default=None
            Another level than the parameter `confidence_level`, from the same calibration.

        Returns
        -------
        ndarray of bool, shape (n_samples, n_classes)
            Whether a class, in the order of ``classes_``, is in the set of a map; all are where
            the level needs more calibration groups than there are. None is in the set of a map
            whose probabilities would be strange for any class.

        Raises
        ------
        MapShapeError
            If samples have not the shape that was fitted.
        ValueError
            If `confidence_level` is not between 0 and 1.

        Warns
        -----
        UserWarning
            If there are too few calibration groups for the level.
        """
        check_is_fitted(self)
        level = self.confidence_level if confidence_level is None else confidence_level
        self._warn(".predict_set", level)
        scores = self._score_classes(self._check_new(X))
        return scores <= group_quantile(self.scores_, self._shares, level)

    def _probabilities(self, X):
        known = self._ask("predict_proba", X)
        columns = np.searchsorted(self.classes_, self.estimator_.classes_)
        probabilities = np.zeros((len(known), len(self.classes_)), dtype=known.dtype)
        probabilities[:, columns] = known
        return probabilities

    def _score_classes(self, X):
        probabilities = self._probabilities(X).astype(np.float64)
        return class_scores(probabilities, self._fitted_score, self._seed)

    def _warn(self, method, level):
        owner = type(self).__name__ + method
        check_level(owner, level)
        number = self.n_calibration_groups_
        warn_of_few_groups(owner, number, level, self._units, "its sets hold all classes")

    def _check_estimator(self, estimator):
        if not is_classifier(estimator):
            raise ValueError(
                f"The 'estimator' parameter of {type(self).__name__} must be a classifier, such "
                f"as CNNClassifier, or a pipeline that ends in one. Got {estimator!r} instead."
            )

    @staticmethod
    def _check_targets(y):
        y = check_array(column_or_1d(y, warn=True), dtype=None, ensure_2d=False, input_name="y")
        check_classification_targets(y)
        return y
