"""What lies on both sides of a split."""

import warnings

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from sklearn.dummy import DummyClassifier, DummyRegressor

from ._audit_report import Finding, listed
from ._protocol import splits_by_group


def audited_splits(estimator, maps, y, groups, cv):
    """Rows of each fold that is looked at.

    Parameters
    ----------
    estimator : estimator or None
        What is fitted, which tells whether int folds are stratified.
    maps : LazyMaps
        Maps.
    y : ndarray or None
        Targets.
    groups : ndarray or None
        Groups.
    cv : int, splitter, iterable or None
        How to split.

    Returns
    -------
    list of tuple of ndarray of int
        Rows to train and to test on; none without `cv` and groups.
    """
    if cv is None and (groups is None or len(np.unique(groups)) < 2):
        return []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of leaks and of groups that are not heeded
        if estimator is None:
            of_classes = y is not None and y.ndim == 1 and y.dtype.kind not in "fc"
            estimator = DummyClassifier() if of_classes else DummyRegressor()
        return splits_by_group("audit", estimator, maps, y, groups, cv)


def sides(splits, n):
    """Which rows are on which side, two bool arrays of shape (n_folds, n)."""
    train, test = (np.zeros((len(splits), n), dtype=bool) for _ in range(2))
    for i, (train_rows, test_rows) in enumerate(splits):
        train[i, train_rows], test[i, test_rows] = True, True
    return train, test


def components(n, first, second, start=None):
    """Join samples by pairs.

    Parameters
    ----------
    n : int
        Number of samples.
    first, second : sequence of int
        Pairs.
    start : ndarray of shape (n,), default=None
        Groups that stay together.

    Returns
    -------
    ndarray of int, of shape (n,)
        Numbers of the components, in the order of their first samples.
    """
    first, second = np.asarray(first, dtype=int), np.asarray(second, dtype=int)
    if start is not None:
        _, representative, member = np.unique(start, return_index=True, return_inverse=True)
        first = np.concatenate([first, np.arange(n)])
        second = np.concatenate([second, representative[member.reshape(-1)]])
    # SciPy below 1.12 takes no other integers.
    ends = np.asarray(first, dtype=np.int32), np.asarray(second, dtype=np.int32)
    graph = coo_array((np.ones(len(first), dtype=bool), ends), shape=(n, n))
    label = connected_components(graph, directed=False)[1]
    _, where, member = np.unique(label, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(where))[member.reshape(-1)]


def severity_of(first, second, splits, groups, n):
    """How bad pairs of maps are that know of each other.

    Parameters
    ----------
    first, second : sequence of int
        Pairs.
    splits : list
        Folds.
    groups : ndarray or None
        Groups.
    n : int
        Number of samples.

    Returns
    -------
    severity : str
        "leak" where a pair is on both sides of a fold, or could be; "warning" where pairs are of
        different groups and happen to be on one side; "note" within groups.
    n_apart : int
        Pairs on both sides of some fold.
    """
    first, second = np.asarray(first), np.asarray(second)
    train, test = sides(splits, n)
    apart = (train[:, first] & test[:, second]) | (test[:, first] & train[:, second])
    n_apart = int(apart.any(axis=0).sum()) if len(splits) else 0
    if n_apart or (not splits and groups is None):
        return "leak", n_apart
    within = groups is not None and (groups[first] == groups[second]).all()
    return "note" if within else "warning", n_apart


def groups_on_both_sides(splits, groups):
    """Find groups that a fold tears apart.

    Parameters
    ----------
    splits : list
        Folds.
    groups : ndarray or None
        Groups.

    Returns
    -------
    list of Finding
        One, or none.
    """
    if groups is None:
        return []
    folds, samples = [], set()
    for number, (train, test) in enumerate(splits):
        torn = np.intersect1d(groups[train], groups[test])
        if not len(torn):
            continue
        known = test[np.isin(groups[test], torn)]
        samples.update(known.tolist())
        folds.append(
            {
                "fold": number,
                "groups": torn.tolist(),
                "n_known": len(known),
                "n_test": len(test),
                "n_train": int(np.isin(groups[train], torn).sum()),
            }
        )
    if not folds:
        return []
    worst = max(folds, key=lambda fold: fold["n_known"])
    samples = tuple(sorted(samples))
    message = (
        f"{len(folds)} of {len(splits)} folds have maps of one group in training and test; fold "
        f"{worst['fold']} has {len(worst['groups'])} such groups ({listed(worst['groups'])}), with "
        f"{worst['n_known']} of its {worst['n_test']} test samples. Test samples concerned: "
        f"{listed(samples)}."
    )
    remedy = "split by group: cv=GroupKFold(), and hand groups on."
    return [Finding("groups_on_both_sides", "leak", message, samples, remedy, {"folds": folds})]
