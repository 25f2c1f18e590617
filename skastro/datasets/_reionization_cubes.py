"""Cubes of gas, sources and ionized fraction that 21cmFAST made."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..maps import MapBunch
from ..utils._typing import Floats, PathLike
from ._cbin_find import find_files
from ._cbin_samples import filenames, make_maps, sides
from ._checks import check_fields, check_switch, check_values, message, rows_of_values
from ._reionization_cubes_files import KNOWN_NAMES, read_groups, recognize

_OWNER = "load_reionization_cubes"
_DESCR = Path(__file__).parent / "descr" / "reionization_cubes.rst"


def load_reionization_cubes(
    path: PathLike | Sequence[PathLike],
    *,
    redshift: Floats | None = None,
    seed: Floats | None = None,
    f_esc: Floats | None = None,
    fields: str | Sequence[str] = ("n_igm", "n_src"),
    target: str | None = "xHII",
    return_X_y: bool = False,
) -> MapBunch | Any:
    """Load cubes of gas, sources and ionized fraction, without reading them.

    Each sample is the box of one simulation at one redshift. Only headers are read; cubes are
    read when they are needed.

    Parameters
    ----------
    path : str, path-like or sequence of these
        Files such as ``reion_cubes_seed2001_fesc0.120.h5``, and folders, which are searched with
        all that are below; other files in them are passed over.
    redshift, seed, f_esc : float or sequence of float, default=None
        Redshifts, random seeds and escape fractions to keep; None keeps all.
    fields : str or sequence of str, default=("n_igm", "n_src")
        Fields to load, in the order of the channels: the names of datasets in the files.
    target : str or None, default="xHII"
        Field of the target; None where there is none.
    return_X_y : bool, default=False
        Return ``(maps, target)`` in place of a Bunch. There are then no `groups`: take the Bunch
        to split by simulation.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Samples are ordered by seed, then f_esc, then redshift.

        maps : LazyMaps of shape (n_samples, n_fields, d, h, w)
            The fields, with axes x, y and z.
        target : LazyMaps of shape (n_samples, d, h, w) or None
            The target.
        groups : ndarray of int64, of shape (n_samples,)
            Seed of each sample. Split by these.
        redshift : ndarray of float64, of shape (n_samples,)
            Redshift of each sample.
        seed : ndarray of int64, of shape (n_samples,)
            Random seed of each sample.
        f_esc : ndarray of float64, of shape (n_samples,)
            Escape fraction of ionizing photons of each sample.
        mean_xHII : ndarray of float64, of shape (n_samples,)
            Mean ionized fraction of the box, NaN where the file does not tell it.
        field_names : list of str
            Names of the channels.
        units : list of astropy units
            Units of the channels: g/cm3 for "n_igm", Msun/Mpc3 for "n_src".
        frames : list of str or None
            "proper" or "comoving" for each channel, None where the file says neither: "proper" for
            "n_igm", "comoving" for "n_src".
        target_unit : astropy unit or None
            Unit of the target.
        box_size, cell_size : float
            Sides of the periodic box and of a cell, in comoving Mpc.
        DESCR : str
            Description of the data.
        filenames : list of str
            Absolute paths of the files that are read, each once.

    (maps, target) : tuple if `return_X_y` is True
        As above.

    Raises
    ------
    DatasetNotFoundError
        If a file or folder is absent, or holds no such file.
    DatasetFormatError
        If a file is damaged, or lacks units or a number among its attributes. Values that are not
        finite raise it when they are read.
    ValueError
        If a parameter has none of its allowed values, a box lacks a field or is found twice, or
        boxes differ in their grid or units.
    TypeError
        If a parameter has the wrong type.
    OSError
        If a folder cannot be read.

    See Also
    --------
    load_reionization_slices : Slices of density and brightness temperature, shipped with the
        library.
    load_c2ray : Cubes of C2-Ray and pyC2Ray.
    load_pinion : Cubes as PINION has them.

    References
    ----------
    .. [1] S. Murray et al., "21cmFAST v3: A Python-integrated C code for generating 3D
       realizations of the cosmic 21cm signal", JOSS 5(54), 2582 (2020).

    Examples
    --------
    A box as small as can be:

    >>> import tempfile
    >>> from pathlib import Path
    >>> import h5py, numpy as np
    >>> from skastro.datasets import load_reionization_cubes
    >>> units = {"n_igm": "g cm^-3 (proper)", "n_src": "Msun Mpc^-3 (comoving)", "xHII": ""}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with h5py.File(Path(folder, "reion_cubes_seed2001_fesc0.120.h5"), "w") as file:
    ...         file.attrs.update(random_seed=2001, f_esc=0.12, box_len_Mpc=4.0)
    ...         for name, unit in units.items():
    ...             file[f"z07.000/{name}"] = np.full((2, 3, 4), 0.5)
    ...             file[f"z07.000/{name}"].attrs["units"] = unit
    ...         file["z07.000"].attrs["redshift"] = 7.0
    ...     data = load_reionization_cubes(folder)
    ...     maps = np.asarray(data.maps)
    >>> maps.shape, data.target.shape, data.frames, data.cell_size
    ((1, 2, 2, 3, 4), (1, 2, 3, 4), ['proper', 'comoving'], 2.0)
    """
    check_switch(_OWNER, "return_X_y", return_X_y)
    groups = [
        group
        for file, _ in find_files(_OWNER, path, recognize, KNOWN_NAMES)
        for group in read_groups(file)
    ]
    for name, wanted in (("redshift", redshift), ("seed", seed), ("f_esc", f_esc)):
        groups = _choose(groups, name, wanted)
    groups = sorted(groups, key=lambda group: (group.seed, group.f_esc, group.redshift))
    held = sorted({name for group in groups for name in group.cubes})
    names = check_fields(_OWNER, fields, held)
    if target is not None and target not in set(held) - set(names):
        allowed = f"None or one of {sorted(set(held) - set(names))}, which are not among fields"
        raise ValueError(message(_OWNER, "target", allowed, target))
    loaded = names if target is None else [*names, target]
    _check_alike(groups, loaded)

    samples = [group.cubes for group in groups]
    maps, y = make_maps(_OWNER, samples, names, target)
    if return_X_y:
        return maps, y
    length, cell = sides(maps, groups[0].box_size)
    units = {name: _unit(groups[0].units[name][0]) for name in loaded}
    seeds = np.array([group.seed for group in groups], dtype=np.int64)
    return MapBunch(
        maps=maps,
        target=y,
        groups=seeds,
        redshift=np.array([group.redshift for group in groups]),
        seed=seeds.copy(),
        f_esc=np.array([group.f_esc for group in groups]),
        mean_xHII=np.array([group.mean_xHII for group in groups]),
        field_names=names,
        units=[units[name] for name in names],
        frames=[groups[0].units[name][1] for name in names],
        target_unit=None if target is None else units[target],
        box_size=length,
        cell_size=cell,
        DESCR=_DESCR.read_text(encoding="utf-8"),
        filenames=filenames(samples, names, target),
    )


def _choose(groups, name, wanted):
    found = np.array([getattr(group, name) for group in groups])
    rows, missing = rows_of_values(check_values(_OWNER, name, wanted), found)
    if missing:
        allowed = f"among {np.unique(found).tolist()}, which is what the files hold"
        raise ValueError(message(_OWNER, name, allowed, wanted))
    return [groups[row] for row in rows]


def _check_alike(groups, names):
    """Raise unless all have the fields in the same units, the same box, and none is there twice."""
    first, seen = groups[0], {}
    for group in groups:
        for name in names:
            if name not in group.cubes:
                raise ValueError(
                    f"{_OWNER} found no {name!r} in {group}, which has {sorted(group.cubes)}. "
                    "Choose other fields, another target or other redshifts."
                )
            if group.units[name] != first.units[name]:
                raise ValueError(
                    f"{_OWNER} found {name!r} in {first.units[name]} in {first} and in "
                    f"{group.units[name]} in {group}. Load each by itself."
                )
        if not np.isclose(group.box_size, first.box_size, rtol=1e-9, atol=0):
            raise ValueError(
                f"{_OWNER} found a box of {first.box_size} Mpc in {first} and of {group.box_size} "
                f"Mpc in {group}. Load each by itself."
            )
        other = seen.setdefault((group.seed, group.f_esc, round(group.redshift, 4)), group)
        if other is not group:
            raise ValueError(
                f"{_OWNER} found the same seed, f_esc and redshift twice: {other} and {group}. "
                "Leave one out: give the list of paths as path."
            )


def _unit(text):
    from astropy.units import Unit

    return Unit(text)
