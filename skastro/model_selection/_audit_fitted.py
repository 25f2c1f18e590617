"""Findings about fitted transformers that saw more than the training rows."""

import warnings

import numpy as np
from sklearn import config_context
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from ._audit_report import Finding
from ._protocol import takes_lazy_maps

_SAME, _OTHER = 1e-6, 1e-5  # relative differences of fitted attributes


def fitted_findings(pipeline, X, y, splits):
    """Find transformers whose fitted attributes are those of a fit on all rows.

    Each is fitted anew, on all rows and on the training rows of each fold.

    Parameters
    ----------
    pipeline : transformer, Pipeline or list of them
        What was fitted.
    X : LazyMaps or ndarray
        Maps.
    y : ndarray or None
        Targets.
    splits : list
        Folds.

    Returns
    -------
    list of Finding
        One for each such transformer.

    Raises
    ------
    ValueError
        If there are no folds, or nothing that was fitted.
    """
    if not splits:
        raise ValueError(
            "audit(pipeline=...) needs to know the training rows. Give train=rows, or cv or groups."
        )
    findings = []
    pipelines = pipeline if isinstance(pipeline, list | tuple) else [pipeline]
    for one in pipelines:
        maps = X
        for name, step in _steps(one):
            try:
                check_is_fitted(step)
            except NotFittedError:
                raise ValueError(
                    f"audit(pipeline=...) takes what is fitted; {name} ({step!r}) is not. Fit it, "
                    f"or leave the parameter out."
                ) from None
            if not takes_lazy_maps(step):
                maps = np.asarray(maps)
            findings += _compare(name, step, maps, y, splits)
            maps = step.transform(maps)
    return findings


def _steps(pipeline):
    """Names and transformers, in order, without the predictor at the end."""
    if isinstance(pipeline, TransformedTargetRegressor):
        return _steps(getattr(pipeline, "regressor_", pipeline.regressor))
    if not isinstance(pipeline, Pipeline):
        kept = hasattr(pipeline, "transform")
        return [(type(pipeline).__name__, pipeline)] if kept else []
    steps = []
    for name, step in pipeline.steps:
        if step not in (None, "passthrough"):
            inner = _steps(step)
            steps += [(name if inner[0][1] is step else f"{name}.{n}", s) for n, s in inner]
    return steps


def _compare(name, step, maps, y, splits):
    """Compare the attributes with those of fits on all rows and on training rows."""
    given = _attributes(step)
    if not given:
        return []

    def distance(rows):
        with warnings.catch_warnings(), config_context(enable_metadata_routing=False):
            warnings.simplefilter("ignore")
            other = clone(step).fit(maps[rows], None if y is None else y[rows])
        return _distance(given, _attributes(other))

    n = len(maps)
    with_all, which = distance(np.arange(n))
    if with_all > _SAME:
        return []
    folds = [distance(train) for train, _ in splits if len(train) < n]
    if not folds or min(d for d, _ in folds) < _OTHER:
        return []
    nearest, which = min(folds)
    message = (
        f"{name} ({type(step).__name__}) has the attributes of a fit on all {n} rows; those of a "
        f"fit on training rows differ, {which} by {nearest:.2g} of its size or more."
    )
    samples = tuple(sorted({int(i) for _, test in splits for i in test}))
    remedy = "fit on the training rows alone, inside a pipeline that is cloned for each fold."
    details = {"step": name, "attribute": which, "difference": nearest}
    return [Finding("fitted_on_all_rows", "leak", message, samples, remedy, details)]


def _attributes(step):
    """Numbers that were fitted, by name."""
    found = {}
    for name, value in vars(step).items():
        if not name.endswith("_") or name.startswith("_"):
            continue
        try:
            numbers = np.asarray(value)
        except ValueError:
            continue
        if numbers.dtype.kind in "iuf" and numbers.size:
            found[name] = numbers.astype(np.float64)
    return found


def _distance(one, other):
    """Greatest relative difference of an attribute, and its name."""
    worst = 0.0, ""
    for name, value in one.items():
        new = other.get(name)
        if new is None or new.shape != value.shape:
            return np.inf, name
        size = np.abs(value[np.isfinite(value)]).max(initial=0)
        gap = np.nan_to_num(np.abs(value - new)).max()
        worst = max(worst, (float(gap / size) if size else float(gap > 0), name))
    return worst
