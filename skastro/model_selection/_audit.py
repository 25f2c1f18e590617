"""Leaks in a data set and its split."""

from collections.abc import Sequence
from numbers import Integral
from reprlib import repr as repr_of
from typing import Literal

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import indexable

from ..maps import LazyMaps
from ..utils import as_numpy, check_groups
from ..utils._typing import ArrayLike, MapsLike, RandomState
from ._audit_fitted import fitted_findings
from ._audit_likeness import likeness_findings
from ._audit_report import AuditReport
from ._audit_scaling import scaling_findings
from ._audit_splits import audited_splits, components, groups_on_both_sides
from ._audit_survey import survey
from ._audit_targets import target_findings
from ._protocol import seed_of
from ._types import CrossValidator, Scoring


def audit(
    X: MapsLike,
    y: ArrayLike | None = None,
    *,
    groups: ArrayLike | None = None,
    cv: CrossValidator | None = None,
    train: ArrayLike | None = None,
    pipeline: BaseEstimator | Sequence[BaseEstimator] | None = None,
    estimator: BaseEstimator | None = None,
    scoring: Scoring | None = None,
    dim: Literal[1, 2, 3] | None = None,
    max_maps: int = 20_000,
    random_state: RandomState = 0,
) -> AuditReport:
    r"""Find leaks in a data set and its split.

    Looked for are groups on both sides of a split; maps that are copies of others, also turned,
    mirrored or shifted, with noise added or scaled; maps of different groups with equal initial
    conditions; targets that are constant within groups that a split tears apart, or that repeat
    where no groups are given; maps, targets and transformers that were scaled or fitted with the
    rows of the test.

    Parameters
    ----------
    X : array-like or LazyMaps of shape (n_samples, [n_channels,] *spatial)
        Maps, read once in chunks; 2-d tables are taken as signals.
    y : array-like of shape (n_samples,) or (n_samples, n_targets), default=None
        Targets.
    groups : array-like of shape (n_samples,), default=None
        Which simulation a map is from. Maps of one group may share what they like.
    cv : int, splitter or iterable, default=None
        How to split. None and an int are ``GroupKFold`` where there are groups; without groups,
        None is no split in particular, so that whatever two samples share is a leak.
    train : array-like of int or bool, default=None
        Training rows, the others being those of the test, in place of `cv`.
    pipeline : transformer, Pipeline or list of them, default=None
        What was fitted. Each transformer, also of columns, of targets and within a search, is
        compared with copies that are fitted on all rows and on the training rows of each fold.
        What differs between two fits on the same rows tells nothing.
    estimator : estimator, default=None
        What to score with and without the leaks, see `AuditReport.cost`; it needs `y`.
    scoring : str or callable, default=None
        One score, as in scikit-learn; None is ``estimator.score``.
    dim : int, default=None
        Number of spatial axes, where the shape leaves it open: ``dim=3`` for cubes
        ``(n, d, h, w)``, which are else maps with channels.
    max_maps : int, default=20000
        Maps that are compared pair by pair, chosen at random if there are more. Time grows with
        the square. All are looked at for exact copies.
    random_state : int, numpy.random.RandomState or None, default=0
        Whence choices come.

    Returns
    -------
    AuditReport
        What was found, and groups to split by.

    Raises
    ------
    MapShapeError
        If the array is none of maps.
    ValueError
        If lengths differ, a value is not finite, parameters do not go together, or a pipeline
        is not fitted.

    See Also
    --------
    AuditReport : What is returned.
    sklearn.model_selection.GroupKFold : Takes the merged groups.

    Notes
    -----
    Copies under the symmetries of the box and periodic shifts have equal values in another order.
    Such maps are compared cell by cell, so there are no false alarms; neither are there
    hidden copies.

    Whether two maps have the same phases is decided by modes of the size of a few cells, of one
    field made of all channels and brought close to a Gaussian. They are divided by their mean
    power, which is the most powerful way where a few large modes dominate: with
    :math:`n_\mathrm{eff}` independent modes, correlations of independent maps scatter by
    :math:`n_\mathrm{eff}^{-1/2}`. The chance of a false alarm in a whole data set is held below
    one in a thousand by a bound on sums of terms of random sign [1]_, over all pairs. What
    cannot be told from chance is not reported: maps of which only a handful of modes is above
    the noise, or maps of few cells. Near-copies that are shifted are looked for only in
    periodic maps.

    Not found are copies that were cropped, pooled, smoothed a lot, turned by other angles or put
    into another order of channels, nor noisy copies of red maps behind a common mask. Of two maps
    alone, what both share, such as a foreground, looks like a common origin; from three maps on,
    what most pairs share is reported as a common pattern.

    References
    ----------
    .. [1] B. Efron, "Student's t-test under symmetry conditions", J. Am. Stat. Assoc. 64, 1278
       (1969).

    Examples
    --------
    A mirrored copy is on the other side of the split:

    >>> import numpy as np
    >>> from sklearn.model_selection import KFold
    >>> from skastro.model_selection import audit
    >>> maps = np.random.default_rng(0).normal(size=(10, 16, 20)).astype("float32")
    >>> audit(maps, cv=KFold(2)).passed
    True
    >>> maps[8] = maps[1, ::-1]
    >>> report = audit(maps, cv=KFold(2))
    >>> report
    AuditReport(1 leak, 0 warnings, 0 notes, 10 samples, 2 folds)
    >>> report.findings[0].kind, report.findings[0].samples
    ('exact_copies', (1, 8))
    >>> report.merged_groups_
    array([0, 1, 2, 3, 4, 5, 6, 7, 1, 8])
    """
    given = X
    if not isinstance(X, LazyMaps):
        X = np.asarray(as_numpy(X))
    if X.ndim and not len(X):
        raise ValueError(f"audit needs samples; got X of shape {X.shape}.")
    y = None if y is None else np.asarray(as_numpy(y))
    groups = None if groups is None else check_groups(groups, "audit")
    indexable(X, y, groups)
    if isinstance(max_maps, bool) or not isinstance(max_maps, Integral) or max_maps < 2:
        raise ValueError(
            f"The 'max_maps' parameter of audit must be an int, 2 or more. Got {max_maps!r} "
            f"instead."
        )
    if estimator is not None and y is None:
        raise ValueError("audit(estimator=...) scores predictions and needs y; got None.")
    if train is not None:
        if cv is not None:
            raise ValueError("audit takes either 'cv' or 'train'; got both.")
        cv = [_split(train, len(X))]
    seed = seed_of(random_state)
    known = survey(X, dim, max_maps, np.random.default_rng(seed))
    splits = audited_splits(estimator, known.maps, y, groups, cv)
    findings = groups_on_both_sides(splits, groups)
    found, joined = likeness_findings(known, splits, groups)
    findings += found
    found, more = target_findings(y, splits, groups)
    findings += found + scaling_findings(known, y, splits, seed)
    if pipeline is not None:
        findings += fitted_findings(pipeline, given if hasattr(given, "iloc") else X, y, splits)
    first, second = zip(*(joined + more), strict=True) if joined or more else ((), ())
    merged = components(len(X), first, second, groups)
    report = AuditReport(findings, splits, groups, merged)
    if estimator is not None:
        report.cost_ = report.cost(estimator, X, y, scoring=scoring, random_state=seed)
    return report


def _split(train, n):
    """Training rows, and those that are left for the test."""
    rows = np.asarray(train)
    is_mask = rows.dtype == bool
    fits = rows.ndim == 1 and (not is_mask or len(rows) == n)
    rows = np.flatnonzero(rows) if is_mask else rows
    fits = fits and rows.dtype.kind in "iu" and len(rows) and rows.min() >= 0 and rows.max() < n
    test = np.setdiff1d(np.arange(n), rows) if fits else ()
    if not len(test):
        raise ValueError(
            f"The 'train' parameter of audit must be rows from 0 to {n - 1}, or a mask of {n} "
            f"rows, and leave some for the test. Got {repr_of(train)} instead."
        )
    return rows, test
