"""What an audit found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from sklearn.base import BaseEstimator

from ..utils import import_pandas
from ..utils._typing import ArrayLike, MapsLike, RandomState
from ._types import Scoring

if TYPE_CHECKING:
    from pandas import DataFrame

    from ._audit_cost import LeakCost


SEVERITIES = ("leak", "warning", "note")


class Finding(NamedTuple):
    """One kind of thing that an audit found.

    Attributes
    ----------
    kind : str
        "groups_on_both_sides", "exact_copies", "equal_values", "near_copies", "shared_phases",
        "common_pattern", "constant_groups", "repeated_targets", "scaled_with_all_rows",
        "fitted_on_all_rows", "plain_maps" or "not_all_compared".
    severity : {"leak", "warning", "note"}
        "leak" where scores are too good, "warning" where they may be, "note" for what else
        there is to know.
    message : str
        What was found, with numbers.
    samples : tuple of int
        Samples that are concerned, in ascending order.
    remedy : str
        What to do.
    details : dict
        Numbers, by kind: "folds", "clusters" and "pairs" with what turns one map into the other.
    """

    kind: str
    severity: Literal["leak", "warning", "note"]
    message: str
    samples: tuple[int, ...]
    remedy: str
    details: dict[str, Any]

    def __str__(self):
        return f"{self.severity.upper()} {self.kind}: {self.message} Remedy: {self.remedy}"


class AuditReport:
    """Findings of an audit, the worst first.

    Parameters
    ----------
    findings : list of Finding
        What was found.
    splits : list of tuple of ndarray of int
        Rows to train and to test on that were looked at; empty if none were given.
    groups : ndarray of shape (n_samples,) or None
        Groups that were given.
    merged_groups : ndarray of int, of shape (n_samples,)
        Groups that share nothing that was found.

    Attributes
    ----------
    findings : list of Finding
        What was found.
    merged_groups_ : ndarray of int, of shape (n_samples,)
        Groups to split by: those that were given, or else single samples, joined where samples
        are copies, share phases or repeat their targets. Ready for ``GroupKFold``.
    cost_ : LeakCost
        Scores with and without the leaks, if `audit` was given an estimator.

    See Also
    --------
    audit : Makes one.
    """

    def __init__(
        self,
        findings: list[Finding],
        splits: list[tuple[np.ndarray, np.ndarray]],
        groups: np.ndarray | None,
        merged_groups: np.ndarray,
    ) -> None:
        self.findings = sorted(findings, key=lambda f: SEVERITIES.index(f.severity))
        self.splits = splits
        self.groups = groups
        self.merged_groups_ = merged_groups

    @property
    def passed(self) -> bool:
        """Whether there are no findings but notes."""
        return all(finding.severity == "note" for finding in self.findings)

    def __repr__(self):
        numbers = [(sum(f.severity == s for f in self.findings), s) for s in SEVERITIES]
        counts = [f"{number} {severity}{'s' * (number != 1)}" for number, severity in numbers]
        n = len(self.merged_groups_)
        return f"AuditReport({', '.join(counts)}, {n} samples, {len(self.splits)} folds)"

    def __str__(self):
        n, n_merged = len(self.merged_groups_), len(np.unique(self.merged_groups_))
        n_found = len(self.findings)
        head = f"Audit of {n} samples, {len(self.splits)} folds: "
        head += f"{n_found} finding{'s' * (n_found > 1)}." if n_found else "nothing found."
        lines = [head, *(f"- {finding}" for finding in self.findings)]
        n_given = n if self.groups is None else len(np.unique(self.groups))
        if n_merged < n_given:
            lines.append(f"merged_groups_ joins {n_given} groups to {n_merged}.")
        if hasattr(self, "cost_"):
            lines.append(str(self.cost_))
        return "\n".join(lines)

    def table(self) -> DataFrame:
        """Findings as a table.

        Returns
        -------
        pandas.DataFrame
            A row for each finding, with columns "kind", "severity", "n_samples", "message" and
            "remedy".

        Raises
        ------
        ImportError
            If pandas is absent.
        """
        pd = import_pandas("AuditReport.table")
        columns = ["kind", "severity", "n_samples", "message", "remedy"]
        rows = [(f.kind, f.severity, len(f.samples), f.message, f.remedy) for f in self.findings]
        return pd.DataFrame(rows, columns=columns)

    def cost(
        self,
        estimator: BaseEstimator,
        X: MapsLike,
        y: ArrayLike,
        *,
        scoring: Scoring | None = None,
        dummy: BaseEstimator | None = None,
        random_state: RandomState = 0,
    ) -> LeakCost:
        """Score an estimator with and without the leaks.

        Parameters
        ----------
        estimator : estimator
            What is copied and fitted, once for each fold of both splits.
        X : array-like or LazyMaps of shape (n_samples, [n_channels,] *spatial)
            The maps that were audited.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Their targets.
        scoring : str or callable, default=None
            One score, as in scikit-learn; None is ``estimator.score``.
        dummy : estimator, default=None
            What to compare with; None is the mean or the shares of classes.
        random_state : int, numpy.random.RandomState or None, default=0
            Seed of the shuffled folds.

        Returns
        -------
        LeakCost
            Scores on the folds that were audited, or on shuffled ones if there were none, and on
            folds of whole merged groups with test sets of that size, ten folds at most. Folds
            that keep merged groups whole are taken as they are.

        Raises
        ------
        ValueError
            If all samples are in one merged group.
        """
        from ._audit_cost import leak_cost

        return leak_cost(self, estimator, X, y, scoring, dummy, random_state)


def listed(numbers, most=8):
    """Numbers as text, ranges shortened, such as "0..14, 20 and 3 more".

    Parameters
    ----------
    numbers : iterable
        Numbers in ascending order, or names.
    most : int, default=8
        Ranges to write.

    Returns
    -------
    str
        The text.
    """
    runs = []
    for number in numbers:
        is_int = isinstance(number, int | np.integer)
        if runs and is_int and runs[-1][1] + 1 == number:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    texts = [f"{a}" if a == b else f"{a}..{b}" if b > a + 1 else f"{a}, {b}" for a, b in runs]
    more = f" and {len(texts) - most} more" if len(texts) > most else ""
    return ", ".join(texts[:most]) + more
