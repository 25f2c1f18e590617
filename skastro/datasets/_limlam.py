"""Cubes of line intensity that limlam_mocker saved."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.lib.npyio import NpzFile

from skastro.exceptions import DatasetFormatError, DatasetNotFoundError

from ..maps import MapBunch
from ..utils._typing import PathLike
from ._checks import check_choice, check_path, message

_OWNER = "load_limlam"
_DESCR = Path(__file__).parent / "descr" / "limlam.rst"
_CUBE, _AXES = "map_cube", ("map_pixel_ra", "map_pixel_dec", "map_frequencies")
_OPTIONAL = ("dN", "N_gt_L", "dn_dlog10L", "L_edges", "nu_binedges", "volume_Mpc3")
_SHARED = ("L_edges", "nu_binedges")


def load_limlam(
    paths: PathLike | Sequence[PathLike], *, units: Literal["uK", "Jy/sr"] = "uK"
) -> MapBunch:
    """Load cubes of line intensity that limlam_mocker saved.

    Each file is an .npz file [1]_ of a cube and its geometry; all have one geometry.
    Nothing in them is unpickled.

    Parameters
    ----------
    paths : str, path-like or sequence of these
        Files; the ending ".npz" may be left out.
    units : {"uK", "Jy/sr"}, default="uK"
        Units of the cubes, which the files do not tell: limlam_mocker makes uK unless asked
        for intensities.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Samples are in the order of `paths`.

        maps : ndarray of float32, of shape (n, n_frequencies, n_ra, n_dec)
            The cubes, with the channels in the order of the files, in which frequencies fall.
        frequencies : ndarray of shape (n_frequencies,)
            Centres of the channels in GHz.
        ra, dec : ndarray of shape (n_ra,), (n_dec,)
            Centres of the pixels in degrees.
        fov : tuple of two float
            Widths of the field in degrees.
        units : astropy unit
            Unit of the maps.
        groups : ndarray of int64, of shape (n,)
            Number of the file of each map. Maps of one halo catalogue share their matter: give
            the number of the catalogue in place of these where files have it in common.
        filenames : list of str
            Files that were read.
        dN, N_gt_L, dn_dlog10L : ndarray of shape (n, n_bins)
            Luminosity functions, where each file has them.
        L_edges, nu_binedges : ndarray
            Edges of the bins of luminosity in Lsun and of the channels in GHz, likewise.
        volume_Mpc3 : ndarray of shape (n,)
            Comoving volumes, likewise.
        DESCR : str
            Description of the data set.

    Raises
    ------
    DatasetNotFoundError
        If there is no such file.
    DatasetFormatError
        If a file is damaged, lacks something, holds NaN or has another geometry than the first.
    ValueError
        If there are no paths, or the units are not known.
    TypeError
        If a path is none.

    References
    ----------
    .. [1] G. Stein, D. Chung and others, limlam_mocker,
       https://github.com/georgestein/limlam_mocker.
    """
    from astropy.units import Unit

    check_choice(_OWNER, "units", units, ("uK", "Jy/sr"))
    several = [paths] if isinstance(paths, (str, Path)) or not np.iterable(paths) else list(paths)
    if not several:
        raise ValueError(message(_OWNER, "paths", "at least one path", paths))
    files = [_find(check_path(_OWNER, "paths", path)) for path in several]
    first = _read(files[0])
    maps = np.empty((len(files), *first[_CUBE].shape), dtype=np.float32)
    found = []
    for row, path in enumerate(files):
        content = first if row == 0 else _read(path)
        _check_same(first, content, files[0], path)
        maps[row] = content.pop(_CUBE)
        found.append(content)
    common = [name for name in _OPTIONAL if all(name in content for content in found)]
    extra = {
        name: found[0][name] if name in _SHARED else np.stack([one[name] for one in found])
        for name in common
    }
    return MapBunch(
        maps=maps,
        frequencies=found[0]["map_frequencies"],
        ra=found[0]["map_pixel_ra"],
        dec=found[0]["map_pixel_dec"],
        fov=(float(found[0]["fov_x"]), float(found[0]["fov_y"])),
        units=Unit(units),
        groups=np.arange(len(files)),
        filenames=[str(path) for path in files],
        DESCR=_DESCR.read_text(encoding="utf-8"),
        **extra,
    )


def _find(path):
    """The file of a path, with or without its ending."""
    for candidate in (path, path.with_name(path.name + ".npz")):
        if candidate.is_file():
            return candidate
    raise DatasetNotFoundError(f"{_OWNER} finds no file '{path}'. Check the path.")


def _read(path):
    """Content of a file, checked, its cube as (frequency, ra, dec)."""
    wanted = (_CUBE, *_AXES, "fov_x", "fov_y")
    try:
        with path.open("rb") as stream, NpzFile(stream, allow_pickle=False) as file:
            names = [name for name in (*wanted, *_OPTIONAL) if name in file.files]
            content = {name: file[name] for name in names}
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise DatasetFormatError(f"{_OWNER} cannot read '{path}': {reason}") from error
    missing = [name for name in wanted if name not in content]
    if missing:
        raise DatasetFormatError(
            f"'{path}' has no {missing}. {_OWNER} reads files that limlam_mocker's save_maps wrote."
        )
    # An entry that is no array is read as bytes.
    numbers = all(getattr(one, "dtype", np.dtype("S")).kind in "iuf" for one in content.values())
    if not numbers or content["fov_x"].ndim or content["fov_y"].ndim:
        raise DatasetFormatError(f"'{path}' must hold numbers as {names}, one each of fov.")
    shape = tuple(content[name].size for name in _AXES)
    if content[_CUBE].shape != shape or any(content[name].ndim != 1 for name in _AXES):
        raise DatasetFormatError(
            f"'{path}' has a cube of shape {content[_CUBE].shape}, but {shape} right ascensions, "
            "declinations and frequencies."
        )
    with np.errstate(over="ignore"):
        content[_CUBE] = content[_CUBE].astype(np.float32).transpose(2, 0, 1)
    if not np.isfinite(content[_CUBE]).all():
        raise DatasetFormatError(
            f"'{path}' holds NaN, infinities or values beyond float32 in {_CUBE!r}. Make it anew."
        )
    return content


def _check_same(first, content, first_path, path):
    """Raise unless two files have one geometry, and luminosity functions of the same bins."""
    for name in (*_AXES, "fov_x", "fov_y", *_OPTIONAL):
        if name not in first or name not in content:
            continue
        one, other = first[name], content[name]
        same = one.shape == other.shape
        if same and (name in _AXES or name in _SHARED or name.startswith("fov")):
            same = np.allclose(one, other, rtol=1e-9, atol=1e-9)
        if not same:
            raise DatasetFormatError(
                f"'{path}' differs from '{first_path}' in {name!r}. Load files of one geometry."
            )
