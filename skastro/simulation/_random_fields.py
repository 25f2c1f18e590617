"""Random fields of which it is known how much they tell about their parameters."""

from collections.abc import Sequence
from numbers import Integral, Real

import numpy as np
from scipy import fft

from ..datasets._checks import message
from ..maps import MapBunch
from ..utils._modes import floats
from ..utils._seeds import seed_entropy
from ..utils._typing import ArrayLike, RandomState
from ._checks import check_count
from ._random_fields_model import power_law_modes

_GAUSSIAN = """\
Periodic Gaussian random fields with the power spectrum P(k) = A V_cell (k / k_pivot)^slope, plus
noise^2 V_cell. Every mode but k = 0, which is zero, is drawn independently, so that the Fisher
information of a map about (ln A, slope) is known exactly: it is in `fisher`.
"""
_LOGNORMAL = """\
Periodic lognormal random fields, exp(G) divided by its mean over the map, where G is a Gaussian
random field of mean zero with the power spectrum P(k) = A V_cell (k / k_pivot)^slope. The
logarithm of a map minus its mean is G, so that the Fisher information of a map about
(ln A, slope), in `fisher`, is exactly that of G.
"""


def make_gaussian_fields(
    n_samples: int = 1000,
    shape: tuple[int, ...] = (32, 32),
    *,
    box_size: ArrayLike | None = None,
    amplitude: Sequence[float] = (0.5, 2.0),
    slope: Sequence[float] = (-3.0, -1.0),
    noise: float = 0.0,
    target: ArrayLike | None = None,
    random_state: RandomState = 0,
) -> MapBunch:
    r"""Make Gaussian random fields whose Fisher information is known exactly.

    The fields are periodic, with the power spectrum
    :math:`P(k) = A\,V_{cell}\,(k/k_{pivot})^{s} + \sigma^2\,V_{cell}`. All modes are
    independent, those in the corners of Fourier space too; that of k = 0 is zero. With
    parameters :math:`\theta = (\ln A, s)` the information of a map is [1]_

    .. math:: F_{ab} = \frac{1}{2} \sum_{{\bf k} \ne 0}
       \frac{\partial \ln P}{\partial \theta_a} \frac{\partial \ln P}{\partial \theta_b},

    and no estimator without bias has a lesser covariance than :math:`F^{-1}`.

    Parameters
    ----------
    n_samples : int, default=1000
        Number of maps.
    shape : tuple of int, default=(32, 32)
        Cells along each of one to three axes.
    box_size : float, array-like of shape (dim,) or astropy Quantity, default=None
        Length of the box, as of `PowerSpectrum`; None is cells of side 1.
    amplitude : pair of float, default=(0.5, 2.0)
        Least and greatest A, in units of the volume of a cell, so that the cells of a field
        with slope 0 have the variance A. ln A is drawn uniformly.
    slope : pair of float, default=(-3.0, -1.0)
        Least and greatest slope, drawn uniformly.
    noise : float, default=0.0
        Standard deviation :math:`\sigma` of white noise in each cell, its mean over the map
        taken away.
    target : array-like of shape (n_samples, 2) or (2,), default=None
        Values of ln A and slope to make maps at, in place of those drawn. The random numbers
        stay those of the seed, so that equal seeds give maps of equal phases at different
        parameters.
    random_state : int, RandomState instance or None, default=0
        Seed of parameters and phases. Those of map i depend on nothing but the seed, i and
        `shape`: the first maps of a larger set are those of a smaller one.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        With

        maps : ndarray of shape (n_samples, \*shape), of float32
            The fields.
        target : ndarray of shape (n_samples, 2)
            ln A and slope.
        groups : ndarray of shape (n_samples,)
            Number of each map, as each has phases of its own.
        target_names : list of str
            "ln_amplitude" and "slope".
        fisher : ndarray of shape (n_samples, 2, 2)
            Fisher information of a map at the parameters of each.
        score : ndarray of shape (n_samples, 2)
            Gradient of the logarithm of the likelihood of each map, at its own parameters.
        parameter_ranges : ndarray of shape (2, 2)
            Least and greatest value of each parameter, between which they are uniform.
        k_pivot : float
            Geometric mean of the wavenumbers of all modes, in radians per unit of `box_size`.
            About it the errors of the two parameters are uncorrelated, where there is no noise.
        box_size : ndarray of shape (dim,)
            Length along each axis.
        noise : float
            As given.
        kind : str
            "gaussian".
        DESCR : str
            A description.

    Raises
    ------
    ValueError
        If a parameter has none of its allowed values.
    TypeError
        If a parameter has the wrong type.

    See Also
    --------
    optimal_prediction : The best that can be predicted from the maps.
    skastro.model_selection.information_fraction : What an estimator extracts.

    References
    ----------
    .. [1] M. Tegmark, A. N. Taylor, A. F. Heavens, "Karhunen-Loeve eigenvalue problems in
       cosmology: how should we tackle large data sets?", ApJ 480, 22 (1997).

    Examples
    --------
    >>> import numpy as np
    >>> from skastro.simulation import make_gaussian_fields
    >>> data = make_gaussian_fields(100, (16, 16))
    >>> data.maps.shape, data.target.shape
    ((100, 16, 16), (100, 2))

    The least errors of ln A and of the slope, from one map:

    >>> np.sqrt(np.diag(np.linalg.inv(data.fisher[0]))).round(3)
    array([0.089, 0.185])
    """
    owner = "make_gaussian_fields"
    if not isinstance(noise, Real) or not 0 <= noise < np.inf:
        raise ValueError(message(owner, "noise", "a number, zero or greater", noise))
    return _make_fields(
        owner, "gaussian", n_samples, shape, box_size, (amplitude, slope), noise, target,
        random_state,
    )  # fmt: skip


def make_lognormal_fields(
    n_samples: int = 1000,
    shape: tuple[int, ...] = (32, 32),
    *,
    box_size: ArrayLike | None = None,
    amplitude: Sequence[float] = (0.25, 1.0),
    slope: Sequence[float] = (-3.0, -1.0),
    target: ArrayLike | None = None,
    random_state: RandomState = 0,
) -> MapBunch:
    r"""Make lognormal random fields whose Fisher information is known exactly.

    A map is :math:`x = e^G / \overline{e^G}`, the mean being that over the map, and G a field
    of `make_gaussian_fields` without noise, of the same seed. G has the mean zero over each map,
    so that :math:`G = \ln x - \overline{\ln x}`: maps and Gaussian fields are in one-to-one
    correspondence, whatever the parameters, and what is invertible neither adds information nor
    takes any away. The Fisher information is that of G. The power spectrum of x holds
    less of it [1]_.

    Parameters
    ----------
    n_samples : int, default=1000
        Number of maps.
    shape : tuple of int, default=(32, 32)
        Cells along each of one to three axes.
    box_size : float, array-like of shape (dim,) or astropy Quantity, default=None
        Length of the box, as of `PowerSpectrum`; None is cells of side 1.
    amplitude : pair of float, default=(0.25, 1.0)
        Least and greatest amplitude A of the spectrum of G, in units of the volume of a cell.
        ln A is drawn uniformly. With the defaults the standard deviation of G is about 1.
    slope : pair of float, default=(-3.0, -1.0)
        Least and greatest slope of the spectrum of G, drawn uniformly.
    target : array-like of shape (n_samples, 2) or (2,), default=None
        Values of ln A and slope to make maps at, as of `make_gaussian_fields`.
    random_state : int, RandomState instance or None, default=0
        Seed, as of `make_gaussian_fields`.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        As of `make_gaussian_fields`. The maps are above zero, and the mean of each is one;
        `kind` is "lognormal".

    Raises
    ------
    ValueError
        If a parameter has none of its allowed values.
    TypeError
        If a parameter has the wrong type.

    See Also
    --------
    optimal_prediction : The best that can be predicted from the maps.
    skastro.model_selection.information_fraction : What an estimator extracts.

    References
    ----------
    .. [1] M. C. Neyrinck, I. Szapudi, A. S. Szalay, "Rejuvenating the matter power spectrum:
       restoring information with a logarithmic density mapping", ApJ 698, L90 (2009);
       J. Carron, "On the incompleteness of the moment and correlation function hierarchy as
       probes of the lognormal field", ApJ 738, 86 (2011).

    Examples
    --------
    >>> import numpy as np
    >>> from skastro.simulation import make_gaussian_fields, make_lognormal_fields
    >>> data = make_lognormal_fields(10, (16, 16), amplitude=(0.5, 2.0))
    >>> logs = np.log(data.maps)
    >>> logs -= logs.mean((1, 2), keepdims=True)
    >>> bool(np.allclose(logs, make_gaussian_fields(10, (16, 16)).maps, atol=1e-5))
    True
    """
    return _make_fields(
        "make_lognormal_fields", "lognormal", n_samples, shape, box_size, (amplitude, slope), 0.0,
        target, random_state,
    )  # fmt: skip


def _make_fields(owner, kind, n_samples, shape, box_size, ranges, noise, target, random_state):
    check_count(owner, "n_samples", n_samples, 1)
    modes = power_law_modes(owner, _checked_shape(owner, shape), box_size, noise)
    ranges = _checked_ranges(owner, *ranges)
    if target is not None:
        target = _checked_target(owner, target, n_samples)
    seed = seed_entropy(owner, random_state)
    maps, target, score = _draw(modes, n_samples, ranges, target, seed, kind)
    return MapBunch(
        maps=maps,
        target=target,
        groups=np.arange(n_samples),
        target_names=["ln_amplitude", "slope"],
        fisher=modes.fisher(target),
        score=score,
        parameter_ranges=ranges,
        k_pivot=modes.pivot,
        box_size=modes.lengths,
        noise=modes.noise,
        kind=kind,
        DESCR=_GAUSSIAN if kind == "gaussian" else _LOGNORMAL,
    )


def _draw(modes, n_samples, ranges, target, seed, kind):
    """Maps, parameters and scores, one by one, so that none depends on how many there are."""
    maps = np.empty((n_samples, *modes.spatial), dtype=np.float32)
    found, score = np.empty((2, n_samples, 2))
    for i in range(n_samples):
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(i,)))
        drawn = rng.uniform(ranges[:, 0], ranges[:, 1])
        found[i] = drawn if target is None else target[i]
        white = fft.rfftn(rng.standard_normal(modes.spatial), workers=1)
        squares = (white.real**2 + white.imag**2).reshape(1, -1) / maps[0].size
        score[i] = modes.score(found[i : i + 1], squares)[0]
        scale = np.sqrt(modes.power(found[i : i + 1])[0])
        scale[0] = 0.0
        field = fft.irfftn(white * scale.reshape(white.shape), modes.spatial, workers=1)
        if kind == "lognormal":
            field = np.exp(field)
            field /= field.mean()
        maps[i] = field
    return maps, found, score


def _checked_shape(owner, shape):
    allowed = "one to three integers above zero, of which one at least is above one"
    try:
        sizes = tuple(shape)
    except TypeError:
        raise TypeError(message(owner, "shape", allowed, shape)) from None
    if (
        not 1 <= len(sizes) <= 3
        or not all(isinstance(size, Integral) and size > 0 for size in sizes)
        or max(sizes) < 2
    ):
        raise ValueError(message(owner, "shape", allowed, shape))
    return tuple(int(size) for size in sizes)


def _checked_ranges(owner, amplitude, slope):
    """Least and greatest ln A and slope."""
    pairs = {"amplitude": amplitude, "slope": slope}
    for name, given in pairs.items():
        pair, low = floats(given), 0 if name == "amplitude" else -np.inf
        if pair.shape != (2,) or not low < pair[0] < pair[1] < np.inf:
            above = "numbers above zero" if name == "amplitude" else "numbers"
            raise ValueError(message(owner, name, f"an increasing pair of {above}", given))
        pairs[name] = pair
    return np.stack([np.log(pairs["amplitude"]), pairs["slope"]])


def _checked_target(owner, target, n_samples):
    values = floats(target)
    if values.shape not in ((2,), (n_samples, 2)) or not np.isfinite(values).all():
        allowed = (
            f"None or finite numbers, ln A and slope, of shape (2,) or (n_samples, 2) = "
            f"({n_samples}, 2)"
        )
        raise ValueError(message(owner, "target", allowed, target))
    return np.broadcast_to(values, (n_samples, 2))
