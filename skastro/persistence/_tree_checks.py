"""Checks of what compiled code of scikit-learn would follow without looking."""

from typing import Any

import numpy as np

from ..exceptions import ModelFileError
from ._kind import expect


def check_tree(n_features: Any, n_classes: Any, n_outputs: Any, state: Any) -> None:
    """Refuse decision trees whose nodes point outside of them, or anywhere twice."""
    expect(state, dict, "the state of a tree")
    expect(n_classes, np.ndarray, "the classes of a tree")
    if set(state) != {"max_depth", "node_count", "nodes", "values"}:
        raise ModelFileError("the state of a tree is not complete")
    nodes, values = state["nodes"], state["values"]
    expect(nodes, np.ndarray, "the nodes of a tree")
    expect(values, np.ndarray, "the values of a tree")
    n_nodes = len(nodes) if nodes.ndim == 1 else 0
    if (
        expect(n_features, int, "a number of features") < 0
        or n_classes.dtype != np.intp
        or n_classes.shape != (expect(n_outputs, int, "a number of outputs"),)
        or n_outputs < 1
        or n_classes.min() < 1
        or n_nodes < 1
        or expect(state["node_count"], int, "a number of nodes") != n_nodes
        or values.dtype != np.float64
        or values.shape != (n_nodes, n_outputs, n_classes.max())
        or not values.flags.c_contiguous
    ):
        raise ModelFileError("a tree has parts of shapes that do not fit")
    left, right = _field(nodes, "left_child"), _field(nodes, "right_child")
    is_leaf = left == -1
    if (right[is_leaf] != -1).any():
        raise ModelFileError("a tree has a node with one child")
    depth = _check_children(left, right, ~is_leaf)
    check_features(_field(nodes, "feature")[~is_leaf], n_features)
    if expect(state["max_depth"], int, "a depth") != depth:
        raise ModelFileError("a tree has another depth than it says")


def check_predictor(predictor: Any) -> None:
    """Refuse trees of histogram gradient boosting that point outside of themselves."""
    from sklearn.ensemble._hist_gradient_boosting.common import PREDICTOR_RECORD_DTYPE

    nodes = expect(getattr(predictor, "nodes", None), np.ndarray, "the nodes of a tree")
    if nodes.ndim != 1 or not len(nodes) or nodes.dtype != np.dtype(PREDICTOR_RECORD_DTYPE):
        raise ModelFileError("a tree of gradient boosting is not made as those of this version")
    if nodes["is_leaf"].max() > 1 or nodes["is_categorical"].any():
        raise ModelFileError("a tree of gradient boosting splits by categories")
    for name in ("binned_left_cat_bitsets", "raw_left_cat_bitsets"):
        bitsets = expect(getattr(predictor, name, None), np.ndarray, "bitsets")
        if bitsets.dtype != np.uint32 or bitsets.ndim != 2 or len(bitsets):
            raise ModelFileError("a tree of gradient boosting splits by categories")
    inner = nodes["is_leaf"] == 0
    left, right = nodes["left"].astype(np.int64), nodes["right"].astype(np.int64)
    _check_children(left, right, inner)


def predictor_features(predictor: Any) -> np.ndarray:
    """Features by which a tree of histogram gradient boosting splits."""
    return predictor.nodes["feature_idx"][predictor.nodes["is_leaf"] == 0]


def check_features(features: np.ndarray, n_features: int) -> None:
    """Refuse splits by a feature that is not there."""
    if len(features) and not (features.min() >= 0 and features.max() < n_features):
        raise ModelFileError("a tree splits by a feature that is not there")


def _field(nodes: np.ndarray, name: str) -> np.ndarray:
    if not nodes.dtype.names or name not in nodes.dtype.names:
        raise ModelFileError("the nodes of a tree are not complete")
    return nodes[name]


def _check_children(left: np.ndarray, right: np.ndarray, inner: np.ndarray) -> int:
    """Refuse what is no tree that grows from node 0, each node behind its parent; the depth."""
    n_nodes, parents = len(left), np.flatnonzero(inner)
    children = np.concatenate([left[inner], right[inner]])
    after = np.concatenate([parents, parents])
    if len(children) and not ((children > after) & (children < n_nodes)).all():
        raise ModelFileError("a tree has a node whose child is not behind it")
    if not np.array_equal(np.sort(children), np.arange(1, n_nodes)):
        raise ModelFileError("a tree has a node with two parents or with none")
    depth, level = 0, np.array([0])
    while True:
        level = level[inner[level]]
        if not len(level):
            return depth
        level, depth = np.concatenate([left[level], right[level]]), depth + 1
