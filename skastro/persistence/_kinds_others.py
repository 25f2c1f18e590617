"""Units, and what scikit-learn and SciPy keep in compiled or in dynamic classes."""

import math
from fractions import Fraction
from typing import Any

import numpy as np

from ..exceptions import ModelFileError
from ._kind import Kind, Refusal, expect, kind
from ._kinds_python import unpack_pairs
from ._tree_checks import check_tree

_NEIGHBOUR_TREES = {"KDTree": "_kd_tree", "BallTree": "_ball_tree"}
_METRICS = {
    "EuclideanDistance64": "euclidean",
    "ManhattanDistance64": "manhattan",
    "ChebyshevDistance64": "chebyshev",
    "MinkowskiDistance64": "minkowski",
}
_LOSS_HOME = "sklearn._loss._loss"
_OLD_LOSS_HOME = "_loss"  # as the compiled module calls itself before scikit-learn 1.7
_LOSSES = {
    _LOSS_HOME: [
        "CyAbsoluteError",
        "CyExponentialLoss",
        "CyHalfBinomialLoss",
        "CyHalfGammaLoss",
        "CyHalfMultinomialLoss",
        "CyHalfPoissonLoss",
        "CyHalfSquaredError",
        "CyHalfTweedieLoss",
        "CyHalfTweedieLossIdentity",
        "CyHuberLoss",
        "CyPinballLoss",
    ],
    "sklearn.linear_model._sgd_fast": [
        "EpsilonInsensitive",
        "Hinge",
        "Huber",
        "Log",
        "ModifiedHuber",
        "SquaredEpsilonInsensitive",
        "SquaredHinge",
        "SquaredLoss",
    ],
}


def _named_units() -> dict[str, Any]:
    """Units of astropy by name, those of cosmology among them."""
    from astropy import units
    from astropy.cosmology import units as cosmology

    known = dict(units.get_current_unit_registry().registry)
    return known | {name: getattr(cosmology, name) for name in ("littleh", "redshift")}


def _pack_unit(value: Any, encoder: Any) -> dict[str, Any]:
    known = _named_units()
    name = getattr(value, "name", None)
    if name is not None and known.get(name) is value:
        parts = {"scale": 1.0, "names": [name], "powers": [[1, 1]]}
    else:
        bases, powers = list(getattr(value, "bases", ())), list(getattr(value, "powers", ()))
        scale = float(np.real(getattr(value, "scale", 1.0)))
        powers = [Fraction(power).limit_denominator(1000) for power in powers]
        parts = {
            "scale": scale,
            "names": [getattr(base, "name", "?") for base in bases],
            "powers": [[power.numerator, power.denominator] for power in powers],
        }
    try:
        same = _unpack_unit(**parts) == value
    except (ModelFileError, ValueError, TypeError):
        same = False
    if not same:
        raise Refusal("a unit that is not one of astropy; use its name in terms of known units")
    return parts


def _unpack_unit(scale: Any, names: Any, powers: Any) -> Any:
    from astropy import units

    known, bases = _named_units(), []
    for name in expect(names, list, "the names of a unit"):
        if expect(name, str, "a unit") not in known:
            raise ModelFileError(f"{name!r} is no unit that astropy knows")
        bases.append(known[name])
    if not math.isfinite(expect(scale, float, "the scale of a unit")) or scale <= 0:
        raise ModelFileError("a unit has a scale that is none")
    fractions = [Fraction(*(expect(n, int, "a power") for n in power)) for power in powers]
    if any(abs(power) > 100 for power in fractions):
        raise ModelFileError("a unit has an absurd power")
    if scale == 1.0 and len(bases) == 1 and fractions == [1]:
        return bases[0]
    exact = [int(p) if p.denominator == 1 else p for p in fractions]
    return units.CompositeUnit(scale, bases, exact)


def _pack_quantity(value: Any, encoder: Any) -> dict[str, Any]:
    from astropy.units import Quantity

    if type(value) is not Quantity:
        raise Refusal("a quantity of an unknown class; use a plain Quantity")
    number = value.value
    return {"number": np.asarray(number) if value.shape else float(number), "unit": value.unit}


def _unpack_quantity(number: Any, unit: Any) -> Any:
    from astropy.units import Quantity, UnitBase

    expect(number, (float, np.ndarray), "a quantity")
    expect(unit, UnitBase, "the unit of a quantity")
    return Quantity(number, unit)


def _pack_tree(value: Any, encoder: Any) -> dict[str, Any]:
    _, (n_features, n_classes, n_outputs), state = value.__reduce__()
    return {"n_features": n_features, "n_classes": n_classes, "n_outputs": n_outputs, "tree": state}


def _unpack_tree(n_features: Any, n_classes: Any, n_outputs: Any, tree: Any) -> Any:
    from sklearn.tree._tree import Tree

    check_tree(n_features, n_classes, n_outputs, tree)
    made = Tree(n_features, n_classes, n_outputs)
    made.__setstate__(tree)
    return made


def _pack_neighbours(value: Any, encoder: Any) -> dict[str, Any]:
    state = value.__getstate__()
    metric = _METRICS.get(type(state[11]).__name__)
    if metric is None:
        raise Refusal("a search tree with a metric that is not kept; set algorithm='brute'")
    weights = None if state[12] is None else np.asarray(state[12])
    return {
        "class": type(value).__name__,
        "points": np.asarray(state[0]),
        "leaf_size": int(state[4]),
        "metric": metric,
        "power": float(state[11].__getstate__()[0]),
        "weights": weights,
    }


def _unpack_neighbours(
    points: Any, leaf_size: Any, metric: Any, power: Any, weights: Any, **names: Any
) -> Any:
    from sklearn import neighbors

    if names["class"] not in _NEIGHBOUR_TREES or metric not in _METRICS.values():
        raise ModelFileError("a search tree is of an unknown kind")
    if expect(leaf_size, int, "the size of a leaf") < 1:
        raise ModelFileError("a search tree has leaves of no size")
    expect(points, np.ndarray, "the points of a search tree")
    if weights is not None:
        expect(weights, np.ndarray, "the weights of a search tree")
        if weights.dtype != np.float64 or weights.shape != points.shape[:1]:
            raise ModelFileError("a search tree has weights of other points")
    options = {"p": expect(power, float, "a power")} if metric == "minkowski" else {}
    # Made anew: those of another would let compiled code read anywhere.
    make = getattr(neighbors, names["class"])
    return make(points, leaf_size, metric=metric, sample_weight=weights, **options)


def _pack_loss(value: Any, encoder: Any) -> dict[str, Any]:
    found = value.__reduce__()
    args = found[1] if found[0] is type(value) else ()
    home = type(value).__module__
    return {
        "home": _LOSS_HOME if home == _OLD_LOSS_HOME else home,
        "name": type(value).__name__,
        "args": list(args),
    }


def _unpack_loss(home: Any, name: Any, args: Any) -> Any:
    from importlib import import_module

    if name not in _LOSSES.get(home, ()):
        raise ModelFileError(f"{name!r} is no loss")
    cls = getattr(import_module(home), name)
    numbers = expect(args, list, "the numbers of a loss")
    return cls(*(float(expect(number, (int, float), "a number of a loss")) for number in numbers))


def _pack_spline(value: Any, encoder: Any) -> dict[str, Any]:
    return {
        "knots": value.t,
        "coefficients": value.c,
        "degree": int(value.k),
        "extrapolate": value.extrapolate,
        "axis": int(value.axis),
    }


def _unpack_spline(knots: Any, coefficients: Any, degree: Any, extrapolate: Any, axis: Any) -> Any:
    from scipy.interpolate import BSpline

    expect(knots, np.ndarray, "the knots of a spline")
    expect(coefficients, np.ndarray, "the coefficients of a spline")
    if not 0 <= expect(degree, int, "the degree of a spline") < len(knots):
        raise ModelFileError("a spline has an absurd degree")
    return BSpline(knots, coefficients, degree, extrapolate, axis)


def _pack_distribution(value: Any, encoder: Any) -> dict[str, Any]:
    from scipy import stats

    known: Any = getattr(stats, value.dist.name, None)
    if type(known) is not type(value.dist):
        raise Refusal("a distribution that scipy.stats does not have; use one that it has")
    return {"name": value.dist.name, "args": list(value.args), "keywords": dict(value.kwds)}


def _unpack_distribution(name: Any, args: Any, keywords: Any) -> Any:
    from scipy import stats

    known = getattr(stats, name, None) if expect(name, str, "a distribution").isidentifier() else 0
    if not isinstance(known, (stats.rv_continuous, stats.rv_discrete)):
        raise ModelFileError(f"{name!r} is no distribution")
    for number in (*expect(args, list, "arguments"), *expect(keywords, dict, "arguments").values()):
        expect(number, (int, float, np.number), "a number of a distribution")
    return known(*args, **keywords)


def _pack_bunch(value: Any, encoder: Any) -> dict[str, Any]:
    return {
        "is_of_maps": type(value).__name__ == "MapBunch",
        "keys": list(value),
        "values": list(value.values()),
    }


def _unpack_bunch(is_of_maps: Any, keys: Any, values: Any) -> Any:
    from sklearn.utils import Bunch

    from ..maps import MapBunch

    found = unpack_pairs(keys, values)
    if not all(isinstance(key, str) for key in found):
        raise ModelFileError("a Bunch has a key that is no string")
    return (MapBunch if is_of_maps else Bunch)(**found)


def _unpack_list(items: Any) -> list:
    return expect(items, list, "the items of a list")


_UNIT = kind("unit", "scale names powers", _pack_unit, _unpack_unit)
_DISTRIBUTION = kind("distribution", "name args keywords", _pack_distribution, _unpack_distribution)
_LOSS = kind("loss", "home name args", _pack_loss, _unpack_loss)
_NEIGHBOURS = kind(
    "search tree",
    "class points leaf_size metric power weights",
    _pack_neighbours,
    _unpack_neighbours,
    shared=True,
)
_BUNCH = kind("bunch", "is_of_maps keys values", _pack_bunch, _unpack_bunch)

EXACT: dict[str, Kind] = {
    "sklearn.tree._tree.Tree": kind(
        "tree", "n_features n_classes n_outputs tree", _pack_tree, _unpack_tree, shared=True
    ),
    "scipy.interpolate._bsplines.BSpline": kind(
        "spline", "knots coefficients degree extrapolate axis", _pack_spline, _unpack_spline
    ),
    "sklearn.utils._bunch.Bunch": _BUNCH,
    "skastro.maps._bunch.MapBunch": _BUNCH,
    "sklearn.compose._column_transformer._RemainderColsList": kind(
        "list", "items", lambda value, encoder: {"items": list(value.data)}, _unpack_list
    ),
    **{f"sklearn.neighbors.{home}.{name}": _NEIGHBOURS for name, home in _NEIGHBOUR_TREES.items()},
    **{f"{home}.{name}": _LOSS for home, names in _LOSSES.items() for name in names},
    **{f"{_OLD_LOSS_HOME}.{name}": _LOSS for name in _LOSSES[_LOSS_HOME]},
}
FAMILIES: dict[str, Kind] = {
    "astropy.units.core.UnitBase": _UNIT,
    "astropy.units.quantity.Quantity": kind(
        "quantity", "number unit", _pack_quantity, _unpack_quantity
    ),
    "scipy.stats._distn_infrastructure.rv_frozen": _DISTRIBUTION,
}
