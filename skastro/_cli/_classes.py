"""The classes that a configuration may name: those of skastro, and some of scikit-learn."""

from __future__ import annotations

import functools
import inspect
from importlib import import_module

_OURS = (
    "decomposition",
    "ensemble",
    "instrument",
    "nets",
    "neural_network",
    "preprocessing",
    "statistics",
)
_THEIRS = {
    "compose": ("TransformedTargetRegressor",),
    "decomposition": ("NMF", "PCA", "FastICA", "KernelPCA", "TruncatedSVD"),
    "discriminant_analysis": ("LinearDiscriminantAnalysis", "QuadraticDiscriminantAnalysis"),
    "dummy": ("DummyClassifier", "DummyRegressor"),
    "ensemble": (
        "ExtraTreesClassifier",
        "ExtraTreesRegressor",
        "GradientBoostingClassifier",
        "GradientBoostingRegressor",
        "HistGradientBoostingClassifier",
        "HistGradientBoostingRegressor",
        "RandomForestClassifier",
        "RandomForestRegressor",
    ),
    "feature_selection": ("VarianceThreshold",),
    "gaussian_process": ("GaussianProcessClassifier", "GaussianProcessRegressor"),
    "impute": ("SimpleImputer",),
    "kernel_ridge": ("KernelRidge",),
    "linear_model": (
        "BayesianRidge",
        "ElasticNet",
        "ElasticNetCV",
        "HuberRegressor",
        "Lasso",
        "LassoCV",
        "LinearRegression",
        "LogisticRegression",
        "LogisticRegressionCV",
        "Ridge",
        "RidgeClassifier",
        "RidgeCV",
    ),
    "multioutput": ("MultiOutputClassifier", "MultiOutputRegressor"),
    "naive_bayes": ("GaussianNB",),
    "neighbors": ("KNeighborsClassifier", "KNeighborsRegressor"),
    "neural_network": ("MLPClassifier", "MLPRegressor"),
    "preprocessing": (
        "MaxAbsScaler",
        "MinMaxScaler",
        "Normalizer",
        "PolynomialFeatures",
        "PowerTransformer",
        "QuantileTransformer",
        "RobustScaler",
        "SplineTransformer",
        "StandardScaler",
    ),
    "svm": ("SVC", "SVR", "LinearSVC", "LinearSVR"),
}


@functools.cache
def known_classes() -> dict[str, type]:
    """Classes by their short names."""
    found: dict[str, type] = {}
    for package in _OURS:
        module = import_module(f"skastro.{package}")
        for name in module.__all__:
            one = getattr(module, name)
            if inspect.isclass(one) and not inspect.isabstract(one) and hasattr(one, "get_params"):
                found[name] = one
    streaming = import_module("skastro.neural_network")
    found |= {name: getattr(streaming, name) for name in ("Streaming", "Symmetries")}
    for package, names in _THEIRS.items():
        module = import_module(f"sklearn.{package}")
        found |= {name: getattr(module, name) for name in names}
    return found


def parameters_of(cls: type) -> list[str]:
    """Names of the parameters of a class."""
    return [name for name in inspect.signature(cls).parameters if name != "self"]
