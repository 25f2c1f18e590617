"""Luminosity functions as targets."""

from numbers import Real
from typing import Literal, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from ..utils._luminosity import KINDS, LUMINOSITY_EDGES, PER_VOLUME, bin_widths, sources_above
from ..utils._params import Interval, StrOptions
from ..utils._typing import ArrayLike

# Values this near to the floor, in dex, are at the floor: the rounding of float32.
_NEAR = 1e-6


class LuminosityFunctionTransformer(TransformerMixin, BaseEstimator):
    r"""Counts of sources in bins of luminosity, as the quantity that a regressor learns.

    It is the `transformer` of scikit-learn's ``TransformedTargetRegressor``: targets and
    predictions are counts whatever is learned, so that a search over `kind` compares like
    with like.

    Parameters
    ----------
    kind : {"dn", "cumulative", "dn_dlogl", "phi"}, default="dn"
        What is learned of the counts :math:`\Delta N_i` in bins from :math:`L_i` to
        :math:`L_{i+1}`:

        - "dn": the counts themselves;
        - "cumulative": :math:`N(>L_i)`, the sources above the lower edge of each bin, up to
          the last edge;
        - "dn_dlogl": :math:`\Delta N_i / (V \Delta \log_{10} L_i)`, in Mpc^-3 dex^-1;
        - "phi": :math:`\Delta N_i / (V \Delta L_i)`, in Mpc^-3 Lsun^-1.
    log : bool, default=True
        Whether the decimal logarithm of the quantity is learned. Without it, a regressor with
        ``loss="squared_log_error"`` or ``loss="poisson"`` weighs bins alike.
    floor : float, default=1.0
        Number of sources below which the logarithm sees this number, greater than zero; for
        densities it is divided as the counts are.
    edges : array-like of shape (n_bins + 1,), default=None
        Edges of the bins in Lsun, rising and greater than zero. None is
        ``np.logspace(3.5, 7, 50)`` where widths of bins matter, "dn_dlogl" and "phi", and any
        number of bins where they do not.
    volume : float, default=None
        Volume V in comoving Mpc^3, which "dn_dlogl" and "phi" need.

    Attributes
    ----------
    unit_ : ndarray of shape (n_bins,)
        What one source in a bin is of the quantity; 1 for "dn" and "cumulative".
    n_features_in_ : int
        Number of bins.

    See Also
    --------
    skastro.metrics.mean_squared_log10_error : A score of the counts with the same floor.
    TargetScaler : Shift and scale of targets.

    Notes
    -----
    With ``log=True``, `inverse_transform` reads what is at the floor or below as no source.
    Whole numbers then come back as they were if the floor is less than 1, such as 0.5. With
    the default of 1, which the literature has, one source and none are the same, and
    ``TransformedTargetRegressor`` warns of it unless it has ``check_inverse=False``.

    Examples
    --------
    >>> import numpy as np
    >>> from skastro.preprocessing import LuminosityFunctionTransformer
    >>> counts = np.array([[90, 9, 1], [900, 90, 10]])
    >>> transformer = LuminosityFunctionTransformer("cumulative", floor=0.5).fit(counts)
    >>> transformer.transform(counts)
    array([[2., 1., 0.],
           [3., 2., 1.]])
    >>> transformer.inverse_transform([[2.0, 1.0, -0.5]])
    array([[90., 10.,  0.]])
    """

    _parameter_constraints = {
        "kind": [StrOptions(set(KINDS))],
        "log": ["boolean"],
        "floor": [Interval(Real, 0, None, closed="neither")],
        "edges": ["array-like", None],
        "volume": [Interval(Real, 0, None, closed="neither"), None],
    }

    def __init__(
        self,
        kind: Literal["dn", "cumulative", "dn_dlogl", "phi"] = "dn",
        *,
        log: bool = True,
        floor: float = 1.0,
        edges: ArrayLike | None = None,
        volume: float | None = None,
    ) -> None:
        self.kind = kind
        self.log = log
        self.floor = floor
        self.edges = edges
        self.volume = volume

    def fit(self, X: ArrayLike, y: object = None) -> Self:
        """Check counts and bins; nothing is learned.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_bins)
            Counts.
        y : None
            Ignored.

        Returns
        -------
        self
            The fitted transformer.

        Raises
        ------
        ValueError
            If a count is negative or not finite, or the edges do not fit the bins, or the
            volume that the kind needs is missing.
        """
        self._validate_params()
        X = self._check_counts(X, reset=True)
        self.unit_ = density_unit(
            type(self).__name__, X.shape[1], self.kind, self.edges, self.volume
        )
        return self

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Turn counts into the quantity.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_bins)
            Counts.

        Returns
        -------
        ndarray of shape (n_samples, n_bins)
            What is learned.

        Raises
        ------
        ValueError
            If a count is negative or not finite.
        """
        check_is_fitted(self)
        counts = self._check_counts(X, reset=False)
        values = (sources_above(counts) if self.kind == "cumulative" else counts) * self.unit_
        return np.log10(np.maximum(values, self.floor * self.unit_)) if self.log else values

    def inverse_transform(self, X: ArrayLike) -> np.ndarray:
        """Turn the quantity into counts.

        Counts are never negative: what is predicted below zero is zero. Where predicted numbers
        above a luminosity rise with it, each is first raised to the greatest one beyond.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_bins)
            What was learned.

        Returns
        -------
        ndarray of shape (n_samples, n_bins)
            Counts, in general no whole numbers.
        """
        check_is_fitted(self)
        values = validate_data(self, X, reset=False, dtype=np.float64)
        if self.log:
            least = np.log10(self.floor * self.unit_)
            values = np.where(values <= least + _NEAR, 0.0, 10**values)
        values = np.maximum(values / self.unit_, 0.0)
        if self.kind != "cumulative":
            return values
        above = np.maximum.accumulate(values[:, ::-1], axis=1)[:, ::-1]
        return above - np.pad(above[:, 1:], ((0, 0), (0, 1)))

    def _check_counts(self, X, reset):
        X = validate_data(self, X, reset=reset, dtype=np.float64)
        if (X < 0).any():
            row, column = np.argwhere(X < 0)[0]
            raise ValueError(
                f"Negative values in data passed to {type(self).__name__}, which takes counts of "
                f"sources, 0 or greater; that of sample {row}, bin {column} is "
                f"{X[row, column]:g}."
            )
        return X

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = True
        return tags


def check_edges(owner, edges, n_bins):
    """Bring edges of luminosity bins to an array, or raise.

    Parameters
    ----------
    owner : str
        Who asks, named in the error.
    edges : array-like of shape (n_bins + 1,) or None
        The edges; None is ``np.logspace(3.5, 7, 50)``.
    n_bins : int
        Number of bins that the counts have.

    Returns
    -------
    ndarray of shape (n_bins + 1,)
        Edges in Lsun.

    Raises
    ------
    ValueError
        If they are not so many, not positive, or do not rise.
    """
    allowed = f"{n_bins + 1} rising numbers greater than zero, edges of the {n_bins} bins"
    if edges is None and n_bins != 49:
        raise ValueError(
            f"The 'edges' parameter of {owner} must be {allowed}; by default it is "
            f"np.logspace(3.5, 7, 50), edges of 49 bins. Give the edges of your bins in Lsun."
        )
    try:
        values = np.array(LUMINOSITY_EDGES if edges is None else edges, dtype=np.float64)
    except (TypeError, ValueError):
        values = np.empty(0)
    fits = values.shape == (n_bins + 1,) and np.isfinite(values).all()
    if not fits or values[0] <= 0 or (np.diff(values) <= 0).any():
        raise ValueError(f"The 'edges' parameter of {owner} must be {allowed}. Got {edges!r}.")
    return values


def density_unit(owner, n_bins, kind, edges, volume):
    """What one source in a bin is of a quantity.

    Parameters
    ----------
    owner : str
        Who asks, named in errors.
    n_bins : int
        Number of bins.
    kind : {"dn", "cumulative", "dn_dlogl", "phi"}
        The quantity.
    edges : array-like of shape (n_bins + 1,) or None
        Edges of the bins in Lsun; None is ``np.logspace(3.5, 7, 50)``, for kinds that need any.
    volume : float or None
        Comoving Mpc^3.

    Returns
    -------
    ndarray of shape (n_bins,)
        One divided by the volume and the width of the bin in dex or Lsun; else ones.

    Raises
    ------
    ValueError
        If edges do not fit, or the volume is missing.
    """
    if edges is not None or kind in PER_VOLUME:
        edges = check_edges(owner, edges, n_bins)
    if kind not in PER_VOLUME:
        return np.ones(n_bins)
    if volume is None:
        raise ValueError(
            f"The 'volume' parameter of {owner} must be a number of comoving Mpc^3 greater than "
            f"zero where kind={kind!r}, a density. Got None instead."
        )
    return 1 / (volume * bin_widths(edges, kind))
