"""Power spectra of maps, binned in wavenumber."""

from collections.abc import Sequence
from itertools import combinations
from numbers import Integral, Real
from typing import Literal

import numpy as np
from scipy import fft

from ..utils import as_numpy, is_torch, like, namespace
from ..utils._modes import WINDOWS, bin_modes, box_lengths, floats, white_noise
from ..utils._params import DIM, Interval, StrOptions
from ..utils._typing import ArrayLike
from ._base import MapStatistic
from ._shells import (
    bin_edges,
    check_cells,
    fluctuations,
    labels_of,
    no_modes,
    range_without_unit,
)


class PowerSpectrum(MapStatistic):
    r"""Isotropic power spectra of the channels of maps, as features.

    The box is periodic. With :math:`\delta_{\bf k}` the discrete Fourier transform of a
    channel, V the volume (area, length) of the box and N its number of cells,
    :math:`P(k) = \langle|\delta_{\bf k}|^2\rangle\, V / N^2`, averaged over the modes of a
    bin, so that white noise of variance :math:`\sigma^2` has :math:`P = \sigma^2 V_{cell}`.
    :math:`{\bf k}=0`, that is the mean of the map, is in no bin.

    Parameters
    ----------
    n_bins : int, default=16
        Number of bins to cut `k_range` into. A bin that holds no mode, as happens at low k
        where modes are few, is joined to the one below it: `k_` tells how many are left.
    box_size : float, array-like of shape (dim,) or astropy Quantity, default=None
        Length of the box: one number where all axes have equally many cells, else one for
        each axis. k is then in 1/unit of it, with k = 2 pi / L, and P in its unit to the
        power `dim` (times the square of the unit of the maps). None takes cells of side 1:
        k in radians per cell, P in cells.
    binning : {"log", "linear"}, default="log"
        Whether bins are equally wide in log k or in k.
    k_range : pair of (float or None), array-like or astropy Quantity, default=(None, None)
        Least and greatest wavenumber, both included. None takes 2 pi / L of the longest axis,
        and the least Nyquist wavenumber (pi / cell side) of the axes. ``(None, inf)`` keeps
        the modes in the corners of Fourier space too. A Quantity is converted to 1/unit of
        `box_size` where that is a Quantity too.
    cross : bool, default=False
        Whether the cross spectra :math:`\langle{\rm Re}\,\delta^a \delta^{b*}\rangle V / N^2`
        of all pairs of channels follow.
    log : bool, default=False
        Whether to return log10 P for the spectra, and for cross spectra, which may be
        negative, the correlation coefficient
        :math:`r(k) = P_{ab} / \sqrt{P_{aa} P_{bb}}`.
    floor : float, default=None
        With ``log=True``, what replaces a lesser P (r is zero there). None raises an error if
        a P is not above zero, as for an empty map, so that no minus infinity gets out.
    normalize : bool, default=False
        Whether each channel of each map is first divided by its mean, which gives the spectrum
        of the contrast :math:`x / \bar x - 1`.
    window : {"ngp", "cic", "tsc"}, default=None
        Mass assignment (nearest cell, cloud in cell, triangular cloud) that painted the maps,
        to be divided out: a factor :math:`\prod_i {\rm sinc}^{-2p}(k_i \Delta_i / 2)` with
        p = 1, 2, 3.
    shot_noise : float, array-like of shape (n_channels,) or "poisson", default=0.0
        Noise level to subtract from the spectra of the channels, in the units of P. "poisson"
        takes it from each channel of each map, which must be a count of tracers:
        :math:`\bar x V / N`, with :math:`\bar x` the mean count in a cell, or
        :math:`V / \sum x`, the volume of one tracer, with ``normalize=True``.
    dim : {1, 2, 3}, default=None
        Number of spatial axes. By default it follows from the shape.

    Attributes
    ----------
    k_ : ndarray of shape (n_k,)
        Mean wavenumber of the modes in each bin.
    k_edges_ : ndarray of shape (n_k + 1,)
        Edges of the bins. Bins hold their lower edge; the last one holds its upper edge too.
    n_modes_ : ndarray of shape (n_k,)
        Modes in each bin, counting k and -k, of which one is the conjugate of the other.
    pairs_ : list of tuple of int
        Channels of each spectrum: first (0, 0), (1, 1), ..., then (0, 1), (0, 2), .... The
        features are these spectra one after another, each of n_k numbers.
    lengths_ : ndarray of shape (dim,)
        Length of the box along each axis.
    sample_shape_ : tuple of int
        Shape of a sample in fit.
    n_features_in_ : int
        Length of the first axis of a sample.

    See Also
    --------
    Moments : The mean, and what is not Gaussian.

    Notes
    -----
    Maps are rounded to float32, as everywhere in the library, and transformed in float64. Of
    fluctuations below 1e-7 of the mean nothing is left, so subtract such a mean first.
    Tensors are transformed by torch on their device, and gradients flow. The volume of
    unequal axes is that of the box: each axis has its own fundamental 2 pi / L.

    With ``shot_noise="poisson"`` and a window, what is subtracted is the mean over the bin of
    the noise that this mass assignment leaves on the grid, divided by the window as the modes
    are [1]_. Without a window, maps are taken as counts in cells. Cross spectra, of tracers that
    differ, have no such noise. Spectra without their noise may be negative.

    The modes that fit sorts into bins are kept in memory, 16 bytes for each, but not in a
    pickle; where they are missing, `transform` sorts them again.

    References
    ----------
    .. [1] Jing, Y. P. 2005, ApJ 620, 559, on the windows and their noise.

    Examples
    --------
    >>> import numpy as np
    >>> from skastro.statistics import PowerSpectrum
    >>> maps = np.random.default_rng(0).normal(size=(100, 64, 64))
    >>> spectrum = PowerSpectrum(n_bins=4, box_size=25.0, binning="linear").fit(maps)
    >>> spectrum.k_.round(2), spectrum.n_modes_
    (array([1.47, 3.28, 5.2 , 7.12]), array([ 240,  620, 1000, 1346]))
    >>> spectrum.transform(maps).mean(0).round(2), (25 / 64) ** 2
    (array([0.15, 0.15, 0.15, 0.15]), 0.152587890625)
    >>> spectrum.get_feature_names_out()[1]
    'P(0,0) k=3.28'

    The baseline for a network, of scikit-learn's own parts:

    >>> from sklearn.linear_model import RidgeCV
    >>> from sklearn.pipeline import make_pipeline, make_union
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skastro.preprocessing import SignedLog
    >>> from skastro.statistics import Moments
    >>> baseline = make_pipeline(
    ...     SignedLog(),
    ...     make_union(PowerSpectrum(log=True, cross=True), Moments()),
    ...     StandardScaler(),
    ...     RidgeCV(np.logspace(-3, 3, 7)),
    ... )
    >>> amplitude = np.random.default_rng(1).uniform(1, 2, size=100)
    >>> _ = baseline.fit(amplitude[:80, None, None] * maps[:80], amplitude[:80])
    >>> bool(baseline.score(amplitude[80:, None, None] * maps[80:], amplitude[80:]) > 0.95)
    True
    """

    _parameter_constraints = {
        "n_bins": [Interval(Integral, 1, None, closed="left")],
        "box_size": [Interval(Real, 0, None, closed="neither"), "array-like", None],
        "binning": [StrOptions({"log", "linear"})],
        "k_range": ["array-like"],
        "cross": ["boolean"],
        "log": ["boolean"],
        "floor": [Interval(Real, 0, None, closed="neither"), None],
        "normalize": ["boolean"],
        "window": [StrOptions(set(WINDOWS)), None],
        "shot_noise": [
            Interval(Real, 0, None, closed="left"),
            "array-like",
            StrOptions({"poisson"}),
        ],
        "dim": DIM,
    }

    def __init__(
        self,
        n_bins: int = 16,
        *,
        box_size: ArrayLike | None = None,
        binning: Literal["log", "linear"] = "log",
        k_range: Sequence[float | None] | ArrayLike = (None, None),
        cross: bool = False,
        log: bool = False,
        floor: float | None = None,
        normalize: bool = False,
        window: Literal["ngp", "cic", "tsc"] | None = None,
        shot_noise: ArrayLike | Literal["poisson"] = 0.0,
        dim: Literal[1, 2, 3] | None = None,
    ) -> None:
        self.n_bins = n_bins
        self.box_size = box_size
        self.binning = binning
        self.k_range = k_range
        self.cross = cross
        self.log = log
        self.floor = floor
        self.normalize = normalize
        self.window = window
        self.shot_noise = shot_noise
        self.dim = dim

    def _prepare(self, layout):
        check_cells("PowerSpectrum", layout.spatial)
        self._spatial = layout.spatial
        self.lengths_ = box_lengths("PowerSpectrum", self.box_size, layout.spatial)
        self._noise = self._checked_noise(layout.n_channels)
        channels = range(layout.n_channels)
        self.pairs_ = [(i, i) for i in channels]
        if self.cross:
            self.pairs_ += combinations(channels, 2)
        k_range = range_without_unit("PowerSpectrum", self.k_range, self.box_size)
        edges = bin_edges(
            "PowerSpectrum", self.n_bins, self.binning, k_range, self._spatial, self.lengths_
        )
        modes = bin_modes(self._spatial, self.lengths_, edges, self.window)
        if modes is None:
            raise no_modes("PowerSpectrum", self.k_range, self._spatial, self.lengths_)
        self.k_, self.k_edges_, self.n_modes_ = modes.k, modes.edges, modes.n_modes
        self._modes = self.window, modes

    def _checked_noise(self, n_channels):
        if isinstance(self.shot_noise, str):
            return np.zeros(n_channels)
        noise = floats(self.shot_noise)
        if noise.shape not in ((), (n_channels,)) or not (np.isfinite(noise) & (noise >= 0)).all():
            raise ValueError(
                f"The 'shot_noise' parameter of PowerSpectrum must be 'poisson', one number, zero "
                f"or greater, or {n_channels} of them, one for each channel. Got "
                f"{self.shot_noise!r} instead."
            )
        return np.broadcast_to(noise, n_channels).copy()

    def _sorted_modes(self):
        """Those of fit; others after unpickling, or where the window is another."""
        window, modes = vars(self).get("_modes", (None, None))
        if modes is None or window != self.window:
            modes = bin_modes(self._spatial, self.lengths_, self.k_edges_, self.window)
            self._modes = self.window, modes
        return modes

    def __getstate__(self):
        state = super().__getstate__()
        return {name: value for name, value in state.items() if name != "_modes"}

    def _extractor(self):
        modes = self._sorted_modes()

        def extract(batch):
            delta, mean = fluctuations("PowerSpectrum", batch, self.normalize)
            xp = namespace(delta)
            transform = _transform(delta, modes.order)
            real, imaginary, factors = transform.real, transform.imag, like(modes.factors, delta)
            noise = self._noise_of(batch, mean, modes)
            spectra = []
            for i, j in self.pairs_:
                power = (real[:, i] * real[:, j] + imaginary[:, i] * imaginary[:, j]) * factors
                binned = xp.stack([power[:, start:stop].sum(-1) for start, stop in modes.bounds], 1)
                spectra.append(binned - noise[i] if i == j else binned)
            if self.log:
                spectra = self._logarithms(spectra, xp)
            return xp.concatenate(spectra, 1)

        return extract

    def _noise_of(self, counts, mean, modes):
        """What to subtract from the spectra of each channel."""
        if not isinstance(self.shot_noise, str):
            return self._noise
        negative = as_numpy((counts < 0).reshape(*counts.shape[:2], -1).any(-1))
        if negative.any():
            raise ValueError(
                f"PowerSpectrum(shot_noise='poisson') takes counts, zero or greater; channel "
                f"{int(np.argwhere(negative)[0][1])} of a map has a value below zero. Give the "
                f"level of the noise as a number."
            )
        one = like(white_noise(self._spatial, modes, self.window), mean)
        levels = 1 / mean if self.normalize else mean
        return [levels[:, i, None] * one for i in range(levels.shape[1])]

    def _logarithms(self, spectra, xp):
        positive = {}
        for (i, j), power in zip(self.pairs_, spectra, strict=True):
            if i == j:
                positive[i] = power > (0 if self.floor is None else self.floor)
                if self.floor is None and not bool(positive[i].all()):
                    number = int(np.argwhere(~as_numpy(positive[i]).astype(bool))[0][1])
                    raise ValueError(
                        f"PowerSpectrum(log=True) found a power that is not above zero, in "
                        f"channel {i} at k = {self.k_[number]:.3g}. Give 'floor', drop the "
                        f"empty maps, or set log=False."
                    )
        found = []
        for (i, j), power in zip(self.pairs_, spectra, strict=True):
            if i == j:
                floor = 0 if self.floor is None else self.floor
                found.append(xp.log10(xp.where(positive[i], power, xp.full_like(power, floor))))
            else:
                both = positive[i] & positive[j]
                product = xp.where(both, spectra[i] * spectra[j], xp.ones_like(power))
                found.append(xp.where(both, power / xp.sqrt(product), xp.zeros_like(power)))
        return found

    def _names(self):
        labels = labels_of(self.k_)
        names = []
        for i, j in self.pairs_:
            kind = "P" if not self.log else "log10 P" if i == j else "r"
            names += [f"{kind}({i},{j}) k={label}" for label in labels]
        return names


def _transform(batch, order):
    """Fourier transform of each channel, at the modes of `order` and stored in that order."""
    axes = tuple(range(2, batch.ndim))
    if is_torch(batch):
        xp = namespace(batch)
        flat = xp.fft.rfftn(batch, dim=axes).reshape(*batch.shape[:2], -1)
        return flat.index_select(-1, xp.as_tensor(order, device=batch.device))
    # Fancy indexing would put samples last in memory, and sums depend on the order.
    return fft.rfftn(batch, axes=axes).reshape(*batch.shape[:2], -1).take(order, axis=-1)
