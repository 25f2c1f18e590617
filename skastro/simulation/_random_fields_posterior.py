"""What can be known at best about the parameters of random fields."""

from typing import Literal, overload

import numpy as np
from scipy import fft

from ..maps import MapBunch
from ._random_fields_model import power_law_modes

# In the middle of a range nodes are pi / 2 times farther apart than on average.
_NODES_PER_ERROR = np.pi
_LEAST_NODES = 24
_VALUES_AT_ONCE = 2**23


@overload
def optimal_prediction(data: MapBunch, *, return_cov: Literal[False] = False) -> np.ndarray: ...


@overload
def optimal_prediction(
    data: MapBunch, *, return_cov: Literal[True]
) -> tuple[np.ndarray, np.ndarray]: ...


def optimal_prediction(
    data: MapBunch, *, return_cov: bool = False
) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
    r"""Posterior mean of the parameters of random fields, which no prediction can surpass.

    The likelihood of a map is known: with modes :math:`\delta_{\bf k}` of the Gaussian field and
    powers :math:`P_k`, in units of the volume of a cell, of N cells,
    :math:`-2 \ln L = \sum_{{\bf k} \ne 0} [\ln P_k + |\delta_{\bf k}|^2 / (N P_k)]`. It is
    integrated over the prior from which the parameters were drawn, uniform within
    `parameter_ranges`. Of all functions of a map, the posterior mean has the least mean squared
    error over that prior [1]_: its score is what the best network would reach.

    Parameters
    ----------
    data : :class:`~sklearn.utils.Bunch`
        Of `make_gaussian_fields` or `make_lognormal_fields`, or another with some of its `maps`
        and the same `kind`, `noise`, `box_size` and `parameter_ranges`.
    return_cov : bool, default=False
        Whether to return the posterior covariance as well.

    Returns
    -------
    mean : ndarray of shape (n_samples, 2)
        Posterior mean of ln A and slope.
    covariance : ndarray of shape (n_samples, 2, 2)
        Posterior covariance; only with ``return_cov=True``.

    Raises
    ------
    ValueError
        If a value of a map is not finite, or one of a lognormal field is not above zero.

    Notes
    -----
    The integral is by Gauss-Legendre quadrature, with nodes closer than half the least
    standard error, so that their number grows as that of the cells.

    References
    ----------
    .. [1] E. L. Lehmann, G. Casella, "Theory of Point Estimation", 2nd edition, Springer (1998),
       chapter 4.

    Examples
    --------
    >>> from sklearn.metrics import r2_score
    >>> from skastro.simulation import make_gaussian_fields, optimal_prediction
    >>> data = make_gaussian_fields(200, (16, 16))
    >>> r2_score(data.target, optimal_prediction(data), multioutput="raw_values").round(2)
    array([0.96, 0.91])
    """
    modes = power_law_modes("optimal_prediction", data.maps.shape[1:], data.box_size, data.noise)
    nodes, weights = _quadrature(modes, data.parameter_ranges)
    distinct, groups = np.unique(modes.log_k[1:].round(9), return_inverse=True)
    counts = np.bincount(groups, modes.multiplicity[1:])
    rings = modes._replace(log_k=distinct)
    step = max(1, _VALUES_AT_ONCE // modes.log_k.size)
    sums = np.concatenate(
        [
            [np.bincount(groups, row) for row in _squared_modes(data, start, step, modes)]
            for start in range(0, len(data.maps), step)
        ]
    )
    products = (nodes[:, :, None] * nodes[:, None]).reshape(-1, 4)
    powers_of_nodes = np.column_stack([np.ones(len(nodes)), nodes, products])
    totals, highest = np.zeros((len(sums), 7)), np.full(len(sums), -np.inf)
    n_blocks = -(-len(nodes) * len(distinct) // _VALUES_AT_ONCE)
    for block in np.array_split(np.arange(len(nodes)), n_blocks):
        powers = rings.power(nodes[block])
        constant = np.log(weights[block]) - 0.5 * np.log(powers) @ counts
        inverse = -0.5 / powers
        step = max(1, _VALUES_AT_ONCE // len(block))
        for rows in (slice(start, start + step) for start in range(0, len(sums), step)):
            chances = constant + sums[rows] @ inverse.T
            higher = np.maximum(highest[rows], chances.max(1))
            totals[rows] *= np.exp(highest[rows] - higher)[:, None]
            totals[rows] += np.exp(chances - higher[:, None]) @ powers_of_nodes[block]
            highest[rows] = higher
    totals /= totals[:, :1]
    mean = totals[:, 1:3]
    if not return_cov:
        return mean
    return mean, totals[:, 3:].reshape(-1, 2, 2) - mean[:, :, None] * mean[:, None]


def _quadrature(modes, ranges):
    """Nodes and weights over the ranges of the parameters."""
    corners = np.stack(np.meshgrid(*ranges, indexing="ij"), -1).reshape(-1, 2)
    least = np.diagonal(modes.fisher(corners), axis1=1, axis2=2).max(0) ** -0.5
    axes, weights = [], []
    for (low, high), error in zip(ranges, least, strict=True):
        n_nodes = max(_LEAST_NODES, int(np.ceil(_NODES_PER_ERROR * (high - low) / error)))
        node, weight = np.polynomial.legendre.leggauss(n_nodes)
        axes.append(low + (high - low) * (node + 1) / 2)
        weights.append(weight)
    nodes = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 2)
    return nodes, np.outer(*weights).ravel()


def _squared_modes(data, start, step, modes):
    """Squared modes of some Gaussian fields over N, times how many modes each stands for."""
    fields = np.asarray(data.maps[start : start + step], dtype=np.float64)
    is_lognormal = data.kind == "lognormal"
    if not np.isfinite(fields).all() or (is_lognormal and not (fields > 0).all()):
        allowed = "finite and above zero" if is_lognormal else "finite"
        raise ValueError(
            f"optimal_prediction takes {data.kind} maps whose values are all {allowed}; these are "
            f"not."
        )
    if is_lognormal:
        fields = np.log(fields)
    transform = fft.rfftn(fields, axes=range(1, fields.ndim), workers=1)
    transform = transform.reshape(len(fields), -1)[:, 1:]
    squares = transform.real**2 + transform.imag**2
    return squares * (modes.multiplicity[1:] / np.prod(modes.spatial))
