"""Suites to train and to test on: what was given, and in what they differ."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ._protocol import check_maps_and_targets

_OWNER = "cross_suite"
_BEYOND = 0.1
"""Share of the source's range of a target that another suite may lie outside without a warning."""


@dataclass
class Suite:
    """Samples of one suite.

    Attributes
    ----------
    name : str
        What it is called.
    X : ndarray or LazyMaps of shape (n_samples, [n_channels,] *spatial)
        Maps.
    y : ndarray of shape (n_samples,) or (n_samples, n_targets)
        Targets.
    groups : ndarray of shape (n_samples,) or None
        Groups.
    seeds : ndarray of int, of shape (n_samples,), or None
        Seeds of the initial conditions, where a Bunch knows them.
    described : dict of str to list of str
        What a Bunch says of targets and maps.
    """

    name: str
    X: object
    y: np.ndarray
    groups: np.ndarray | None
    seeds: np.ndarray | None
    described: dict


def check_suites(suites):
    """Bring suites to one form.

    Parameters
    ----------
    suites : dict of str to tuple or Bunch
        What was given.

    Returns
    -------
    list of Suite
        The suites, in order.

    Raises
    ------
    TypeError
        If they are no dict, or one is neither a tuple nor a Bunch.
    ValueError
        If there are fewer than two, or numbers of samples, targets or classes do not fit.
    """
    if not isinstance(suites, Mapping):
        raise TypeError(
            f"The 'suites' parameter of {_OWNER} must be a dict of name to (X, y), (X, y, groups) "
            f"or a Bunch with maps and target. Got {type(suites).__name__} instead."
        )
    if len(suites) < 2:
        raise ValueError(
            f"The 'suites' parameter of {_OWNER} must hold at least two suites. Got "
            f"{list(suites)} instead; sklearn.model_selection.cross_validate scores one."
        )
    found = [_suite(str(name), value) for name, value in suites.items()]
    first = found[0]
    for suite in found[1:]:
        if suite.y.shape[1:] != first.y.shape[1:]:
            raise ValueError(
                f"{_OWNER} needs equal targets in all suites; those of {first.name!r} have shape "
                f"{first.y.shape} and those of {suite.name!r} {suite.y.shape}. Choose columns that "
                f"all have."
            )
    return found


def _suite(name, value):
    described, seeds = {}, None
    if isinstance(value, tuple) and len(value) in (2, 3):
        X, y, groups = (*value, None)[:3]
    elif hasattr(value, "maps") and hasattr(value, "target"):
        X, y, groups = value.maps, value.target, getattr(value, "groups", None)
        if getattr(value, "seeds_known", False):
            seeds = np.asarray(value.initial_conditions)
        for key in ("target_names", "field_names", "units"):
            if getattr(value, key, None) is not None:
                described[key] = [str(item) for item in getattr(value, key)]
    else:
        raise TypeError(
            f"Suite {name!r} of the 'suites' parameter of {_OWNER} must be (X, y), (X, y, groups) "
            f"or a Bunch with maps and target. Got {type(value).__name__} instead."
        )
    X, y, groups = check_maps_and_targets(f"{_OWNER}, suite {name!r},", X, y, groups)
    return Suite(name, X, y, groups, seeds, described)


def warn_of_differences(suites, names, classifier):
    """Warn where suites differ in what should be equal for a test of one by another.

    Parameters
    ----------
    suites : list of Suite
        The suites.
    names : list of str
        Names of the targets.
    classifier : bool
        Whether they are classes.

    Warns
    -----
    UserWarning
        If names, units, sizes of maps or ranges of targets differ.
    """
    first = suites[0]
    differences = []
    for suite in suites[1:]:
        differences += [
            f"{key} are {first.described[key]} in {first.name!r} and {suite.described[key]} in "
            f"{suite.name!r}"
            for key in sorted(first.described.keys() & suite.described.keys())
            if suite.described[key] != first.described[key]
        ]
        if suite.X.shape[1:] != first.X.shape[1:]:
            differences.append(
                f"maps have shape {tuple(first.X.shape[1:])} in {first.name!r} and "
                f"{tuple(suite.X.shape[1:])} in {suite.name!r}"
            )
    differences += [
        text
        for source in suites
        for target in suites
        if source is not target
        for text in _beyond(source, target, names, classifier)
    ]
    if differences:
        warnings.warn(
            f"{_OWNER} compares suites that differ in more than their model: "
            f"{'; '.join(differences)}. Scores across suites tell of these differences as well.",
            UserWarning,
            stacklevel=3,
        )


def _beyond(source, target, names, classifier):
    """Targets of a suite that lie beyond those of the suite to train on."""
    if classifier or source.y.dtype.kind not in "fiu":
        unseen = np.setdiff1d(target.y, source.y)
        if unseen.size:
            yield f"{source.name!r} has no class {unseen.tolist()} of {target.name!r}"
        return
    if source.y.ndim > 2:
        return
    columns = (suite.y.reshape(len(suite.y), -1).T for suite in (source, target))
    for name, seen, asked in zip(names, *columns, strict=True):
        low, high = seen.min(), seen.max()
        margin = _BEYOND * (high - low)
        if asked.min() < low - margin or asked.max() > high + margin:
            yield (
                f"{name} ranges from {asked.min():.3g} to {asked.max():.3g} in {target.name!r}, "
                f"and from {low:.3g} to {high:.3g} in {source.name!r}"
            )
