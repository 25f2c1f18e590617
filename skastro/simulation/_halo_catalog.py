"""Dark matter haloes of a light cone."""

from collections.abc import Sequence
from dataclasses import asdict
from functools import cached_property
from numbers import Integral, Real
from typing import Self

import numpy as np

from ..datasets._checks import check_path, check_switch, message
from ..exceptions import DatasetFormatError
from ..utils._typing import ArrayLike, Floats, PathLike
from ._halo_checks import OWNER, check_array, check_group, check_pair
from ._halo_cosmology import CosmologyLike, HaloCosmology, check_cosmology
from ._halo_files import ARRAYS, CENTER, COSMOLOGY, read_halo_file, write_halo_file
from ._vector_math import evaluate

_DERIVED = ("chi", "ra", "dec")


class HaloCatalog:
    """Dark matter haloes of a light cone, as an observer at the origin sees them.

    A catalogue does not change: its arrays are read-only, also after pickling and copying, and each
    method that alters haloes returns a new catalogue. Every one of them keeps `group`, so that maps
    of one simulation can be kept on one side of a split.

    Parameters
    ----------
    M : array-like of shape (n_haloes,)
        Masses, in Msun, above 0.
    position : array-like of shape (n_haloes, 3)
        Comoving positions x, y and z, in Mpc. The observer is at the origin and looks along z.
    velocity : array-like of shape (n_haloes, 3)
        Peculiar velocities along x, y and z, in km/s.
    zhalo : array-like of shape (n_haloes,)
        Observed redshifts, with the peculiar velocity along the line of sight, above -1.
    zcos : array-like of shape (n_haloes,)
        Redshifts of the expansion alone, above -1. In peak-patch files, the redshift of
        formation ``zform``.
    cosmology : HaloCosmology, mapping or None, default=None
        The cosmology, or its parameters by name.
    center : sequence of two float, default=(0.0, 0.0)
        Right ascension and declination of the centre of the field, in degrees, where z has both 0.
    group : int, str or None, default=None
        Which simulation the haloes are from.

    Attributes
    ----------
    M, zhalo, zcos : ndarray of shape (n_haloes,)
        Masses in Msun, observed redshifts, and redshifts of the expansion.
    position, velocity : ndarray of shape (n_haloes, 3)
        Comoving positions in Mpc, and peculiar velocities in km/s.
    cosmology : HaloCosmology
        The cosmology.
    center : tuple of two float
        Centre of the field, in degrees.
    group : int, str or None
        Which simulation the haloes are from.

    Raises
    ------
    ValueError
        If shapes differ, or values are not finite or not allowed.
    TypeError
        If a parameter has the wrong type.

    See Also
    --------
    make_halo_lightcone : Make a mock catalogue.

    Notes
    -----
    Arrays of float32 and float64 stay what they are, those of other numbers become float64.
    float32 arrays give right ascensions, declinations and distances of float32. Arrays given are
    copied where their type or layout differs, else shared: do not write to them afterwards.

    Examples
    --------
    >>> from skastro.simulation import HaloCatalog
    >>> catalog = HaloCatalog(
    ...     M=[1e11, 1e12],
    ...     position=[[-60.0, 0.0, 6000.0], [-30.0, 30.0, 6000.0]],
    ...     velocity=[[0.0, 0.0, 300.0], [100.0, 0.0, 0.0]],
    ...     zhalo=[2.504, 2.5],
    ...     zcos=[2.5, 2.5],
    ...     group=3,
    ... )
    >>> catalog
    HaloCatalog(2 haloes, M 1e+11 to 1e+12 Msun, zhalo 2.5 to 2.504, center (0, 0) deg, group 3)
    >>> catalog.ra.round(3)
    array([0.573, 0.286])
    >>> catalog.rotate().dec.round(3)
    array([0.573, 0.286])
    """

    def __init__(
        self,
        M: ArrayLike,
        position: ArrayLike,
        velocity: ArrayLike,
        zhalo: ArrayLike,
        zcos: ArrayLike,
        cosmology: CosmologyLike | None = None,
        center: Sequence[float] = (0.0, 0.0),
        group: int | str | None = None,
    ) -> None:
        n_haloes = np.size(M)
        self._set(
            check_array("M", M, (n_haloes,), above=0),
            check_array("position", position, (n_haloes, 3)),
            check_array("velocity", velocity, (n_haloes, 3)),
            check_array("zhalo", zhalo, (n_haloes,), above=-1),
            check_array("zcos", zcos, (n_haloes,), above=-1),
            check_cosmology(OWNER, cosmology),
            check_pair("center", center),
            check_group(group),
        )
        if not np.all(self.chi > 0):
            allowed = "away from the observer at the origin"
            raise ValueError(message(OWNER, "position", allowed, [0.0, 0.0, 0.0]))

    def _set(self, M, position, velocity, zhalo, zcos, cosmology, center, group):
        self.M, self.zhalo, self.zcos = _frozen(M), _frozen(zhalo), _frozen(zcos)
        self.position, self.velocity = _frozen(position), _frozen(velocity)
        self.cosmology = cosmology
        self.center = center
        self.group = group

    def _with(self, rows=slice(None), **others):
        """A catalogue of some rows that are known to exist, with other attributes replaced."""
        values = {name: getattr(self, name)[rows] for name in ("M", "zhalo", "zcos")}
        values |= {name: _take(getattr(self, name), rows) for name in ("position", "velocity")}
        values |= {name: getattr(self, name) for name in ("cosmology", "center", "group")}
        catalog = object.__new__(type(self))
        catalog._set(**(values | others))
        return catalog

    def __getstate__(self):
        return {name: value for name, value in vars(self).items() if name not in _DERIVED}

    def __setstate__(self, state):
        self._set(**state)

    @cached_property
    def chi(self) -> np.ndarray:
        """Comoving distances, in Mpc, ndarray of shape (n_haloes,)."""
        x, y, z = self.position.T
        squares = x**2
        squares += y**2
        squares += z**2
        return _frozen(np.sqrt(squares, out=squares))

    @cached_property
    def ra(self) -> np.ndarray:
        """Right ascensions from the centre of the field, in degrees, of shape (n_haloes,)."""
        x, _, z = self.position.T
        return _degrees(evaluate("atan2", -x, z), self.center[0])

    @cached_property
    def dec(self) -> np.ndarray:
        """Declinations from the centre of the field, in degrees, ndarray of shape (n_haloes,)."""
        return _degrees(evaluate("asin", self.position[:, 1] / self.chi), self.center[1])

    def __len__(self):
        return len(self.M)

    def __repr__(self):
        parts = [f"{len(self)} haloes"]
        if len(self):
            parts.append(f"M {self.M.min():.3g} to {self.M.max():.3g} Msun")
            parts.append(f"zhalo {self.zhalo.min():.4g} to {self.zhalo.max():.4g}")
        parts.append(f"center ({self.center[0]:g}, {self.center[1]:g}) deg")
        return f"{OWNER}({', '.join([*parts, f'group {self.group!r}'])})"

    def select(self, rows: ArrayLike | slice) -> Self:
        """Keep some haloes.

        Parameters
        ----------
        rows : array-like
            A bool for each halo, or numbers of haloes, in the order wanted.

        Returns
        -------
        HaloCatalog
            These haloes.

        Raises
        ------
        TypeError
            If `rows` is made of neither bools nor integers.
        ValueError
            If there is not one bool for each halo.
        IndexError
            If there are not that many haloes.
        """
        wanted = np.asarray(rows)
        if wanted.size == 0 and wanted.dtype.kind == "f":
            wanted = wanted.astype(np.intp)
        if wanted.ndim != 1 or wanted.dtype.kind not in "biu":
            allowed = "a sequence of bools or of integers"
            raise TypeError(message(f"{OWNER}.select", "rows", allowed, rows))
        if wanted.dtype.kind == "b" and wanted.size != len(self):
            allowed = f"one bool for each of {len(self)} haloes"
            raise ValueError(message(f"{OWNER}.select", "rows", allowed, wanted.shape))
        return self._with(np.flatnonzero(wanted) if wanted.dtype.kind == "b" else wanted)

    def subfield(
        self,
        fov: Floats,
        center: Sequence[float] = (0.0, 0.0),
        redshift: Sequence[float] | None = None,
    ) -> Self:
        """Keep the haloes of a smaller field, and have its centre as the new centre.

        Positions stay what they are, and so do distances and lines of sight.

        Parameters
        ----------
        fov : float or sequence of two float
            Sides of the field along right ascension and declination, in degrees. Its edges
            belong to it.
        center : sequence of two float, default=(0.0, 0.0)
            Its centre from that of this catalogue, in degrees.
        redshift : sequence of two float, default=None
            Lowest and highest observed redshift to keep; None keeps all.

        Returns
        -------
        HaloCatalog
            The haloes of the field.

        Raises
        ------
        ValueError
            If `fov` is not above 0, or redshifts do not rise.
        TypeError
            If a parameter is not made of numbers.
        """
        owner = f"{OWNER}.subfield"
        sides = check_pair("fov", (fov, fov) if isinstance(fov, Real) else fov, owner)
        if min(sides) <= 0:
            raise ValueError(message(owner, "fov", "above 0", fov))
        shift = check_pair("center", center, owner)
        moved = self._with(center=(self.center[0] + shift[0], self.center[1] + shift[1]))
        inside = (np.abs(moved.ra) <= sides[0] / 2) & (np.abs(moved.dec) <= sides[1] / 2)
        if redshift is not None:
            low, high = check_pair("redshift", redshift, owner)
            if low >= high:
                raise ValueError(message(owner, "redshift", "a lower and a higher one", redshift))
            inside &= (self.zhalo >= low) & (self.zhalo <= high)
        return moved._with(np.flatnonzero(inside))

    def rotate(self, k: int = 1, mirror: bool = False) -> Self:
        """Turn positions and velocities about the z axis by quarter turns.

        A turn takes right ascension to declination and declination to minus right ascension, as
        :func:`numpy.rot90` does with a map of these axes. Masses, distances and redshifts
        stay, bit for bit, and four turns change nothing.

        Parameters
        ----------
        k : int, default=1
            Number of quarter turns.
        mirror : bool, default=False
            Whether to reverse right ascension before turning.

        Returns
        -------
        HaloCatalog
            The haloes turned.

        Raises
        ------
        TypeError
            If `k` is no integer or `mirror` no bool.

        Notes
        -----
        The z axis is turned about also where the centre of the field is elsewhere, and the centre
        is then turned with the haloes. The turned right ascensions and declinations differ from
        those of a flat sky by terms of third order in the angles from the z axis: at most 0.2
        arcsec in a field of 1.4 degrees about it, 5 arcsec in one of 4 degrees, and 2 arcmin
        in a field whose centre has a right ascension and a declination of 5 degrees.
        """
        owner = f"{OWNER}.rotate"
        if isinstance(k, bool) or not isinstance(k, Integral):
            raise TypeError(message(owner, "k", "an integer", k))
        check_switch(owner, "mirror", mirror)
        first = -1 if mirror else 1
        ra, dec = first * self.center[0], self.center[1]
        for _ in range(k % 4):
            ra, dec = -dec, ra
        return self._with(
            position=_turn(self.position, first, k % 4),
            velocity=_turn(self.velocity, first, k % 4),
            center=(ra + 0.0, dec + 0.0),
        )

    @classmethod
    def read(cls, path: PathLike, group: int | str | None = None) -> Self:
        """Read a catalogue of the layout of peak-patch files [1]_.

        That is an .npz file of the arrays M, x, y, z, vx, vy, vz, zhalo and zform, and of a dict
        ``cosmo_header`` with Omega_M, Omega_B, Omega_L, h, ns, sigma8 and, for a field whose
        centre is not the z axis, cen_x_fov and cen_y_fov. The dict is pickled, and nothing but
        numbers is taken from it: no code that a file may hold is run.

        Parameters
        ----------
        path : str or path
            The file.
        group : int, str or None, default=None
            Which simulation the haloes are from. None takes what :meth:`write` noted in the
            file, or the name of the file without its ending: files of one name in several folders
            then count as one simulation, so give each a group if they are not.

        Returns
        -------
        HaloCatalog
            The haloes, in the order and the precision of the file.

        Raises
        ------
        DatasetNotFoundError
            If there is no such file.
        DatasetFormatError
            If it is no such catalogue, or damaged.
        TypeError
            If a parameter has the wrong type.

        References
        ----------
        .. [1] G. Stein, M. A. Alvarez and J. R. Bond, "The mass-Peak Patch algorithm for fast
           generation of deep all-sky dark matter halo catalogues and its N-body validation",
           MNRAS 483, 2236 (2019).
        """
        path = check_path(f"{cls.__name__}.read", "path", path)
        check_group(group)
        arrays, header, noted = read_halo_file(path)
        origin = path.stem if noted is None else noted
        try:
            return cls(
                arrays["M"],
                np.array([arrays[name] for name in "xyz"]).T,
                np.array([arrays[f"v{name}"] for name in "xyz"]).T,
                arrays["zhalo"],
                arrays["zform"],
                HaloCosmology(**{ours: header[name] for name, ours in COSMOLOGY.items()}),
                [header[name] for name in CENTER],
                origin if group is None else group,
            )
        except ValueError as error:
            raise DatasetFormatError(f"HaloCatalog.read cannot use '{path}'. {error}") from error

    def write(self, path: PathLike) -> None:
        """Write the catalogue in the layout of peak-patch files; see :meth:`read`.

        The file appears whole under its name, or not at all. `group` is noted in it as one more
        entry, which other programs pass over.

        Parameters
        ----------
        path : str or path
            The file to write, in a folder that exists.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        path = check_path(f"{OWNER}.write", "path", path)
        columns = (self.M, *self.position.T, *self.velocity.T, self.zhalo, self.zcos)
        cosmology = asdict(self.cosmology)
        header = {name: cosmology[ours] for name, ours in COSMOLOGY.items()}
        header |= dict(zip(CENTER, self.center, strict=True))
        write_halo_file(path, dict(zip(ARRAYS, columns, strict=True)), header, self.group)


def _frozen(array):
    view = array.view()
    view.flags.writeable = False
    return view


def _take(vectors, rows):
    """Rows of an array of shape (n, 3) whose columns stay contiguous."""
    return vectors if isinstance(rows, slice) else np.take(vectors.T, rows, axis=1).T


def _degrees(angles, center):
    """Angles in radians as degrees from a centre, in place."""
    angles *= 180.0
    angles /= np.pi
    angles -= center
    return _frozen(angles)


def _turn(vectors, first, k):
    """Vectors with x multiplied by `first`, and turned k times from x to -y."""
    x, y, z = vectors.T
    x = first * x
    for _ in range(k):
        x, y = y, -x
    return np.array([x, y, z]).T
