"""Slices of simulated boxes of the epoch of reionization."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ..maps import MapBunch
from ..utils._typing import Floats, PathLike
from ._checks import (
    check_choice,
    check_fields,
    check_path,
    check_switch,
    check_values,
    rows_of_values,
)
from ._reionization_files import (
    FIELD_UNITS,
    check_same_grid,
    find_files,
    read_fields,
    read_header,
)

_OWNER = "load_reionization_slices"
_HERE = Path(__file__).parent
_SHIPPED = _HERE / "data" / "reionization_slices"
_DESCR = _HERE / "descr" / "reionization_slices.rst"


def load_reionization_slices(
    data_home: PathLike | None = None,
    *,
    return_X_y: bool = False,
    fields: str | Sequence[str] = ("density", "brightness_temp"),
    target: Literal["redshift", "f_esc"] = "redshift",
    f_esc: Floats | None = None,
    redshift: Floats | None = None,
    seed: Floats | None = None,
    sample: Literal["slice", "cube"] = "slice",
) -> MapBunch | Any:
    """Load slices of 21cmFAST boxes, to classify their redshift or escape fraction.

    Each sample is one slice of 64 x 64 cells (96 x 96 comoving Mpc) through a simulated box, or
    all the kept slices of one box, with the density contrast and the 21-cm brightness
    temperature as channels. The shipped data hold six simulations (random seeds), two escape
    fractions of ionizing photons, 17 redshifts from 6 to 14 and three slices per box: 612 slices.

    Parameters
    ----------
    data_home : str or path-like, default=None
        Folder with files ``reion_slices_seed*.h5``. None takes the subset shipped with skastro.
    return_X_y : bool, default=False
        Return ``(maps, target)`` in place of a Bunch. There are then no `groups`: take
        the Bunch to split by simulation.
    fields : {"density", "brightness_temp", "xHI"} or sequence of these, \
            default=("density", "brightness_temp")
        Fields to read, in the order of the channels. The neutral fraction "xHI" is in the full
        files only.
    target : {"redshift", "f_esc"}, default="redshift"
        What the classes are.
    f_esc, redshift, seed : float or sequence of float, default=None
        Values to keep; None keeps all. Classes are numbered among the kept values.
    sample : {"slice", "cube"}, default="slice"
        "slice" makes a sample of each slice. "cube" puts the slices of one box together, for
        estimators that cut cubes themselves. The slices of a box are not adjacent.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Samples are ordered by seed, then f_esc, then redshift, then slice.

        maps : ndarray of float32, of shape (n_samples, n_channels, 64, 64) or \
                (n_cubes, n_channels, n_slices, 64, 64)
            The fields. The line of sight is normal to the slices.
        target : ndarray of int64, of shape (n_samples,)
            Class of each sample, a row of `target_names`.
        groups : ndarray of int64, of shape (n_samples,)
            Seed of each sample. Split by these: boxes of one seed hold the same
            structures at every redshift and f_esc.
        cube : ndarray of int64, of shape (n_samples,)
            Box that a sample is from, 0 to n_cubes - 1. Not safe as groups.
        slice_index : ndarray of int64, of shape (n_samples,) or (n_cubes, n_slices)
            Cell of the slice along the line of sight, of 64.
        target_names : ndarray of str
            Names of the classes, such as "z=6.0".
        field_names : list of str
            Names of the channels.
        units : list of astropy units
            Units of the channels: none for the density contrast (density over mean density,
            less one) and xHI, mK for the brightness temperature.
        redshift, f_esc : ndarray of float64, of shape (n_samples,)
            Redshift and escape fraction of each sample.
        mean_xHI : ndarray of float64, of shape (n_samples,)
            Neutral fraction of the whole box of each sample. Where it is 0 the brightness
            temperature is 0.
        box_size, cell_size : float
            Sides of the periodic box and of a cell, in comoving Mpc.
        DESCR : str
            Description of the data set.
        filenames : list of str
            Files that were read.

    (maps, target) : tuple if `return_X_y` is True
        As above.

    Raises
    ------
    DatasetNotFoundError
        If `data_home` is absent, or has no such file.
    DatasetFormatError
        If a file is damaged, differs from the others in its grid, or holds NaN.
    ValueError
        If a parameter has none of its allowed values, or the files do not hold the wanted ones.
    TypeError
        If a parameter has the wrong type.

    References
    ----------
    .. [1] A. Mesinger, S. Furlanetto and R. Cen, "21CMFAST: a fast, seminumerical simulation of
       the high-redshift 21-cm signal", MNRAS 411, 955 (2011).
    .. [2] S. Murray et al., "21cmFAST v3: A Python-integrated C code for generating 3D
       realizations of the cosmic 21cm signal", JOSS 5(54), 2582 (2020).

    Examples
    --------
    >>> from sklearn.model_selection import LeaveOneGroupOut
    >>> from skastro.datasets import load_reionization_slices
    >>> data = load_reionization_slices()
    >>> data.maps.shape
    (612, 2, 64, 64)
    >>> [str(name) for name in data.target_names[:3]]
    ['z=6.0', 'z=6.5', 'z=7.0']
    >>> LeaveOneGroupOut().get_n_splits(groups=data.groups)
    6
    >>> cubes = load_reionization_slices(sample="cube", redshift=[7, 8, 9], f_esc=0.06)
    >>> cubes.maps.shape
    (18, 2, 3, 64, 64)
    """
    fields = check_fields(_OWNER, fields, FIELD_UNITS)
    check_choice(_OWNER, "target", target, ("redshift", "f_esc"))
    check_choice(_OWNER, "sample", sample, ("slice", "cube"))
    check_switch(_OWNER, "return_X_y", return_X_y)
    folder = _SHIPPED
    if data_home is not None:
        folder = check_path(_OWNER, "data_home", data_home, "None, a str or a path")

    files = find_files(folder)
    kept = _kept_rows("seed", seed, [number for number, _ in files], folder)
    headers = [read_header(path, number, fields) for number, path in (files[i] for i in kept)]
    check_same_grid(headers)
    first = headers[0]
    f_rows = _kept_rows("f_esc", f_esc, first.f_esc, folder)
    z_rows = _kept_rows("redshift", redshift, first.redshift, folder)

    boxes = (len(headers), len(f_rows), len(z_rows))
    n_slices = first.slice_index.size
    inner = (len(fields), n_slices) if sample == "cube" else (n_slices, len(fields))
    maps = np.empty((*boxes, *inner, first.n_cells, first.n_cells), dtype=np.float32)
    for header, part in zip(headers, maps, strict=True):
        slices_first = part.swapaxes(2, 3) if sample == "cube" else part
        read_fields(header, fields, f_rows, z_rows, slices_first)
    maps = maps.reshape(-1, *maps.shape[3 if sample == "cube" else 4 :])

    repeats = 1 if sample == "cube" else n_slices
    seed_row, f_row, z_row = (np.repeat(row.ravel(), repeats) for row in np.indices(boxes))
    codes = z_row if target == "redshift" else f_row
    codes = codes.astype(np.int64)
    if return_X_y:
        return maps, codes

    kept_f_esc, kept_redshift = first.f_esc[f_rows], first.redshift[z_rows]
    names = (
        [f"z={value}" for value in kept_redshift.tolist()]
        if target == "redshift"
        else [f"f_esc={value}" for value in kept_f_esc.tolist()]
    )
    n_cubes = int(np.prod(boxes))
    indices = np.tile(first.slice_index.astype(np.int64), (n_cubes, 1))
    mean_xHI = np.stack([header.mean_xHI[np.ix_(f_rows, z_rows)] for header in headers])
    return MapBunch(
        maps=maps,
        target=codes,
        groups=np.array([header.seed for header in headers], dtype=np.int64)[seed_row],
        cube=np.repeat(np.arange(n_cubes, dtype=np.int64), repeats),
        slice_index=indices if sample == "cube" else indices.ravel(),
        target_names=np.array(names),
        field_names=fields,
        units=_units(fields),
        redshift=kept_redshift[z_row],
        f_esc=kept_f_esc[f_row],
        mean_xHI=np.repeat(mean_xHI.ravel(), repeats),
        box_size=first.box_size,
        cell_size=first.cell_size,
        DESCR=_DESCR.read_text(encoding="utf-8"),
        filenames=[str(header.path) for header in headers],
    )


def _kept_rows(parameter, wanted, available, folder):
    available = np.asarray(available)
    rows, missing = rows_of_values(check_values(_OWNER, parameter, wanted), available)
    if missing:
        raise ValueError(
            f"The '{parameter}' parameter of {_OWNER} must be among "
            f"{available.tolist()}, which is what '{folder}' holds. Got {missing}, not "
            "among these. Choose other values, or give as data_home a folder whose files hold "
            "them."
        )
    return rows


def _units(fields):
    from astropy import units

    by_name = {"dimensionless": units.dimensionless_unscaled, "mK": units.mK}
    return [by_name[FIELD_UNITS[name]] for name in fields]
