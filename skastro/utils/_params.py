"""The one place that imports scikit-learn's parameter validation, which has no public name."""

from numbers import Integral

from sklearn.utils._param_validation import HasMethods, Interval, Options, StrOptions

DIM = [Options(Integral, {1, 2, 3}), None]

__all__ = ["DIM", "HasMethods", "Interval", "Options", "StrOptions"]
