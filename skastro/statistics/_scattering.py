"""Wavelet scattering coefficients of maps."""

from itertools import product
from numbers import Integral
from typing import Literal

import numpy as np
from scipy import fft

from ..exceptions import MapShapeError
from ..utils import as_numpy, is_torch, namespace
from ..utils._params import DIM, Interval
from ._base import MapStatistic
from ._scattering_filters import make_wavelets

# Cells of the maps that go through the wavelets together.
_CELLS_AT_ONCE = 2**18


class WaveletScattering(MapStatistic):
    r"""Mean wavelet scattering coefficients of each channel of each map.

    A map is convolved with a wavelet of scale :math:`2^{j_1}` cells, of which the modulus is
    taken and averaged over the map; the modulus field is convolved with a wavelet of scale
    :math:`2^{j_2} > 2^{j_1}`, and its modulus averaged again [1]_ [2]_,

    .. math:: s_1(j_1, l_1) = \langle |x * \psi_{j_1 l_1}| \rangle, \quad
              s_2(j_1, l_1, j_2, l_2) =
              \langle ||x * \psi_{j_1 l_1}| * \psi_{j_2 l_2}| \rangle .

    The first order is much like a power spectrum of broad bins, less led by the brightest cells;
    the second tells how structures cluster, and sees what is not Gaussian. There are few of them,
    and they are robust, so that they suit a linear model where simulations are few.

    Wavelets are, in 1D and 2D, the Morlet wavelets of kymatio [3]_, which is needed for them:
    ``pip install 'skastro[scatter]'``. In 3D they are solid harmonic wavelets [4]_, whose moduli
    are :math:`(\sum_m |x * \psi_{jlm}|^2)^{1/2}` and do not change if a map is turned.

    Parameters
    ----------
    n_scales : int, default=None
        Number of octaves J, with j = 0, 1, ..., J - 1. The largest wavelet has a period of about
        :math:`2^J` cells, and must fit: :math:`2^J` is no more than the cells along the shortest
        axis. None takes one octave less than that.
    n_angles : int, default=4
        In 2D, number of directions L of the wavelets in half a turn: l stands for the angle
        :math:`\pi l / L` to the first axis. In 3D, number of degrees l = 1, ..., L of the spherical
        harmonics. In 1D it has no effect.
    max_order : {1, 2}, default=2
        Whether the second order is computed.
    isotropic : bool, default=True
        Whether coefficients of maps in 2D are averaged over the direction of the first wavelet, as
        fits maps that have no preferred direction: :math:`s_1(j_1)` and
        :math:`s_2(j_1, j_2, l_2 - l_1)` are left. In 3D wavelets have none, and both orders are of
        the same degree.
    log : bool, default=False
        Whether to return log10 of the coefficients, which suits a linear model.
    periodic : bool, default=True
        Whether the last cell along an axis is beside the first. Else the map is mirrored at its
        edges.
    dim : {1, 2, 3}, default=None
        Number of spatial axes. By default it follows from the shape.

    Attributes
    ----------
    n_scales_ : int
        Number of octaves.
    n_channels_ : int
        Number of channels in fit.
    sample_shape_ : tuple of int
        Shape of a sample in fit.
    n_features_in_ : int
        Length of the first axis of a sample.

    See Also
    --------
    PowerSpectrum : The two-point function.
    MinkowskiFunctionals : Areas, surfaces and topology.

    Notes
    -----
    Coefficients are proportional to the map, and a constant added to it does not change them.
    Cells are taken for squares and cubes. No size is padded: the box is exactly periodic, unlike in
    the transforms of kymatio. In maps of 128 (2D) or 64 (3D) cells and more along each axis, a
    wavelet of j > 1 is evaluated on cells up to :math:`2^{j-1}` times larger, where the shape is a
    multiple of that, and the coefficient is the mean over these: shifting such a map by fewer
    cells changes it by a fraction of up to 2e-3.

    Tensors are transformed by torch on their device. Wavelets are kept in memory after fit, in 3D
    L (L + 3) / 2 numbers of 8 bytes for each cell and each scale that is not on larger cells, but
    not in a pickle; where they are missing, `transform` makes them again.

    References
    ----------
    .. [1] S. Mallat, "Group invariant scattering", Comm. Pure Appl. Math. 65, 1331 (2012),
       arXiv:1101.2286.
    .. [2] S. Cheng, Y.-S. Ting, B. Menard, J. Bruna, "A new approach to observational cosmology
       using the scattering transform", MNRAS 499, 5902 (2020), arXiv:2006.08561.
    .. [3] M. Andreux et al., "Kymatio: scattering transforms in Python", JMLR 21, 60 (2020),
       arXiv:1812.11214.
    .. [4] M. Eickenberg, G. Exarchakis, M. Hirn, S. Mallat, L. Thiry, "Solid harmonic wavelet
       scattering for predictions of molecule properties", J. Chem. Phys. 148, 241732 (2018),
       arXiv:1805.00571.

    Examples
    --------
    >>> import numpy as np
    >>> from skastro.statistics import WaveletScattering
    >>> maps = np.random.default_rng(0).normal(size=(3, 8, 16, 16))
    >>> scattering = WaveletScattering(n_scales=2, n_angles=2, dim=3).fit(maps)
    >>> scattering.transform(maps).shape
    (3, 6)
    >>> scattering.get_feature_names_out()
    array(['s1(0) j=0 l=1', 's1(0) j=0 l=2', 's1(0) j=1 l=1', 's1(0) j=1 l=2',
           's2(0) j=0,1 l=1', 's2(0) j=0,1 l=2'], dtype=object)
    """

    _parameter_constraints = {
        "n_scales": [Interval(Integral, 1, None, closed="left"), None],
        "n_angles": [Interval(Integral, 1, None, closed="left")],
        "max_order": [Interval(Integral, 1, 2, closed="both")],
        "isotropic": ["boolean"],
        "log": ["boolean"],
        "periodic": ["boolean"],
        "dim": DIM,
    }

    def __init__(
        self,
        n_scales: int | None = None,
        *,
        n_angles: int = 4,
        max_order: Literal[1, 2] = 2,
        isotropic: bool = True,
        log: bool = False,
        periodic: bool = True,
        dim: Literal[1, 2, 3] | None = None,
    ) -> None:
        self.n_scales = n_scales
        self.n_angles = n_angles
        self.max_order = max_order
        self.isotropic = isotropic
        self.log = log
        self.periodic = periodic
        self.dim = dim

    def _prepare(self, layout):
        most = int(np.log2(min(layout.spatial)))
        if most < 1:
            raise MapShapeError(
                f"WaveletScattering takes maps with two cells or more along each axis; got maps of "
                f"shape {layout.spatial}, that is n_features = 1."
            )
        self.n_scales_ = max(1, most - 1) if self.n_scales is None else self.n_scales
        if self.n_scales_ > most:
            raise ValueError(
                f"The 'n_scales' parameter of WaveletScattering must be no more than {most} for "
                f"maps of shape {layout.spatial}: the largest wavelet, of 2**n_scales cells, must "
                f"fit. Got {self.n_scales!r} instead."
            )
        self.n_channels_ = layout.n_channels
        self._spatial = layout.spatial
        self._wavelets()

    def _wavelets(self):
        """Those of fit; others after unpickling, or where parameters changed."""
        sizes = self._spatial if self.periodic else tuple(2 * n for n in self._spatial)
        key = sizes, self.n_scales_, self.n_angles
        known, wavelets = vars(self).get("_bank", (None, None))
        if known != key:
            wavelets = make_wavelets(*key)
            self._bank = key, wavelets
        return wavelets

    def __getstate__(self):
        state = super().__getstate__()
        return {name: value for name, value in state.items() if name != "_bank"}

    def _extractor(self):
        wavelets, spatial = self._wavelets(), self._spatial
        at_once = max(1, _CELLS_AT_ONCE // int(np.prod(spatial)))

        def extract(batch):
            xp = namespace(batch)
            maps = batch.reshape(-1, *spatial)
            parts = [
                self._coefficients(maps[start : start + at_once], wavelets)
                for start in range(0, len(maps), at_once)
            ]
            found = xp.concatenate(parts)
            if self.log:
                found = _logarithm(found, self.n_channels_)
            return found.reshape(len(batch), -1)

        return extract

    def _coefficients(self, maps, wavelets):
        """Coefficients, of shape (n, n_coefficients), of maps of one channel."""
        xp, axes = namespace(maps), tuple(range(1, maps.ndim))
        wavelets = [[_on_device(psi, maps) for psi in scale] for scale in wavelets]
        maps = maps - maps.reshape(len(maps), -1).mean(-1).reshape(-1, *(1,) * len(axes))
        if not self.periodic:
            for axis in axes:
                maps = xp.concatenate([maps, xp.flip(maps, (axis,))], axis)
        transform = _fft(maps, axes, "fftn")
        means = {}
        for j1, scale in enumerate(wavelets):
            for l1, psi in enumerate(scale):
                modulus = _modulus(transform, psi)
                means[j1, l1] = self._mean(modulus)
                if self.max_order == 2 and j1 + 1 < len(wavelets):
                    again = _fft(modulus, axes, "fftn")
                    for j2, l2 in self._second(j1, l1):
                        deeper = _modulus(again, wavelets[j2][l2])
                        means[j1, l1, j2, l2] = self._mean(deeper)
        groups = self._groups().values()
        return xp.stack([sum(means[path] for path in paths) / len(paths) for paths in groups], 1)

    def _second(self, j1, l1):
        """Scale and direction of the second wavelets."""
        angles = range(self.n_angles) if len(self._spatial) == 2 else [l1]
        return list(product(range(j1 + 1, self.n_scales_), angles))

    def _mean(self, field):
        """Mean over a map, without its mirror images."""
        if not self.periodic:
            sizes = [-(-n // 2) for n in field.shape[1:]]
            field = field[(slice(None), *(slice(n) for n in sizes))]
        return field.reshape(len(field), -1).mean(-1)

    def _groups(self):
        """Name of each coefficient, without channel, and the paths whose mean it is."""
        dim, n_angles = len(self._spatial), self.n_angles
        first = list(product(range(self.n_scales_), range(n_angles if dim > 1 else 1)))
        paths = [("s1", path) for path in first]
        if self.max_order == 2:
            second = [(*path, *more) for path in first for more in self._second(*path)]
            second.sort(key=lambda path: (path[::2], path[1::2]))
            paths += [("s2", path) for path in second]
        groups = {}
        for kind, path in paths:
            scales, angles = ",".join(map(str, path[::2])), path[1::2]
            if dim == 1:
                label = ""
            elif dim == 3:
                label = f" l={angles[0] + 1}"
            elif not self.isotropic:
                label = f" l={','.join(map(str, angles))}"
            else:
                label = f" dl={(angles[1] - angles[0]) % n_angles}" if len(angles) == 2 else ""
            groups.setdefault((kind, f"j={scales}{label}"), []).append(path)
        return groups

    def _names(self):
        return [
            f"{kind}({channel}) {label}"
            for channel in range(self.n_channels_)
            for kind, label in self._groups()
        ]


def _modulus(transform, psi):
    """Modulus of a field convolved with a wavelet, on the grid of the wavelet."""
    axes, total = tuple(range(1, transform.ndim)), 0
    cropped = _crop(transform, tuple(psi.shape[1:]))
    for part in psi:
        field = _fft(cropped * part, axes, "ifftn")
        total = total + field.real**2 + field.imag**2
    return namespace(total).sqrt(total)


def _crop(transform, sizes):
    """Transform of a field on larger cells: without the modes that these do not hold."""
    xp = namespace(transform)
    for axis, size in enumerate(sizes, start=1):
        n = transform.shape[axis]
        if size < n:
            modes = (slice(None),) * axis
            low, high = transform[(*modes, slice((size + 1) // 2))], []
            if size % 2 == 0:
                # The Nyquist mode would be that of one sign alone.
                high = [xp.zeros_like(transform[(*modes, slice(1))])]
            tail = transform[(*modes, slice(n - (size - 1) // 2, None))]
            transform = xp.concatenate([low, *high, tail], axis) * (size / n)
    return transform


def _fft(values, axes, name):
    if is_torch(values):
        return getattr(namespace(values).fft, name)(values, dim=axes)
    return getattr(fft, name)(values, axes=axes)


def _on_device(psi, maps):
    """A wavelet as an array of the kind of the maps, which are float64."""
    if not is_torch(maps):
        return psi
    xp = namespace(maps)
    return xp.as_tensor(psi, device=maps.device)


def _logarithm(found, n_channels):
    """Logarithms of the coefficients of each channel of each map in turn."""
    if not bool((found > 0).all()):
        number = int(np.argwhere(as_numpy(found) <= 0)[0][0])
        raise ValueError(
            f"WaveletScattering(log=True) found a coefficient that is not above zero, in channel "
            f"{number % n_channels} of a map, as a constant map has. Drop the empty maps, or set "
            f"log=False."
        )
    return namespace(found).log10(found)
