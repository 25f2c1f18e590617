"""Splits by simulation, what goes wrong without them, and scores under noise."""

from ._audit import audit
from ._audit_report import AuditReport, Finding
from ._baselines import summary_baseline
from ._compare import compare
from ._comparison import Comparison
from ._cross_suite import cross_suite
from ._cross_suite_scores import CrossSuite
from ._durable_client import DurableClient
from ._information import information_fraction
from ._information_scores import InformationFraction
from ._noise_matrix import noise_matrix
from ._noise_scores import NoiseMatrix
from ._per_group import PerGroupSplit
from ._simulation_curve import simulation_curve
from ._simulation_curve_scores import SimulationCurve

__all__ = [
    "AuditReport",
    "Comparison",
    "CrossSuite",
    "DurableClient",
    "Finding",
    "InformationFraction",
    "NoiseMatrix",
    "PerGroupSplit",
    "SimulationCurve",
    "audit",
    "compare",
    "cross_suite",
    "information_fraction",
    "noise_matrix",
    "simulation_curve",
    "summary_baseline",
]
