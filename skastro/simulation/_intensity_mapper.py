"""Cubes of line intensity from haloes."""

from collections.abc import Sequence
from numbers import Integral
from typing import Literal

import numpy as np
from astropy import constants, units
from astropy.cosmology import FLRW, LambdaCDM
from numpy.typing import DTypeLike

from ..datasets._checks import check_choice, message
from ..utils._typing import ArrayLike, Floats, QuantityLike
from ._bins import Bins
from ._halo_catalog import HaloCatalog
from ._halo_cosmology import CosmologyLike, check_cosmology
from ._luminosity_base import Luminosities, LuminosityModel, check_line
from ._luminosity_scatter import Seed
from ._spectral_lines import in_unit, rest_frequency

_OWNER = "IntensityMapper"
_BLOCK = 16384
_FLUX = units.L_sun / units.Mpc**2 / units.GHz
_JANSKY = (1 * _FLUX).to_value(units.Jy)
_MICROKELVIN = (constants.c**2 / (2 * constants.k_B) * _FLUX / units.GHz**2).to_value(units.uK)


class IntensityMapper:
    r"""Sum the luminosities of haloes to a cube of line intensity.

    A halo of luminosity L at the comoving distance chi and the redshift z adds

    .. math::

        I = \frac{L}{4 \pi \chi^2 (1 + z)^2 \Delta\nu\, \Omega}, \qquad
        T = \frac{c^2 I}{2 k \nu^2}

    to the voxel it is seen in, where :math:`\Delta\nu` is the width of the channel, :math:`\Omega`
    the solid angle of a pixel and :math:`\nu` the observed frequency of the line. chi is that of
    the halo's position and z its observed redshift, peculiar velocity included.

    Parameters
    ----------
    fov : float, pair of float or Quantity
        Widths of the field in right ascension and declination, in degrees where they are
        numbers; one serves both.
    n_pixels : int or pair of int
        Pixels along right ascension and declination; one serves both.
    frequencies : array-like of shape (n_frequencies + 1,) or Quantity
        Edges of the channels, rising or falling, in GHz where they are numbers. The channels of
        the cube have their order.
    line : str, float or Quantity, default="CO(1-0)"
        Line, by its name or rest frequency, in GHz where it is a number.
    units : {"uK", "Jy/sr"}, default="uK"
        Units of the cube: brightness temperature of the Rayleigh-Jeans limit, or intensity.

    Attributes
    ----------
    fov : tuple of float
        Widths of the field in degrees.
    n_pixels : tuple of int
        Pixels along right ascension and declination.
    frequencies : ndarray of shape (n_frequencies + 1,)
        Edges of the channels in GHz.
    rest_frequency : float
        Rest frequency of the line in GHz.
    units : str
        Units of the cube.

    Raises
    ------
    ValueError
        If a width, a number of pixels or a frequency is not positive, the edges neither rise
        nor fall, the highest lies above the rest frequency, or line or units are not known.
    TypeError
        If a parameter is no number where one is due.

    Notes
    -----
    Voxels hold their lower edges, the last of each axis its upper one too. Constants are those of
    astropy. The temperatures of limlam_mocker [1]_, whose maps these are otherwise, are 0.52 %
    higher, as its rounded 2.63083 stands for 2.6172, and its intensities are lower by 4e-6.

    References
    ----------
    .. [1] G. Stein, D. Chung and others, limlam_mocker,
       https://github.com/georgestein/limlam_mocker.

    Examples
    --------
    >>> import numpy as np
    >>> from skastro.simulation import IntensityMapper
    >>> mapper = IntensityMapper(1.4, (256, 256), np.linspace(34, 26, 101))
    >>> mapper.shape
    (100, 256, 256)
    >>> print("{:.2f} {:.2f}".format(*mapper.redshift_range))
    2.39 3.43
    """

    def __init__(
        self,
        fov: Floats,
        n_pixels: int | Sequence[int],
        frequencies: ArrayLike,
        *,
        line: str | QuantityLike = "CO(1-0)",
        units: Literal["uK", "Jy/sr"] = "uK",
    ) -> None:
        self.fov = _pair_of_degrees(fov)
        self.n_pixels = _pair_of_counts(n_pixels)
        self.rest_frequency = rest_frequency(_OWNER, line)
        self.frequencies = _checked_edges(frequencies, self.rest_frequency)
        check_choice(_OWNER, "units", units, ("uK", "Jy/sr"))
        self.units = units

    def __repr__(self):
        first, last = self.frequencies[[0, -1]]
        return (
            f"IntensityMapper(fov={self.fov}, n_pixels={self.n_pixels}, "
            f"frequencies={self.frequencies.size - 1} channels from {first:g} to {last:g} GHz, "
            f"line={self.rest_frequency:g}, units={self.units!r})"
        )

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of a cube.

        Returns
        -------
        tuple of int
            ``(n_frequencies, n_ra, n_dec)``.
        """
        return (self.frequencies.size - 1, *self.n_pixels)

    @property
    def channel_frequencies(self) -> np.ndarray:
        """Centres of the channels.

        Returns
        -------
        ndarray of shape (n_frequencies,)
            Frequencies in GHz.
        """
        return 0.5 * (self.frequencies[1:] + self.frequencies[:-1])

    @property
    def ra_edges(self) -> np.ndarray:
        """Edges of the pixels in right ascension.

        Returns
        -------
        ndarray of shape (n_ra + 1,)
            Angles from the centre of the field, in degrees.
        """
        return np.linspace(-self.fov[0] / 2, self.fov[0] / 2, self.n_pixels[0] + 1)

    @property
    def dec_edges(self) -> np.ndarray:
        """Edges of the pixels in declination.

        Returns
        -------
        ndarray of shape (n_dec + 1,)
            Angles from the centre of the field, in degrees.
        """
        return np.linspace(-self.fov[1] / 2, self.fov[1] / 2, self.n_pixels[1] + 1)

    @property
    def redshift_range(self) -> tuple[float, float]:
        """Least and greatest redshift of the line in the band.

        Returns
        -------
        tuple of float
            The two redshifts.
        """
        ends = self.rest_frequency / self.frequencies[[0, -1]] - 1
        return float(ends.min()), float(ends.max())

    @property
    def pixel_solid_angle(self) -> float:
        """Solid angle of a pixel.

        Returns
        -------
        float
            Product of its widths, in steradian.
        """
        return float(np.prod(np.deg2rad(self.fov) / self.n_pixels))

    def contains(self, catalog: HaloCatalog) -> np.ndarray:
        """Tell which haloes are in the field and the band, the edges included.

        Parameters
        ----------
        catalog : HaloCatalog
            Haloes, of which ``ra``, ``dec`` and ``zhalo`` are read.

        Returns
        -------
        ndarray of bool of shape (n,)
            False also where one of the three is NaN.
        """
        sky = (np.asarray(values) for values in (catalog.ra, catalog.dec, catalog.zhalo))
        return self._inside(*sky)

    def make_cube(
        self,
        catalog: HaloCatalog,
        luminosity: Luminosities | ArrayLike,
        random_state: Seed | Sequence[Seed] = None,
        *,
        dtype: DTypeLike = np.float64,
    ) -> np.ndarray:
        """Make the cube of a catalogue.

        Parameters
        ----------
        catalog : HaloCatalog
            Haloes, of which ``ra``, ``dec``, ``chi`` and ``zhalo`` are read, and what the model
            reads. Those out of the field or the band are left out.
        luminosity : LuminosityModel, callable or array-like of shape (n,)
            Luminosities in Lsun, or what makes them: a model, or a function of the
            catalogue. A model scatters the whole catalogue, haloes that are left out too.
        random_state : int, RandomState, Generator, None or sequence, default=None
            Seed of the scatter of a model; see `LuminosityModel.luminosity`.
        dtype : {numpy.float64, numpy.float32}, default=numpy.float64
            Precision of the cube and of its sums. A large cube of float32 with few haloes
            takes about half the time, most of which goes into clearing its memory.

        Returns
        -------
        ndarray of shape (n_frequencies, n_ra, n_dec)
            Cube in `units`, of `dtype`.

        Raises
        ------
        ValueError
            If there is not one luminosity for each halo, those in the cube are negative, NaN or
            infinite, the model is of another line than the mapper, or `dtype` is another.
        """
        if np.dtype(dtype) not in (np.float64, np.float32):
            raise ValueError(message(_OWNER, "dtype", "float64 or float32", dtype))
        if isinstance(luminosity, LuminosityModel):
            check_line(_OWNER, luminosity, self.rest_frequency)
            luminosity = luminosity.luminosity(catalog, random_state)
        elif callable(luminosity):
            luminosity = luminosity(catalog)
        L = np.asarray(luminosity, dtype=np.float64)
        if L.shape != (len(catalog.zhalo),):
            allowed = f"one luminosity for each of the {len(catalog.zhalo)} haloes"
            raise ValueError(message(_OWNER, "luminosity", allowed, L.shape))
        sky = tuple(np.asarray(a) for a in (catalog.ra, catalog.dec, catalog.zhalo, catalog.chi))
        inside = self._inside(*sky[:3])
        if not inside.all():
            sky, L = [values[inside] for values in sky], L[inside]
        if not (np.isfinite(L) & (L >= 0)).all():
            raise ValueError(message(_OWNER, "luminosity", "finite numbers of at least 0", L))
        voxel, brightness = np.empty(L.size, dtype=np.int64), np.empty(L.size)
        place = self._placer()
        for first in range(0, L.size, _BLOCK):
            block = slice(first, first + _BLOCK)
            voxel[block], per_luminosity = place(*(values[block] for values in sky))
            brightness[block] = L[block] * per_luminosity
        if np.dtype(dtype) == np.float64:
            return np.bincount(voxel, brightness, np.prod(self.shape)).reshape(self.shape)
        cube = np.zeros(self.shape, np.float32)
        np.add.at(cube.reshape(-1), voxel, brightness.astype(np.float32))
        return cube

    def _inside(self, ra, dec, z):
        nearest, farthest = self.redshift_range
        inside = (np.abs(ra) <= self.fov[0] / 2) & (np.abs(dec) <= self.fov[1] / 2)
        return inside & (z >= nearest) & (z <= farthest)

    def _placer(self):
        """Function of angles, redshifts and distances to voxels and what one Lsun adds to them."""
        rising = self.frequencies[0] < self.frequencies[-1]
        channels = Bins(self.frequencies if rising else self.frequencies[::-1])
        columns, rows = Bins(self.ra_edges), Bins(self.dec_edges)
        n_channels, n_ra, n_dec = self.shape
        constant = _MICROKELVIN if self.units == "uK" else _JANSKY
        constant /= 4 * np.pi * self.pixel_solid_angle * self.rest_frequency**2
        per_width = constant / np.abs(np.diff(self.frequencies))

        def place(ra, dec, z, chi):
            nu = self.rest_frequency / (1 + z.astype(np.float64))
            channel = channels.numbers(nu)
            if not rising:
                np.subtract(n_channels - 1, channel, out=channel)
            per_luminosity = per_width[channel]
            per_luminosity /= np.square(chi, dtype=np.float64)
            if self.units == "Jy/sr":
                per_luminosity *= nu**2
            voxel = (channel * n_ra + columns.numbers(ra)) * n_dec + rows.numbers(dec)
            return voxel, per_luminosity

        return place

    def box_size(self, cosmology: CosmologyLike | FLRW) -> tuple[float, float, float]:
        """Comoving lengths of the cube, for power spectra.

        Parameters
        ----------
        cosmology : HaloCosmology, mapping or astropy cosmology
            The cosmology, such as that of a catalogue.

        Returns
        -------
        tuple of float
            Lengths in Mpc along frequency, right ascension and declination. Those on the
            sky are the angles times the mean distance of the edges of the channels.

        Raises
        ------
        TypeError
            If `cosmology` is something else.
        """
        cosmology, redshifts = _astropy_cosmology(cosmology), self._edge_redshifts()
        depth = np.ptp(cosmology.comoving_distance(redshifts).to_value(units.Mpc))
        across = cosmology.comoving_transverse_distance(redshifts).to_value(units.Mpc).mean()
        return (float(depth), *(np.deg2rad(self.fov) * across).tolist())

    def volume(self, cosmology: CosmologyLike | FLRW) -> float:
        """Comoving volume that the cube sees.

        Parameters
        ----------
        cosmology : HaloCosmology, mapping or astropy cosmology
            The cosmology, such as that of a catalogue.

        Returns
        -------
        float
            Volume between the nearest and the farthest edge in Mpc^3.

        Raises
        ------
        TypeError
            If `cosmology` is something else.
        """
        cosmology, redshifts = _astropy_cosmology(cosmology), self._edge_redshifts()
        spheres = cosmology.comoving_volume(redshifts).to_value(units.Mpc**3)
        solid_angle = np.deg2rad(self.fov[0]) * 2 * np.sin(np.deg2rad(self.fov[1] / 2))
        return float(solid_angle / (4 * np.pi) * np.ptp(spheres))

    def _edge_redshifts(self):
        return self.rest_frequency / self.frequencies - 1


def _astropy_cosmology(cosmology):
    if isinstance(cosmology, FLRW):
        return cosmology
    own = check_cosmology(_OWNER, cosmology)
    return LambdaCDM(H0=100 * own.h, Om0=own.omega_m, Ode0=own.omega_l)


def _pair_of_degrees(fov):
    allowed = "a positive width, or a pair of them, in degrees below 180, or a Quantity of angles"
    widths = in_unit(_OWNER, "fov", fov, units.deg, allowed)
    if widths.shape not in ((), (2,)) or not ((widths > 0) & (widths < 180)).all():
        raise ValueError(message(_OWNER, "fov", allowed, fov))
    return tuple(map(float, np.broadcast_to(widths, 2)))


def _pair_of_counts(n_pixels):
    counts = n_pixels if np.iterable(n_pixels) else (n_pixels, n_pixels)
    counts = tuple(counts)
    whole = all(isinstance(n, Integral) and not isinstance(n, bool) and n > 0 for n in counts)
    if len(counts) != 2 or not whole:
        allowed = "a positive integer, or a pair of them"
        raise ValueError(message(_OWNER, "n_pixels", allowed, n_pixels))
    return tuple(map(int, counts))


def _checked_edges(frequencies, highest):
    allowed = (
        "at least two rising or falling edges of channels, in GHz or a Quantity, positive and "
        f"not above the rest frequency of {highest:g} GHz"
    )
    edges = in_unit(_OWNER, "frequencies", frequencies, units.GHz, allowed)
    if edges.ndim != 1 or edges.size < 2 or edges.min() <= 0 or edges.max() > highest:
        raise ValueError(message(_OWNER, "frequencies", allowed, frequencies))
    steps = np.diff(edges)
    if not ((steps > 0).all() or (steps < 0).all()):
        raise ValueError(message(_OWNER, "frequencies", allowed, frequencies))
    return edges
