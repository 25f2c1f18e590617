"""HDF5 files of cubes of the epoch of reionization: what their headers tell."""

import re
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from skastro.exceptions import DatasetFormatError

from ._cbin_forms import Dataset, is_whole
from ._cbin_source import Cube

KNOWN_NAMES = ("reion_cubes_seed2001_fesc0.120.h5",)
_UNIT = re.compile(r"\s*(?P<unit>.*?)\s*(?:\((?P<frame>comoving|proper)\))?\s*")
_REMEDY = "Copy or generate the file again."


@dataclass(frozen=True)
class CubeGroup:
    """The cubes of one simulation at one redshift.

    Attributes
    ----------
    path : pathlib.Path
        The file.
    seed : int
        Random seed.
    f_esc : float
        Escape fraction of ionizing photons.
    box_size : float
        Side of the box in comoving Mpc.
    redshift : float
        The redshift.
    mean_xHII : float
        Mean ionized fraction, NaN where the file does not tell it.
    cubes : dict of str to Cube
        The cubes by field.
    units : dict of str to tuple of str and (str or None)
        Unit of each field, and its frame.
    """

    path: Path
    seed: int
    f_esc: float
    box_size: float
    redshift: float
    mean_xHII: float
    cubes: dict
    units: dict

    def __str__(self):
        return f"'{self.path}' at redshift {self.redshift:g}"


def recognize(name):
    """Tell from its name whether a file may hold cubes.

    Parameters
    ----------
    name : str
        Name without folder.

    Returns
    -------
    bool or None
        True, or None where it is not of the known form.
    """
    return re.fullmatch(r"reion_cubes_.*\.(?:h5|hdf5)", name) is not None or None


def read_groups(path):
    """Read the headers of the cubes in a file.

    Parameters
    ----------
    path : pathlib.Path
        The file.

    Returns
    -------
    list of CubeGroup
        One for each redshift, at least one.

    Raises
    ------
    DatasetFormatError
        If the file cannot be read, or lacks a group, an attribute or cubes.
    """
    try:
        with h5py.File(path, "r") as file:
            seed = _number(file, "random_seed")
            f_esc, box_size = float(_number(file, "f_esc")), float(_number(file, "box_len_Mpc"))
            if seed != int(seed) or abs(int(seed)) >= 2**63 or box_size <= 0:
                raise DatasetFormatError(
                    f"'{path}' must have a 'random_seed' that is a whole number of int64 and a "
                    f"'box_len_Mpc' above 0; found {seed} and {box_size}. {_REMEDY}"
                )
            groups = [item for item in file.values() if isinstance(item, h5py.Group)]
            if not groups:
                raise DatasetFormatError(
                    f"'{path}' must hold a group for each redshift, such as 'z07.000'; found "
                    f"{sorted(file)}. {_REMEDY}"
                )
            return [
                CubeGroup(path, int(seed), f_esc, box_size, *_group(path, group))
                for group in groups
            ]
    except DatasetFormatError:
        raise
    except (OSError, RuntimeError, KeyError, TypeError, ValueError) as error:
        raise DatasetFormatError(f"'{path}' cannot be read as HDF5: {error}. {_REMEDY}") from error


def _group(path, group):
    """Redshift, mean ionized fraction, cubes and units of a group."""
    cubes, units, size = {}, {}, path.stat().st_size
    for name, item in group.items():
        shape = getattr(item, "shape", None)
        if shape is None or len(shape) != 3 or 0 in shape or item.dtype.kind not in "fiu":
            raise DatasetFormatError(
                f"'{item.name}' of '{path}' must be a cube of real numbers; found shape {shape} "
                f"and dtype {getattr(item, 'dtype', None)}. {_REMEDY}"
            )
        if not is_whole(item):
            raise DatasetFormatError(
                f"'{item.name}' of '{path}' must have all its values in the file; of its shape "
                f"{shape} some were never written, and would be read as zeros. {_REMEDY}"
            )
        bounds = (-1e-3, 1 + 1e-3) if name == "xHII" else None
        cubes[name] = Cube(path, Dataset(item.name, shape), size, bounds=bounds)
        units[name] = _unit(path, item)
    mean = float(_number(group, "mean_xHII")) if "mean_xHII" in group.attrs else np.nan
    return float(_number(group, "redshift")), mean, cubes, units


def _unit(path, item):
    """Unit and frame of a dataset, checked."""
    from astropy.units import Unit

    text = item.attrs.get("units")
    if isinstance(text, str):
        match = _UNIT.fullmatch(text)
        unit = "" if match["unit"] == "dimensionless" else match["unit"]
        try:
            Unit(unit)
        except ValueError:
            pass
        else:
            return unit, match["frame"]
    raise DatasetFormatError(
        f"'{item.name}' of '{path}' must have an attribute 'units' such as 'g cm^-3 (proper)'; "
        f"found {text!r}. {_REMEDY}"
    )


def _number(group, name):
    value = group.attrs.get(name)
    is_number = isinstance(value, (int, float, np.integer, np.floating))
    if not is_number or not np.isfinite(value):
        raise DatasetFormatError(
            f"'{group.file.filename}' must have a finite number '{name}' among the attributes of "
            f"'{group.name}'; found {value!r}; there are {sorted(group.attrs)}. {_REMEDY}"
        )
    return value
