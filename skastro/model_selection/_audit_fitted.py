"""Findings about fitted transformers that saw more than the training rows."""

import warnings

import numpy as np
from sklearn import config_context
from sklearn.base import clone
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.exceptions import NotFittedError
from sklearn.model_selection._search import BaseSearchCV
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import check_is_fitted

from ..maps import LazyMaps
from ..preprocessing import TargetScaler
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
    X : LazyMaps, ndarray or DataFrame
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
    pipelines = pipeline if isinstance(pipeline, list | tuple) else [pipeline]
    findings = []
    for one in pipelines:
        for name, step, seen in _parts("", one, X, y):
            findings += _compare(name, step, seen, y, splits)
    return findings


def _parts(name, step, maps, y):
    """Name, transformer and what it was given, for each transformer within a fitted estimator."""
    if step is None or isinstance(step, str):  # "passthrough" and "drop"
        return
    if isinstance(step, BaseSearchCV):
        yield from _parts(name, _fitted(step, "best_estimator_"), maps, y)
    elif isinstance(step, TransformedTargetRegressor):
        yield from _parts(name, _fitted(step, "regressor_"), maps, y)
        if y is not None:
            targets = y if y.ndim > 1 else y.reshape(-1, 1)
            yield from _parts(_joined(name, "transformer"), step.transformer_, targets, None)
    elif isinstance(step, Pipeline):
        for i, (part, inner) in enumerate(step.steps):
            yield from _parts(_joined(name, part), inner, maps, y)
            if i + 1 < len(step.steps) and inner not in (None, "passthrough"):
                maps = _fitted(inner).transform(_readable(inner, maps))
    elif isinstance(step, FeatureUnion):
        for part, inner in step.transformer_list:
            yield from _parts(_joined(name, part), inner, maps, y)
    elif isinstance(step, ColumnTransformer):
        for part, inner, columns in _fitted(step, "transformers_"):
            if not isinstance(inner, str):
                some = _safe_indexing(_readable(inner, maps), columns, axis=1)
                yield from _parts(_joined(name, part), inner, some, y)
    elif isinstance(step, TargetScaler):
        if y is None:
            raise ValueError("audit(pipeline=TargetScaler()) compares with targets y; got None.")
        # Fitted on one column, or on targets without columns.
        targets = y.reshape(len(y), -1) if hasattr(step, "n_features_in_") else y
        yield name or type(step).__name__, _fitted(step), targets
    elif hasattr(step, "transform"):
        yield name or type(step).__name__, _fitted(step), _readable(step, maps)


def _joined(name, part):
    return f"{name}.{part}" if name else part


def _readable(step, maps):
    """Lazy maps as an array, for those who need one."""
    return np.asarray(maps) if isinstance(maps, LazyMaps) and not takes_lazy_maps(step) else maps


def _fitted(step, attribute=None):
    """A fitted estimator, or an attribute of it."""
    try:
        check_is_fitted(step, attribute)
    except NotFittedError:
        raise ValueError(
            f"audit(pipeline=...) takes what is fitted; {step!r} is not. Fit it, or leave the "
            f"parameter out."
        ) from None
    return step if attribute is None else getattr(step, attribute)


def _compare(name, step, maps, y, splits):
    """Compare the attributes with those of fits on all rows and on training rows."""
    given = _attributes(step)
    if not given:
        return []

    def distances(rows):
        with warnings.catch_warnings(), config_context(enable_metadata_routing=False):
            warnings.simplefilter("ignore")
            rows_y = None if y is None else y[rows]
            seen = maps[rows] if isinstance(maps, LazyMaps) else _safe_indexing(maps, rows)
            other = clone(step).fit(seen, rows_y)
        found = _attributes(other)
        return {key: _distance(value, found.get(key)) for key, value in given.items()}

    n = maps.shape[0]
    with_all = distances(np.arange(n))
    same = [key for key, gap in with_all.items() if gap <= _SAME]
    # Whole numbers, such as how many components there are, are equal by chance.
    if len(same) < len(given):
        same = [key for key in same if given[key].dtype.kind == "f"]
    folds = [distances(train) for train, _ in splits if len(train) < n]
    if not folds or not same:
        return []
    nearest, which = max((min(fold[key] for fold in folds), key) for key in same)
    if nearest < _OTHER:
        return []
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
            found[name] = numbers
    return found


def _distance(value, new):
    """Greatest difference of an attribute, relative to its greatest value."""
    if new is None or new.shape != value.shape:
        return np.inf
    value, new = value.astype(np.float64), new.astype(np.float64)
    size = np.abs(value[np.isfinite(value)]).max(initial=0)
    gap = np.nan_to_num(np.abs(value - new)).max()
    return float(gap / size) if size else float(gap > 0)
