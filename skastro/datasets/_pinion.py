"""Cubes as PINION keeps them, in files of NumPy."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ..maps import MapBunch
from ..utils._typing import Floats, Frame, PathLike, UnitLike
from ._cbin import read_numpy_header
from ._cbin_find import find_files
from ._cbin_samples import (
    check_complete,
    choose_redshifts,
    filenames,
    make_maps,
    pair_by_redshift,
    sides,
    unknown_or,
)
from ._cbin_source import Cube
from ._cbin_units import check_physical, check_whole, mean_density
from ._checks import check_choice, check_fields, check_switch, message

_OWNER = "load_pinion"
_DESCR = Path(__file__).parent / "descr" / "pinion.rst"
_KNOWN = ("xHII_test_z7.500.npz", "rho_test_z7.500.npz", "nsrc_z7.500.npz", "mask_z7.500.npz")
_NAME = re.compile(
    r"(?P<kind>xHII|rho|nsrc|n_src|n_igm|irate|mask)_(?:(?P<tag>.+)_)?z(?P<z>\d+(?:\.\d+)?)\.np[yz]"
)
_FIELDS = ("density", "n_igm", "n_src", "mask", "irate", "xHII")
_KINDS = {
    "density": ("rho",),
    "n_igm": ("n_igm", "rho"),
    "n_src": ("n_src", "nsrc"),
    "mask": ("mask",),
    "irate": ("irate",),
    "xHII": ("xHII",),
}
_TWICE = "Choose one tag, or give the list of paths that belong together as path."


@dataclass(frozen=True)
class _File:
    path: Path
    kind: str
    tag: str | None
    redshift: float

    def __str__(self):
        return str(self.path)


def load_pinion(
    path: PathLike | Sequence[PathLike],
    *,
    fields: str | Sequence[str] | None = None,
    target: Literal["xHII", "irate"] | None = "xHII",
    redshift: Floats | None = None,
    tag: str | None = None,
    units: Mapping[str, UnitLike] | None = None,
    frames: Mapping[str, Frame] | None = None,
    box_size: float | None = None,
    hubble: float | None = None,
    omega_b: float | None = None,
    seed: int | None = None,
    return_X_y: bool = False,
) -> MapBunch | Any:
    """Load cubes of one simulation in the files of PINION, without reading them.

    Each sample is the box at one redshift, which the names of the files tell. Only headers are
    read; cubes are read when they are needed.

    Parameters
    ----------
    path : str, path-like or sequence of these
        Files and folders of one simulation, with names such as ``rho_test_z7.500.npz``: a field,
        a tag that may be missing, and the redshift. Fields are ``xHII``, ``rho``, ``nsrc``,
        ``mask``, ``irate``, ``n_igm`` and ``n_src``. The files are in the format ``.npy``, which
        PINION keeps under the suffix ``.npz``, or true ``.npz`` of one array. Folders are searched
        with all that are below, and other files in them are passed over.
    fields : str or sequence of str, default=None
        Fields to load, in the order of the channels:

        - "density", the density contrast, which is ``rho``;
        - "n_igm", the density of the gas: ``n_igm`` with the unit that is given, or made of
          ``rho``, in proper g/cm3, where `hubble` and `omega_b` are given;
        - "n_src", the sources, ``n_src`` or ``nsrc``;
        - "mask", the propagation mask; "irate", the ionization rate; "xHII".

        None takes "n_igm" where there are files of it or what is needed to make it of ``rho``, or
        else "density"; and "n_src" where there are files of it.
    target : {"xHII", "irate"} or None, default="xHII"
        Field of the target; None where there is none.
    redshift : float or sequence of float, default=None
        Redshifts to keep; None keeps all, of which each must have all files.
    tag : str, default=None
        Tag of the files to take, such as "test"; files without a tag are taken as well. None takes
        all.
    units : dict of str to str or astropy unit, default=None
        Units of fields by name, which the files do not tell. Needed for "n_igm" of files of that
        name and for "n_src" of ``n_src``. Without, the numbers of ``nsrc`` have no unit, as PINION
        treats them, and "irate" is in 1/s.
    frames : dict of str to {"comoving", "proper"}, default=None
        For fields in `units` whose unit has a length, whether that is comoving or proper.
    box_size : float, default=None
        Side of the box along the first axis, in comoving Mpc.
    hubble : float, default=None
        Hubble constant over 100 km/s/Mpc.
    omega_b : float, default=None
        Density parameter of baryons.
    seed : int, default=None
        Number of the simulation, for `groups`.
    return_X_y : bool, default=False
        Return ``(maps, target)`` in place of a Bunch.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Samples are in ascending order of redshift.

        maps : LazyMaps of shape (n_samples, n_fields, d, h, w)
            The fields.
        target : LazyMaps of shape (n_samples, d, h, w) or None
            The target.
        groups : ndarray of int64, of shape (n_samples,)
            `seed`, or -1: the redshifts of one simulation belong together. Give each simulation
            its own number before putting several together.
        redshift : ndarray of float64, of shape (n_samples,)
            Redshift of each sample.
        seed : ndarray of int64, of shape (n_samples,)
            `seed`, or -1 where it is not given.
        field_names : list of str
            Names of the channels.
        units : list of astropy units
            Units of the channels.
        frames : list of str or None
            "proper" or "comoving" for each channel, None where its unit has no length.
        target_unit : astropy unit or None
            Unit of the target.
        box_size, cell_size : float or None
            Sides of the box and of a cell, in comoving Mpc; None where not given.
        DESCR : str
            Description of the formats.
        filenames : list of str
            Absolute paths of the files that are read, each once.

    (maps, target) : tuple if `return_X_y` is True
        As above.

    Raises
    ------
    DatasetNotFoundError
        If a file or folder is absent, or holds no file of the known names.
    DatasetFormatError
        If a file is cut short or no cube of numbers, or has an unknown name. Values that are not
        finite, and ionized fractions outside 0 and 1 by more than 0.001, raise it when they are
        read.
    ValueError
        If a parameter has none of its allowed values or is needed and not given, files are missing
        or found twice, or cubes differ in shape.
    TypeError
        If a parameter has the wrong type.
    OSError
        If a folder cannot be read.

    See Also
    --------
    load_c2ray : Cubes of the simulations on which PINION is trained.
    load_reionization_cubes : Cubes of 21cmFAST in HDF5 files.

    References
    ----------
    .. [1] D. Korber, M. Bianco, E. Tolley and J.-P. Kneib, "PINION: physics-informed neural
       network for accelerating radiative transfer simulations for cosmic reionization",
       MNRAS 521, 902 (2023).

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from skastro.datasets import load_pinion
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("rho", "xHII"):
    ...         with Path(folder, f"{name}_test_z7.500.npz").open("wb") as file:
    ...             np.save(file, np.full((2, 3, 4), 0.5, dtype="float32"))
    ...     data = load_pinion(folder)
    ...     maps = np.asarray(data.maps)
    >>> data.field_names, maps.shape, data.target.shape, data.redshift
    (['density'], (1, 1, 2, 3, 4), (1, 2, 3, 4), array([7.5]))
    """
    wanted = None if fields is None else check_fields(_OWNER, fields, _FIELDS, "None, ")
    check_switch(_OWNER, "return_X_y", return_X_y)
    if target is not None:
        check_choice(_OWNER, "target", target, ("xHII", "irate"))
    if target is not None and wanted is not None and target in wanted:
        raise ValueError(message(_OWNER, "fields", f"without the target, {target!r}", fields))
    if tag is not None and not isinstance(tag, str):
        raise TypeError(message(_OWNER, "tag", "None or a str", tag))
    given = check_physical(_OWNER, box_size=box_size, hubble=hubble, omega_b=omega_b)
    seed = check_whole(_OWNER, "seed", seed, 0)
    told = _check_units(units, frames)

    files = [_File(file, *name) for file, name in find_files(_OWNER, path, _recognize, _KNOWN)]
    kept = [file for file in files if tag is None or file.tag in (tag, None)]
    if not any(tag is None or file.tag == tag for file in files):
        tags = sorted({str(file.tag) for file in files})
        raise ValueError(message(_OWNER, "tag", f"among {tags}, which is what the files have", tag))
    pairs = pair_by_redshift(_OWNER, ((f.kind, f.redshift, f) for f in kept), _TWICE)
    pairs = choose_redshifts(_OWNER, pairs, redshift)
    kinds = _choose_kinds(wanted, target, pairs, given, told)
    check_complete(_OWNER, pairs, kinds)
    names = [name for name in kinds if name != target]

    samples = [
        {name: _cube(name, held[kind], given) for name, kind in kinds.items()}
        for held in pairs.values()
    ]
    maps, y = make_maps(_OWNER, samples, names, target)
    if return_X_y:
        return maps, y
    known = {name: _unit(name, kind, told) for name, kind in kinds.items()}
    length, cell = sides(maps, given["box_size"])
    return MapBunch(
        maps=maps,
        target=y,
        groups=unknown_or(seed, len(maps)),
        redshift=np.array(list(pairs)),
        seed=unknown_or(seed, len(maps)),
        field_names=names,
        units=[known[name][0] for name in names],
        frames=[known[name][1] for name in names],
        target_unit=None if target is None else known[target][0],
        box_size=length,
        cell_size=cell,
        DESCR=_DESCR.read_text(encoding="utf-8"),
        filenames=filenames(samples, names, target),
    )


def _recognize(name):
    match = _NAME.fullmatch(name)
    return match and (match["kind"], match["tag"], float(match["z"]))


def _check_units(units, frames):
    """The units and frames that are given, by field."""
    from astropy.units import Unit

    units, frames = units or {}, frames or {}
    for parameter, found in (("units", units), ("frames", frames)):
        if not isinstance(found, dict) or not set(found) <= set(_FIELDS):
            allowed = f"None or a dict with keys among {list(_FIELDS)}"
            raise ValueError(message(_OWNER, parameter, allowed, found))
    told = {}
    for name, value in units.items():
        try:
            unit = Unit(value)
        except (ValueError, TypeError) as error:
            raise ValueError(message(_OWNER, "units", "a dict of units", units)) from error
        has_length = any(base.physical_type == "length" for base in unit.decompose().bases)
        if has_length != (name in frames) or frames.get(name) not in (None, "comoving", "proper"):
            allowed = (
                "'comoving' or 'proper' for each field in units whose unit has a length, and for "
                f"no other; that of {name!r} is {unit}"
            )
            raise ValueError(message(_OWNER, "frames", allowed, frames))
        told[name] = unit, frames.get(name)
    if not set(frames) <= set(units):
        raise ValueError(message(_OWNER, "frames", "a dict of fields that are in units", frames))
    return told


def _choose_kinds(wanted, target, pairs, given, told):
    """Fields, the target last, and the kind of the files that each is made of."""
    there = {kind for held in pairs.values() for kind in held}
    can_make = None not in (given["hubble"], given["omega_b"])
    if wanted is None:
        has_gas = "n_igm" in there or ("rho" in there and can_make)
        wanted = ["n_igm"] if has_gas else ["density"]
        wanted += ["n_src"] if there & set(_KINDS["n_src"]) else []
    kinds = {
        name: next((kind for kind in _KINDS[name] if kind in there), _KINDS[name][0])
        for name in ([*wanted] if target is None else [*wanted, target])
    }
    for name, kind in kinds.items():
        if kind in ("n_igm", "n_src") and kind in there and name not in told:
            raise ValueError(
                f"The 'units' parameter of {_OWNER} must tell the unit of {name!r}, and 'frames' "
                f"whether it is comoving or proper, as files of {kind} do not. Give "
                f"units={{{name!r}: ...}} and frames={{{name!r}: ...}}."
            )
        if (name, kind) == ("n_igm", "rho"):
            if not can_make:
                raise ValueError(
                    f"The 'fields' parameter of {_OWNER} takes 'n_igm' of files of rho where "
                    "hubble and omega_b are given. Give them, or choose 'density'."
                )
            if name in told:
                allowed = "without 'n_igm' where it is made of files of rho, in proper g/cm3"
                raise ValueError(message(_OWNER, "units", allowed, told))
    return kinds


def _cube(name, file, given):
    convert = {}
    if name == "xHII":
        convert["bounds"] = (-1e-3, 1 + 1e-3)
    if (name, file.kind) == ("n_igm", "rho"):
        mean = mean_density(given["hubble"], given["omega_b"], "g / cm3")
        mean *= (1 + file.redshift) ** 3
        convert = {"scale": mean, "offset": mean}
    form = read_numpy_header(file.path, (file.kind, name))
    return Cube(file.path, form, file.path.stat().st_size, **convert)


def _unit(name, kind, told):
    from astropy import units

    if name in told:
        return told[name]
    if kind == "rho" and name == "n_igm":
        return units.g / units.cm**3, "proper"
    return 1 / units.s if name == "irate" else units.dimensionless_unscaled, None
