"""Findings about targets that tell which simulation a map is of."""

import numpy as np

from ..utils._repeats import repeated_targets
from ._audit_report import Finding, listed
from ._audit_splits import severity_of

_LEAST_SHARE = 0.99  # of the variance between groups


def target_findings(y, splits, groups):
    """Find targets that are constant within groups, or repeat where there are no groups.

    Parameters
    ----------
    y : ndarray or None
        Targets.
    splits : list
        Folds.
    groups : ndarray or None
        Groups.

    Returns
    -------
    findings : list of Finding
        What was found.
    joined : list of tuple of int
        Pairs of samples that belong to one group.
    """
    if y is None or y.ndim > 2 or y.dtype.kind != "f":
        return [], []
    if groups is not None:
        return _constant_within_groups(y.reshape(len(y), -1), splits, groups), []
    member = repeated_targets(y)
    if member is None:
        return [], []
    order = np.argsort(member, kind="stable")
    same = member[order[1:]] == member[order[:-1]]
    joined = list(zip(order[:-1][same].tolist(), order[1:][same].tolist(), strict=True))
    clusters = [
        tuple(sorted(part.tolist()))
        for part in np.split(order, np.flatnonzero(~same) + 1)
        if len(part) > 1
    ]
    clusters.sort()
    samples = tuple(sorted(i for cluster in clusters for i in cluster))
    _, n_apart = severity_of(*zip(*joined, strict=True), splits, None, len(y))
    shown = "; ".join(listed(cluster) for cluster in clusters[:3])
    more = f"; and {len(clusters) - 3} more" if len(clusters) > 3 else ""
    message = (
        f"samples {shown}{more} have equal targets to the last digit: they are probably of one "
        f"simulation, {len(clusters)} in all."
    )
    if splits:
        message += " The folds tear them apart." if n_apart else " The folds keep them together."
    severity = "leak" if n_apart else "warning"
    remedy = (
        "pass groups, the simulation of each sample, or report.merged_groups_, and split by them."
    )
    return [
        Finding("repeated_targets", severity, message, samples, remedy, {"clusters": clusters})
    ], joined


def _constant_within_groups(y, splits, groups):
    torn = np.zeros(len(y), dtype=bool)
    for train, test in splits:
        torn[test[np.isin(groups[test], groups[train])]] = True
    if not torn.any():
        return []
    names, member = np.unique(groups, return_inverse=True)
    member = member.reshape(-1)
    counts = np.bincount(member)
    centred = y - y.mean(axis=0)
    means = np.stack([np.bincount(member, column) / counts for column in centred.T], axis=1)
    total = np.square(centred).sum(axis=0)
    within = np.square(centred - means[member]).sum(axis=0)
    share = np.where(total > 0, 1 - within / np.where(total > 0, total, 1), 0)
    chance = (len(names) - 1) / max(len(y) - 1, 1)
    if not (share > _LEAST_SHARE).any() or chance > 0.9:
        return []
    samples = tuple(np.flatnonzero(torn).tolist())
    message = (
        f"the groups explain {', '.join(f'{s:.1%}' for s in share)} of the variance of the "
        f"targets, where chance would explain {chance:.1%}, and {len(samples)} test samples have "
        f"maps of their group in training: to know a simulation again is to know its targets."
    )
    remedy = "split by group: cv=GroupKFold(), and hand groups on."
    details = {"share": tuple(share.tolist())}
    return [Finding("constant_groups", "leak", message, samples, remedy, details)]
