"""What leaks are worth: scores with and without them."""

from typing import NamedTuple

import numpy as np
from sklearn import config_context
from sklearn.base import clone, is_classifier
from sklearn.model_selection import GroupKFold, KFold, StratifiedKFold

from ..maps import LazyMaps
from ._protocol import (
    check_maps_and_targets,
    check_scorer,
    default_dummy,
    dummy_scores,
    fit_params,
    seed_of,
    takes_lazy_maps,
)

_MOST_FOLDS = 10


class LeakCost(NamedTuple):
    """Scores with and without the leaks.

    Attributes
    ----------
    with_leak, without_leak : ndarray of shape (n_folds,)
        Scores on the folds that were audited, and on folds of whole merged groups.
    dummy_with_leak, dummy_without_leak : ndarray of shape (n_folds,)
        Scores of what looks at no map.
    scoring : str
        Name of the score, greater is better.
    """

    with_leak: np.ndarray
    without_leak: np.ndarray
    dummy_with_leak: np.ndarray
    dummy_without_leak: np.ndarray
    scoring: str

    def __str__(self):
        rows = [
            ("as audited", self.with_leak, self.dummy_with_leak),
            ("by merged groups", self.without_leak, self.dummy_without_leak),
        ]
        return "\n".join(
            f"{self.scoring} {name}: {scores.mean():.3f} +- {scores.std():.3f} "
            f"({len(scores)} folds), dummy {dummy.mean():.3f}"
            for name, scores, dummy in rows
        )


def leak_cost(report, estimator, X, y, scoring, dummy, random_state):
    """Score an estimator on the folds of a report, and on folds of merged groups.

    Parameters
    ----------
    report : AuditReport
        The report.
    estimator : estimator
        What is copied and fitted.
    X : array-like or LazyMaps
        Maps.
    y : array-like
        Targets.
    scoring : str, callable or None
        One score.
    dummy : estimator or None
        What to compare with.
    random_state : int, numpy.random.RandomState or None
        Seed of shuffled folds.

    Returns
    -------
    LeakCost
        The scores.

    Raises
    ------
    ValueError
        If lengths differ, or all samples are in one merged group.
    """
    owner = "AuditReport.cost"
    X, y, _ = check_maps_and_targets(owner, X, y, None)
    merged = report.merged_groups_
    if len(merged) != len(y):
        raise ValueError(
            f"{owner} needs the data that were audited, of {len(merged)} samples; got {len(y)}."
        )
    n_merged = len(np.unique(merged))
    if n_merged < 2:
        raise ValueError(
            f"{owner} cannot split by merged groups: all {len(y)} samples are in one. Only samples "
            f"that share nothing with these could tell what a model has learned."
        )
    scorer, name = check_scorer(owner, estimator, scoring)
    given = report.splits
    if not given:
        kind = StratifiedKFold if is_classifier(estimator) else KFold
        folds = kind(min(5, len(y)), shuffle=True, random_state=seed_of(random_state))
        given = list(folds.split(np.zeros(len(y)), y))
    honest = given
    if any(np.isin(merged[test], merged[train]).any() for train, test in given):
        share = np.mean([len(test) / (len(train) + len(test)) for train, test in given])
        grouped = GroupKFold(int(np.clip(np.round(1 / share), 2, min(n_merged, _MOST_FOLDS))))
        honest = list(grouped.split(np.zeros(len(y)), y, merged))
    dummy = default_dummy(estimator, dummy)
    return LeakCost(
        _scores(estimator, X, y, report.groups, given, scorer),
        _scores(estimator, X, y, merged, honest, scorer),
        dummy_scores(dummy, X, y, given, scorer),
        dummy_scores(dummy, X, y, honest, scorer),
        name,
    )


def _scores(estimator, X, y, groups, splits, scorer):
    """Score of an estimator on each fold."""
    whole = not takes_lazy_maps(estimator) and isinstance(X, LazyMaps)
    scores = []
    with config_context(enable_metadata_routing=False):
        for train, test in splits:
            params = fit_params(estimator, groups, train)
            seen, unseen = X[train], X[test]
            if whole:
                seen, unseen = np.asarray(seen), np.asarray(unseen)
            fitted = clone(estimator).fit(seen, y[train], **params)
            scores.append(scorer(fitted, unseen, y[test]))
    return np.array(scores, dtype=np.float64)
