"""Scores of the field, beside those of scikit-learn."""

from ._adjacent_accuracy import adjacent_accuracy_score
from ._aggregate import aggregate_by_group
from ._coverage import coverage
from ._reduced_chi2 import reduced_chi2
from ._relative_error import relative_error
from ._report import recovery_report
from ._squared_log10_error import mean_squared_log10_error

__all__ = [
    "adjacent_accuracy_score",
    "aggregate_by_group",
    "coverage",
    "mean_squared_log10_error",
    "recovery_report",
    "reduced_chi2",
    "relative_error",
]
