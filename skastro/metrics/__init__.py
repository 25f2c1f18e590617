"""Scores of the field, beside those of scikit-learn."""

from ._adjacent_accuracy import adjacent_accuracy_score
from ._aggregate import aggregate_by_group
from ._coverage import coverage
from ._effective_sample_size import effective_sample_size
from ._field_report import field_r2_score, field_report, matthews_at
from ._field_spectra import cross_correlation_coefficient, power_ratio
from ._interval_coverage import interval_coverage
from ._mean_free_path import mean_free_path
from ._pit import pit_values
from ._reduced_chi2 import reduced_chi2
from ._relative_error import relative_error
from ._report import recovery_report
from ._squared_log10_error import mean_squared_log10_error

__all__ = [
    "adjacent_accuracy_score",
    "aggregate_by_group",
    "coverage",
    "cross_correlation_coefficient",
    "effective_sample_size",
    "field_r2_score",
    "field_report",
    "interval_coverage",
    "matthews_at",
    "mean_free_path",
    "mean_squared_log10_error",
    "pit_values",
    "power_ratio",
    "recovery_report",
    "reduced_chi2",
    "relative_error",
]
