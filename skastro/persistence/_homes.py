"""The classes and functions of libraries that a file may name, and where they are."""

import inspect
from importlib import import_module
from typing import Any

_SKASTRO = (
    "decomposition",
    "ensemble",
    "instrument",
    "model_selection",
    "nets",
    "neural_network",
    "preprocessing",
    "simulation",
    "statistics",
)
_ALL = None
# Public classes by module: those of `__all__`, or those that are named.
CLASS_HOMES: dict[str, frozenset[str] | None] = {
    **{f"skastro.{name}": _ALL for name in _SKASTRO},
    "skastro.maps": frozenset({"MapBunch"}),
    **{
        f"sklearn.{name}": _ALL
        for name in (
            "calibration",
            "compose",
            "covariance",
            "cross_decomposition",
            "discriminant_analysis",
            "dummy",
            "ensemble",
            "feature_selection",
            "frozen",
            "gaussian_process",
            "gaussian_process.kernels",
            "impute",
            "isotonic",
            "kernel_approximation",
            "kernel_ridge",
            "linear_model",
            "mixture",
            "model_selection",
            "multiclass",
            "multioutput",
            "naive_bayes",
            "neural_network",
            "pipeline",
            "preprocessing",
            "random_projection",
            "svm",
            "tree",
        )
    },
    "sklearn.cluster": frozenset({"KMeans", "MiniBatchKMeans"}),
    "sklearn.decomposition": frozenset(
        ["FactorAnalysis", "FastICA", "IncrementalPCA", "KernelPCA", "NMF", "PCA", "TruncatedSVD"]
    ),
    "sklearn.neighbors": frozenset(
        [
            "KNeighborsClassifier",
            "KNeighborsRegressor",
            "KernelDensity",
            "LocalOutlierFactor",
            "NearestCentroid",
            "NearestNeighbors",
            "NeighborhoodComponentsAnalysis",
            "RadiusNeighborsClassifier",
            "RadiusNeighborsRegressor",
        ]
    ),
}
# Private classes that are part of fitted models.
PRIVATE = frozenset(
    [
        "skastro.decomposition._patches.PatchGrid",
        "skastro.model_selection._comparison.Difference",
        "skastro.model_selection._comparison_fits.FoldOutcome",
        "skastro.preprocessing._moments.RunningMoments",
        "sklearn._loss.link.HalfLogitLink",
        "sklearn._loss.link.IdentityLink",
        "sklearn._loss.link.Interval",
        "sklearn._loss.link.LogLink",
        "sklearn._loss.link.LogitLink",
        "sklearn._loss.link.MultinomialLogit",
        "sklearn._loss.loss.AbsoluteError",
        "sklearn._loss.loss.ExponentialLoss",
        "sklearn._loss.loss.HalfBinomialLoss",
        "sklearn._loss.loss.HalfGammaLoss",
        "sklearn._loss.loss.HalfMultinomialLoss",
        "sklearn._loss.loss.HalfPoissonLoss",
        "sklearn._loss.loss.HalfSquaredError",
        "sklearn._loss.loss.HalfTweedieLoss",
        "sklearn._loss.loss.HalfTweedieLossIdentity",
        "sklearn._loss.loss.HuberLoss",
        "sklearn._loss.loss.PinballLoss",
        "sklearn.calibration._CalibratedClassifier",
        "sklearn.calibration._SigmoidCalibration",
        "sklearn.calibration._TemperatureScaling",
        "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.gaussian_process._gpc._BinaryGaussianProcessClassifierLaplace",
        "sklearn.impute._iterative._ImputerTriplet",
        "sklearn.metrics._scorer._CurveScorer",
        "sklearn.metrics._scorer._MultimetricScorer",
        "sklearn.metrics._scorer._PassthroughScorer",
        "sklearn.metrics._scorer._Scorer",
        "sklearn.model_selection._split._CVIterableWrapper",
        "sklearn.multiclass._ConstantPredictor",
        "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
        "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
        "sklearn.utils._metadata_requests.MetadataRequest",
        "sklearn.utils._metadata_requests.MethodMetadataRequest",
    ]
)
# Functions by module: those of `__all__` that are functions, NumPy's kind, or those named.
FUNCTION_HOMES: dict[str, frozenset[str] | str | None] = {
    "numpy": "ufunc",
    "scipy.special": "ufunc",
    "sklearn.feature_selection": frozenset(
        [
            "chi2",
            "f_classif",
            "f_oneway",
            "f_regression",
            "mutual_info_classif",
            "mutual_info_regression",
            "r_regression",
        ]
    ),
    "sklearn.metrics": _ALL,
    "sklearn.preprocessing": frozenset(["add_dummy_feature", "binarize", "normalize", "scale"]),
    "skastro.metrics": _ALL,
    "torch.nn.functional": frozenset(
        [
            "binary_cross_entropy",
            "binary_cross_entropy_with_logits",
            "cross_entropy",
            "gaussian_nll_loss",
            "huber_loss",
            "kl_div",
            "l1_loss",
            "mse_loss",
            "nll_loss",
            "poisson_nll_loss",
            "smooth_l1_loss",
            "relu",
            "gelu",
            "silu",
            "elu",
            "leaky_relu",
            "softplus",
            "sigmoid",
            "tanh",
        ]
    ),
}
_RESERVED = ("skastro.", "sklearn.", "numpy.", "scipy.", "torch.", "builtins.", "skorch.")
_BUILTINS = {t.__name__: t for t in (bool, complex, dict, float, int, list, object, set, str)}


def is_reserved(name: str) -> bool:
    """Whether a name is one of an installed library."""
    return name.startswith(_RESERVED)


def class_at(name: str) -> type | None:
    """The class of a library that a file means by a name, None where it may not be in one."""
    home, _, last = name.rpartition(".")
    if name in PRIVATE:
        found = getattr(import_module(home), last, None)
    elif home in CLASS_HOMES and last.isidentifier():
        if last.startswith("Halving"):
            import_module("sklearn.experimental.enable_halving_search_cv")
        if last == "IterativeImputer":
            import_module("sklearn.experimental.enable_iterative_imputer")
        found = _public(home, last, CLASS_HOMES[home])
    elif home == "torch.nn" and last.isidentifier():
        return _torch_module(last)
    elif home.startswith("skastro.nets._") and last.isidentifier():
        return _layer(home, last)
    else:
        return None
    return found if inspect.isclass(found) and not issubclass(found, BaseException) else None


def class_name(cls: type) -> str | None:
    """The name of a class of a library in a file, None where it may not be in one."""
    parts = cls.__module__.split(".")
    full = f"{cls.__module__}.{cls.__name__}"
    if parts[0] == "torch":
        names = [f"torch.nn.{cls.__name__}"]
    else:
        homes = (".".join(parts[:i]) for i in range(len(parts), 1, -1))
        names = [full] + [f"{home}.{cls.__name__}" for home in homes if home in CLASS_HOMES]
    return next((name for name in names if class_at(name) is cls), None)


def type_at(name: str) -> type | None:
    """A class that is itself the value of a parameter, such as one of an optimizer."""
    home, _, last = name.rpartition(".")
    if home == "builtins":
        return _BUILTINS.get(last)
    if home == "numpy":
        import numpy as np

        found = getattr(np, last, None) if last.isidentifier() else None
        return found if inspect.isclass(found) and issubclass(found, np.generic) else None
    if home == "torch.optim":
        import torch

        found = getattr(torch.optim, last, None) if last.isidentifier() else None
        is_one = inspect.isclass(found) and issubclass(found, torch.optim.Optimizer)
        return found if is_one else None
    return class_at(name)


def type_name(cls: type) -> str | None:
    """The name in a file of a class that is itself a value."""
    homes = ("builtins", "numpy", "torch.optim")
    names = [f"{home}.{cls.__name__}" for home in homes if cls.__module__.startswith(home)]
    return next((name for name in names if type_at(name) is cls), None) or class_name(cls)


def function_at(name: str) -> Any:
    """The function of a library that a file means by a name, None where it may not be in one."""
    home, _, last = name.rpartition(".")
    if home not in FUNCTION_HOMES or not last.isidentifier():
        return None
    allowed = FUNCTION_HOMES[home]
    if isinstance(allowed, str):  # "ufunc"
        import numpy as np

        found = getattr(import_module(home), last, None)
        return found if isinstance(found, np.ufunc) else None
    found = _public(home, last, allowed)
    return found if callable(found) and not inspect.isclass(found) else None


def function_name(function: Any) -> str | None:
    """The name of a function of a library in a file, None where it may not be in one."""
    last = getattr(function, "__name__", "")
    origin = "" if type(function).__name__ == "ufunc" else getattr(function, "__module__", "") or ""
    for home in FUNCTION_HOMES:
        if origin and origin.split(".")[0] not in (home.split(".")[0], "builtins"):
            continue
        if function_at(f"{home}.{last}") is function:
            return f"{home}.{last}"
    return None


def _public(home: str, last: str, allowed: frozenset[str] | None) -> Any:
    """What a module has by a name that is public, None if it is not."""
    module = import_module(home)
    found = getattr(module, last, None)
    if allowed is None and hasattr(module, "__all__"):
        allowed = module.__all__
    if allowed is not None:
        return found if last in allowed else None
    is_own = getattr(found, "__module__", None) == home and not last.startswith("_")
    return found if is_own else None


def _torch_module(last: str) -> type | None:
    """A module of torch's own, by its public name."""
    from torch import nn

    found = getattr(nn, last, None)
    return found if inspect.isclass(found) and issubclass(found, nn.Module) else None


def _layer(home: str, last: str) -> type | None:
    """A module that a net of this library is made of."""
    import skastro.nets

    net_homes = {getattr(skastro.nets, name).__module__ for name in skastro.nets.__all__}
    net_homes |= {f"skastro.nets._{name}" for name in ("circular", "conv3d", "film")}
    if home not in net_homes:
        return None
    from torch import nn

    found = getattr(import_module(home), last, None)
    is_own = inspect.isclass(found) and issubclass(found, nn.Module) and found.__module__ == home
    return found if is_own else None
