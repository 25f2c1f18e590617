"""What can be known at best about the parameters of random fields."""

import numpy as np
from scipy import fft

from ._random_fields_model import power_law_modes

_NODES_PER_ERROR = 3.0
_LEAST_NODES = 24
_VALUES_AT_ONCE = 2**23


def optimal_prediction(data, *, return_cov=False):
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

    Notes
    -----
    The integral is by Gauss-Legendre quadrature, with nodes closer than half the least
    standard error.

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
    powers = modes._replace(log_k=distinct).power(nodes)
    constant = np.log(weights) - 0.5 * np.log(powers) @ counts
    inverse = -0.5 / powers
    step = max(1, _VALUES_AT_ONCE // max(len(nodes), modes.log_k.size))
    means, covariances = [], []
    for start in range(0, len(data.maps), step):
        squares = _squared_modes(data.maps[start : start + step], data.kind, modes)
        sums = np.stack([np.bincount(groups, row) for row in squares])
        chances = constant + sums @ inverse.T
        chances = np.exp(chances - chances.max(1, keepdims=True))
        chances /= chances.sum(1, keepdims=True)
        mean = chances @ nodes
        products = chances @ (nodes[:, :, None] * nodes[:, None]).reshape(-1, 4)
        means.append(mean)
        covariances.append(products.reshape(-1, 2, 2) - mean[:, :, None] * mean[:, None])
    mean = np.concatenate(means)
    return (mean, np.concatenate(covariances)) if return_cov else mean


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


def _squared_modes(maps, kind, modes):
    """Squared modes of the Gaussian fields over N, times how many modes each stands for."""
    fields = np.asarray(maps, dtype=np.float64)
    if kind == "lognormal":
        fields = np.log(fields)
    transform = fft.rfftn(fields, axes=range(1, fields.ndim), workers=1)
    transform = transform.reshape(len(fields), -1)[:, 1:]
    squares = transform.real**2 + transform.imag**2
    return squares * (modes.multiplicity[1:] / np.prod(modes.spatial))
