"""Checks of fitted estimators of scikit-learn whose compiled code trusts their attributes."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ..exceptions import ModelFileError
from ._category_checks import check_labels, check_one_hot
from ._kind import expect
from ._tree_checks import check_features, check_predictor, predictor_features

_MOST_WORKERS = 4096


def check_estimator(made: Any) -> None:
    """Refuse an object whose parts do not fit together, or that would start absurdly many."""
    for name in ("n_jobs", "n_threads"):
        number: Any = getattr(made, "__dict__", {}).get(name)
        is_number = isinstance(number, (int, float, np.number))
        _need(not is_number or number <= _MOST_WORKERS, made, f"{name}={number!r}")
    for base in type(made).__mro__:
        check = _CHECKS.get(f"{base.__module__}.{base.__qualname__}")
        if check is not None:
            check(made)


def _need(condition: Any, made: Any, what: str) -> None:
    if not condition:
        raise ModelFileError(f"the {what} of {type(made).__name__} do not fit")


def _array(made: Any, name: str, ndim: int, kind: str = "f") -> np.ndarray:
    """An attribute that is an array of some kind."""
    found = expect(getattr(made, name, None), np.ndarray, f"{name} of {type(made).__name__}")
    _need(found.ndim == ndim and found.dtype.kind in kind, made, name)
    return found


def _n_features(made: Any) -> int:
    return expect(getattr(made, "n_features_in_", None), (int, np.integer), "n_features_in_")


def _check_decision_tree(made: Any) -> None:
    from sklearn.tree._tree import Tree

    if hasattr(made, "tree_"):
        tree = expect(made.tree_, Tree, "tree_")
        _need(tree.n_features == _n_features(made), made, "features of the tree")


def _check_forest(made: Any) -> None:
    from sklearn.tree import BaseDecisionTree

    if hasattr(made, "estimators_"):
        for tree in expect(made.estimators_, list, "estimators_"):
            expect(tree, BaseDecisionTree, "a tree of a forest")
            _need(_n_features(tree) == _n_features(made), made, "features of the trees")


def _check_boosting(made: Any) -> None:
    from sklearn.tree import DecisionTreeRegressor

    if not hasattr(made, "estimators_"):
        return
    trees = _array(made, "estimators_", 2, "O")
    n_columns: Any = getattr(made, "n_trees_per_iteration_", None)
    _need(trees.shape[1] == n_columns and n_columns >= 1, made, "trees")
    _check_start(made, n_columns)
    for tree in trees.ravel():
        _need(type(tree) is DecisionTreeRegressor and hasattr(tree, "tree_"), made, "trees")
        _need(tree.tree_.n_features == _n_features(made), made, "features of the trees")
        _need(tree.tree_.n_outputs == 1 and tree.tree_.value.shape[2] == 1, made, "trees")


def _check_start(made: Any, n_columns: int) -> None:
    """What gradient boosting begins with, an array to which compiled code adds the trees."""
    from sklearn.dummy import DummyClassifier, DummyRegressor

    loss, start = made._loss, made.init_
    homes = (type(loss).__module__, type(loss.link).__module__)
    _need(homes == ("sklearn._loss.loss", "sklearn._loss.link"), made, "loss")
    _need(loss.is_multiclass is (n_columns > 1), made, "loss and classes")
    if isinstance(start, str):  # zeros for each column of trees
        return
    _need(type(start) in (DummyClassifier, DummyRegressor), made, "init, which is not the default,")
    _need(expect(start.n_outputs_, int, "n_outputs_") == 1, made, "init")
    if n_columns > 1:
        priors = _array(start, "class_prior_", 1)
        _need(start.strategy == "prior" and len(priors) == n_columns, made, "init")


def _check_isolation(made: Any) -> None:
    """The trees of an isolation forest, which are asked without a check of the features."""
    if not hasattr(made, "estimators_"):
        return
    n_features, trees = _n_features(made), expect(made.estimators_, list, "estimators_")
    chosen = expect(made.estimators_features_, list, "estimators_features_")
    _need(len(chosen) == len(trees), made, "features of the trees")
    for tree, features in zip(trees, chosen, strict=True):
        expect(features, np.ndarray, "features of a tree")
        _need(features.ndim == 1 and features.dtype.kind == "i", made, "features of the trees")
        n_chosen = len(features) if made._max_features != n_features else n_features
        _need(_n_features(tree) == n_chosen, made, "features of the trees")


def _check_bins(made: Any) -> None:
    bins = expect(getattr(made, "n_bins", None), (int, np.integer), "n_bins")
    _need(3 <= bins <= 256, made, "bins")
    if not hasattr(made, "bin_thresholds_"):
        return
    for thresholds in expect(made.bin_thresholds_, list, "bin_thresholds_"):
        expect(thresholds, np.ndarray, "the edges of bins")
        _need(thresholds.ndim == 1 and thresholds.dtype == np.float64, made, "edges of bins")
        _need(len(thresholds) < bins, made, "edges of bins")
    categorical = _array(made, "is_categorical_", 1, "u")
    _need(not categorical.any(), made, "categories")
    _need(len(categorical) == len(made.bin_thresholds_), made, "categories")
    _need(made.missing_values_bin_idx_ == bins - 1, made, "bins")


def _check_histogram_boosting(made: Any) -> None:
    from sklearn.ensemble._hist_gradient_boosting.binning import _BinMapper
    from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor

    if not hasattr(made, "_predictors"):
        return
    n_features = _n_features(made)
    mapper = expect(made._bin_mapper, _BinMapper, "the bins of gradient boosting")
    _check_bins(mapper)
    _need(getattr(made, "_preprocessor", None) is None, made, "categories")
    _need(len(mapper.bin_thresholds_) == n_features, made, "bins")
    n_columns = expect(made.n_trees_per_iteration_, int, "n_trees_per_iteration_")
    for predictors in expect(made._predictors, list, "_predictors"):
        _need(len(expect(predictors, list, "predictors")) == n_columns, made, "trees")
        for predictor in predictors:
            expect(predictor, TreePredictor, "a predictor")
            check_features(predictor_features(predictor), n_features)


def _check_support_vectors(made: Any) -> None:
    """What libsvm is given as pointers."""
    if not hasattr(made, "support_vectors_"):
        return
    _need(made._sparse is False and isinstance(made.kernel, str), made, "kernel and support")
    vectors = _array(made, "support_vectors_", 2)
    support, counts = _array(made, "support_", 1, "i"), _array(made, "_n_support", 1, "i")
    coefficients = _array(made, "_dual_coef_", 2)
    intercept = _array(made, "_intercept_", 1)
    n_fitted, n_features = made.shape_fit_
    expect(n_fitted, int, "shape_fit_")
    is_precomputed = made.kernel == "precomputed"
    _need(vectors.shape == (len(support), 0 if is_precomputed else n_features), made, "vectors")
    _need(is_precomputed or n_features == _n_features(made), made, "features")
    _need(not len(support) or (support.min() >= 0 and support.max() < n_fitted), made, "support")
    _need(support.dtype == np.int32 and counts.dtype == np.int32, made, "support")
    is_classifier = made._impl in ("c_svc", "nu_svc")
    fits = (counts >= 0).all() and counts.sum() == len(support)
    _need(fits or not is_classifier, made, "numbers of vectors")
    n_classes = len(counts)
    _need(is_classifier or made._impl in ("epsilon_svr", "nu_svr", "one_class"), made, "parts")
    _need(n_classes >= 2 and (is_classifier or n_classes == 2), made, "classes")
    _need(not is_classifier or len(made.classes_) == n_classes, made, "classes")
    n_pairs = n_classes * (n_classes - 1) // 2 if is_classifier else 1
    rows = n_classes - 1 if is_classifier else 1
    _need(coefficients.shape == (rows, len(support)), made, "coefficients")
    _need(len(intercept) == n_pairs, made, "intercepts")
    for name in ("_probA", "_probB"):
        found = _array(made, name, 1)
        _need(len(found) in (0, n_pairs), made, "probabilities")
        _need(found.dtype == np.float64, made, "probabilities")
    _need(len(made._probA) == len(made._probB), made, "probabilities")
    for found in (vectors, coefficients, intercept):
        _need(found.dtype == np.float64, made, "numbers")


def _check_neighbours(made: Any) -> None:
    points = getattr(made, "_fit_X", None)
    if points is None:
        return
    _need(points.ndim == 2 and points.shape[1] == _n_features(made), made, "points")
    options = expect(getattr(made, "effective_metric_params_", {}), dict, "metric_params")
    _need(not {"X_norm_squared", "Y_norm_squared"} & set(options), made, "norms of points")
    if hasattr(made, "classes_"):
        labels = expect(getattr(made, "_y", None), np.ndarray, "_y")
        _need(len(labels) == len(points) and labels.dtype.kind == "i", made, "classes")
        inside = labels.ndim > 1 or 0 <= labels.min() <= labels.max() < len(made.classes_)
        _need(inside, made, "classes")
    tree = getattr(made, "_tree", None)
    if tree is not None:
        _need(np.asarray(tree.data).shape == points.shape, made, "points")


def _check_centres(made: Any) -> None:
    if hasattr(made, "cluster_centers_"):
        centres = _array(made, "cluster_centers_", 2)
        _need(centres.shape[1] == _n_features(made) and len(centres) >= 1, made, "centres")
        _need(1 <= expect(made._n_threads, int, "_n_threads") <= 4096, made, "threads")


_CHECKS: dict[str, Callable[[Any], None]] = {
    "sklearn.tree._classes.BaseDecisionTree": _check_decision_tree,
    "sklearn.ensemble._forest.BaseForest": _check_forest,
    "sklearn.ensemble._gb.BaseGradientBoosting": _check_boosting,
    "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper": _check_bins,
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor": check_predictor,
    "sklearn.ensemble._hist_gradient_boosting.gradient_boosting.BaseHistGradientBoosting": (
        _check_histogram_boosting
    ),
    "sklearn.ensemble._iforest.IsolationForest": _check_isolation,
    "sklearn.preprocessing._encoders.OneHotEncoder": check_one_hot,
    "sklearn.preprocessing._label.MultiLabelBinarizer": check_labels,
    "sklearn.svm._base.BaseLibSVM": _check_support_vectors,
    "sklearn.neighbors._base.NeighborsBase": _check_neighbours,
    "sklearn.cluster._kmeans._BaseKMeans": _check_centres,
}
