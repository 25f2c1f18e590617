"""Principal components of maps, whole or in patches."""

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, Literal

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin
from sklearn.utils import check_array, check_random_state
from sklearn.utils.validation import check_is_fitted

from ..exceptions import MapShapeError
from ..maps import LazyMaps
from ..utils import check_finite, is_torch, like, map_layout
from ..utils._params import DIM, Interval, StrOptions
from ..utils._typing import Maps, MapsLike, RandomState
from ._eigen import (
    components_by_iteration,
    components_of_covariance,
    components_of_products,
    row_blocks,
)
from ._patches import PatchGrid, row_products
from ._reconstruction import ReconstructionMixin

_MOST_FEATURES = 10_000  # of which the covariance takes 0.8 GB


class MapPCA(ClassNamePrefixFeaturesOutMixin, ReconstructionMixin):
    """Principal component analysis of maps, in memory or larger than it.

    Whole maps give one code each, a vector. With `patch_size` the components are those of all
    patches of all maps, and the code of a map is a small map with a channel for each component,
    which a convolutional network can take. Lazy maps are read a chunk at a time, and give lazy
    codes.

    Parameters
    ----------
    n_components : int or float, default=None
        Number of components. A float between 0 and 1 is the fraction of the variance: the
        least number of components that explain more. None takes as many as there are rows
        or features, whichever are fewer.
    patch_size : int or tuple of int, default=None
        Cells of a patch along each spatial axis, which must divide the maps. None takes each
        map as one vector, with all its channels.
    whiten : bool, default=False
        Whether codes are divided by their standard deviation.
    svd_solver : {"auto", "covariance", "randomized"}, default="auto"
        "covariance" is exact, reads lazy maps once and takes 12 bytes of memory for each
        pair of features, 28 where all components or a fraction of the variance are asked for. Where
        rows are fewer than features, pairs of rows take the place of pairs of features, and
        all rows are kept.
        "randomized" is approximate, reads lazy maps ``n_iter + 1`` times, and takes memory for
        64 maps and some ten times ``n_components + n_oversamples`` maps. "auto" is "covariance"
        for up to 10,000 features, "randomized" for more.
    n_iter : int, default=6
        Iterations of the randomized solver, at least 1. More are more exact where variances fall
        slowly.
    n_oversamples : int, default=10
        Components that the randomized solver takes along and drops in the end.
    dim : {1, 2, 3}, default=None
        Number of spatial axes. By default it follows from the shape: ``(n, h, w)`` has one
        channel, ``(n, c, h, w)`` and ``(n, c, d, h, w)`` have c.
    random_state : int, RandomState instance or None, default=None
        Start of the randomized solver. An int gives equal results each time.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, [n_channels,] *spatial)
        Components as maps or patches, float32, of unit norm, the largest variance first. The
        value of largest modulus is positive.
    mean_ : ndarray of shape ([n_channels,] *spatial)
        Mean map or patch, float32.
    explained_variance_ : ndarray of shape (n_components,)
        Variance along each component.
    explained_variance_ratio_ : ndarray of shape (n_components,)
        The same as fractions of the variance of all features.
    singular_values_ : ndarray of shape (n_components,)
        Singular values of the centred rows.
    noise_variance_ : float
        Mean variance along each of the directions left out.
    n_components_ : int
        Number of components.
    n_samples_ : int
        Number of rows that were decomposed: maps, or patches of all maps.
    n_features_ : int
        Length of a row: values of a map or patch, those of all channels.
    sample_shape_ : tuple of int
        Shape of a sample in fit. With `patch_size`, other sizes that it divides may be
        transformed.
    n_features_in_ : int
        Length of the first axis of a sample.

    See Also
    --------
    skastro.inspection.ComponentsDisplay : Draws the components.
    sklearn.decomposition.PCA : The same for arrays of two axes that fit into memory.

    Notes
    -----
    The covariance is summed in float64 from products of centred blocks in float32, so a variance
    below about 1e-7 of the largest is not resolved. The randomized solver is subspace iteration
    [1]_ with shifts [2]_ on the covariance, which is never formed; it underestimates the last
    variances a little. Of fewer rows than features the exact components are found from the products
    of rows [3]_, of which there are fewer.

    Codes by patch of maps with one spatial axis have three axes, which the next step reads as maps
    of two dimensions: give it ``dim=1``.

    References
    ----------
    .. [1] N. Halko, P. G. Martinsson and J. A. Tropp, "Finding structure with randomness:
       probabilistic algorithms for constructing approximate matrix decompositions", SIAM Review
       53, 217 (2011), algorithm 4.4.
    .. [2] X. Feng, W. Yu, Y. Xie and J. Tang, "Faster randomized SVD with dynamic shifts",
       arXiv:2404.09276 (2024).
    .. [3] L. Sirovich, "Turbulence and the dynamics of coherent structures. I", Quarterly of
       Applied Mathematics 45, 561 (1987).

    Examples
    --------
    >>> import numpy as np
    >>> from skastro.decomposition import MapPCA
    >>> rng = np.random.default_rng(0)
    >>> waves = np.sin(np.arange(64).reshape(8, 8) / [[[3]], [[7]]])
    >>> maps = np.tensordot(rng.normal(size=(100, 2)), waves, axes=1)
    >>> pca = MapPCA(0.99).fit(maps)
    >>> pca.transform(maps).shape
    (100, 2)
    >>> bool(pca.reconstruction_error(maps).max() < 1e-9)
    True
    >>> MapPCA(3, patch_size=4).fit_transform(maps).shape
    (100, 3, 2, 2)
    """

    _parameter_constraints = {
        "n_components": [
            Interval(Integral, 1, None, closed="left"),
            Interval(Real, 0, 1, closed="neither"),
            None,
        ],
        "patch_size": [Interval(Integral, 1, None, closed="left"), tuple, list, None],
        "whiten": ["boolean"],
        "svd_solver": [StrOptions({"auto", "covariance", "randomized"})],
        "n_iter": [Interval(Integral, 1, None, closed="left")],
        "n_oversamples": [Interval(Integral, 0, None, closed="left")],
        "dim": DIM,
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        n_components: float | None = None,
        *,
        patch_size: int | Sequence[int] | None = None,
        whiten: bool = False,
        svd_solver: Literal["auto", "covariance", "randomized"] = "auto",
        n_iter: int = 6,
        n_oversamples: int = 10,
        dim: Literal[1, 2, 3] | None = None,
        random_state: RandomState = None,
    ) -> None:
        self.n_components = n_components
        self.patch_size = patch_size
        self.whiten = whiten
        self.svd_solver = svd_solver
        self.n_iter = n_iter
        self.n_oversamples = n_oversamples
        self.dim = dim
        self.random_state = random_state

    @property
    def _free_size(self):
        return self.patch_size is not None

    @property
    def _n_features_out(self):
        return self.n_components_

    def _fit(self, X):
        layout = self._layout(X)
        grid = self._grid(layout)
        n_rows, n_features = len(X) * grid.n_patches, grid.n_features
        if n_rows < 2:
            raise ValueError(
                f"MapPCA needs at least 2 {'maps' if self.patch_size is None else 'patches'}; got "
                f"n_samples = {n_rows}."
            )
        n_components = self._count(n_rows, n_features)
        iterates = self._solver(n_features) == "randomized"

        def blocks():
            parts = (grid.rows(chunk) for chunk in self._chunks(X))
            return row_blocks(parts, n_rows, n_features, at_least=64 if iterates else 1024)

        if iterates:
            generator = check_random_state(self.random_state)
            found = components_by_iteration(
                blocks, n_components, self.n_oversamples, self.n_iter, generator
            )
        elif n_rows < n_features:
            found = components_of_products(blocks(), n_rows, n_components)
        else:
            found = components_of_covariance(blocks(), n_components)
        shape = layout.sample_shape(grid.patch)
        variance, total = found.variance, found.total_variance
        self.n_components_, self.n_samples_, self.n_features_ = len(variance), n_rows, n_features
        self.components_ = found.vectors.astype(np.float32).reshape(-1, *shape)
        self.mean_ = found.mean.astype(np.float32).reshape(shape)
        self.explained_variance_ = variance
        self.explained_variance_ratio_ = variance / (total or 1.0)
        self.singular_values_ = np.sqrt(variance * (n_rows - 1))
        n_left = min(n_rows, n_features) - len(variance)
        self.noise_variance_ = max(0.0, total - variance.sum()) / n_left if n_left else 0.0

    def _count(self, n_rows, n_features):
        """Number of components, or fraction of the variance, that fit is to find."""
        most = min(n_rows, n_features)
        if self.n_components is None:
            return most
        if isinstance(self.n_components, Integral) and self.n_components > most:
            raise ValueError(
                f"The 'n_components' parameter of MapPCA must be at most "
                f"min(n_samples, n_features)={most}, for n_samples={n_rows} and "
                f"n_features={n_features}. Got {self.n_components!r} instead. Take fewer, or None "
                f"for all."
            )
        if isinstance(self.n_components, Integral):
            return int(self.n_components)
        if self._solver(n_features) == "randomized":
            memory = 28 * most**2 + (4 * n_rows * n_features if n_rows < n_features else 0)
            raise ValueError(
                f"The 'n_components' parameter of MapPCA must be an int or None for the randomized "
                f"solver, which finds no fraction of the variance. Got {self.n_components!r} "
                f"instead, and svd_solver={self.svd_solver!r} for {n_features} features. Take a "
                f"number, or svd_solver='covariance', which needs "
                f"{memory / 1e9:.2g} GB."
            )
        return float(self.n_components)

    def _solver(self, n_features):
        if self.svd_solver != "auto":
            return self.svd_solver
        return "covariance" if n_features <= _MOST_FEATURES else "randomized"

    def _grid(self, layout):
        """How maps are parted; whole maps are one patch."""
        spatial = tuple(layout.spatial)
        if self.patch_size is None:
            return PatchGrid(layout.n_channels, spatial, (1,) * layout.dim)
        patch = self.patch_size
        patch = (patch,) * layout.dim if isinstance(patch, Integral) else tuple(patch)
        if len(patch) != layout.dim or not all(isinstance(n, Integral) and n > 0 for n in patch):
            raise ValueError(
                f"The 'patch_size' parameter of MapPCA must be None, one integer of at least 1 or "
                f"{layout.dim} of them, one for each spatial axis. Got {self.patch_size!r} instead."
            )
        if any(n % m for n, m in zip(spatial, patch, strict=True)):
            raise MapShapeError(
                f"MapPCA(patch_size={self.patch_size!r}) does not divide maps of spatial shape "
                f"{spatial}. Take a divisor, or cut the maps first."
            )
        grid = tuple(n // m for n, m in zip(spatial, patch, strict=True))
        return PatchGrid(layout.n_channels, patch, grid)

    def _sample_shape(self, shape):
        grid = self._grid(map_layout((1, *shape), self.dim, type(self).__name__))
        return (self.n_components_, *(() if self.patch_size is None else grid.grid))

    def _apply(self, batch):
        grid = self._grid(self._layout(batch))
        mean, components = self._matrices(batch)
        scale = like(self._scale(), batch)
        codes = row_products(
            grid.rows(batch), lambda rows: (rows - mean) @ components.T / scale, self.n_components_
        )
        return codes if self.patch_size is None else grid.code_maps(codes)

    def _apply_inverse(self, codes):
        layout, grid = self._original(codes.shape[1:])
        mean, components = self._matrices(codes)
        scale = like(self._scale(), codes)
        rows = row_products(
            codes if self.patch_size is None else grid.code_rows(codes),
            lambda rows: (rows * scale) @ components + mean,
            self.n_features_,
        )
        return grid.maps(rows, layout.sample_shape(layout.spatial))

    def _matrices(self, batch):
        """Mean and components, flat, of the kind of a batch."""
        mean = like(self.mean_, batch).reshape(-1)
        return mean, like(self.components_, batch).reshape(self.n_components_, -1)

    def _scale(self):
        """What codes are divided by; a direction without variance is not blown up."""
        if not self.whiten:
            return 1.0
        scale = np.sqrt(self.explained_variance_)
        scale = np.maximum(scale, np.finfo(np.float32).eps * scale[0])
        return np.where(scale > 0, scale, 1.0)

    def _fitted_layout(self):
        return map_layout((1, *self.sample_shape_), self.dim, type(self).__name__)

    def _original(self, code_shape):
        """Layout of the maps that codes of this shape were made from, and how they are parted."""
        layout = self._fitted_layout()
        if self.patch_size is None:
            return layout, self._grid(layout)
        patch = self._grid(layout).patch
        spatial = tuple(n * m for n, m in zip(code_shape[1:], patch, strict=True))
        layout = layout._replace(spatial=spatial)
        return layout, self._grid(layout)

    def _inverse_sample_shape(self, shape):
        layout, _ = self._original(shape)
        return layout.sample_shape(layout.spatial)

    def inverse_transform(self, X: MapsLike) -> Maps:
        """Make maps of codes.

        Parameters
        ----------
        X : array-like, torch.Tensor or LazyMaps of shape (n_samples, n_components) or \
                (n_samples, n_components, *grid)
            Codes as `transform` returns them.

        Returns
        -------
        ndarray, torch.Tensor or LazyMaps of shape (n_samples, [n_channels,] *spatial)
            The maps nearest to those that were transformed, float32, with a channel axis
            where the maps of the fit had one.

        Raises
        ------
        MapShapeError
            If `X` has no shape of codes.
        ValueError
            If a value of `X` is not finite.
        """
        check_is_fitted(self)
        codes: Any = X
        if not isinstance(codes, LazyMaps):
            codes = codes.float() if is_torch(codes) else np.asarray(codes)
        dim = 0 if self.patch_size is None else self._fitted_layout().dim
        if codes.ndim != 2 + dim or codes.shape[1] != self.n_components_ or 0 in codes.shape[2:]:
            wanted = ", ".join(["n_samples", str(self.n_components_), *["patches"] * dim])
            raise MapShapeError(
                f"MapPCA.inverse_transform takes codes of shape ({wanted}); got "
                f"{tuple(codes.shape)}. Give it what transform returned."
            )
        if isinstance(codes, LazyMaps):
            return codes.with_step(self, inverse=True)
        if not is_torch(codes):
            codes = check_array(
                codes, dtype=np.float32, order="C", allow_nd=True, ensure_all_finite=False
            )
        check_finite(codes, type(self).__name__, dim=dim or 1)
        return self._apply_inverse(codes)
