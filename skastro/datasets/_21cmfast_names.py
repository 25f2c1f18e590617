"""Names of the raw binary boxes of 21cmFAST 1 and 2, and what they tell."""

import re
from math import nan

from skastro.exceptions import DatasetFormatError

from ._21cmfast_box import UNKNOWN_SEED, Box

KNOWN_NAMES = (
    "updated_smoothed_deltax_z007.50_200_300Mpc",
    "updated_vz_z007.50_200_300Mpc",
    "xH_nohalos_z007.50_nf0.62_Fstar..._Fesc0.1000_..._200_300Mpc",
    "xH_nohalos_z007.50_nf0.62_eff30.0_..._200_300Mpc",
    "delta_T_v3_z007.50_nf0.62_useTs0_200_300Mpc",
)
_Z = r"_z(?P<z>\d+(?:\.\d+)?)"
_NF = r"_nf(?P<nf>\d+(?:\.\d+)?)"
_TAIL = r"_(?P<n>[1-9]\d*)_(?P<length>\d+(?:\.\d+)?)Mpc"
_MODEL = r"(?P<model>(?:sphere_)?xH(?:_nohalos)?)"
_PATTERNS = {
    "density": rf"updated_smoothed_deltax{_Z}{_TAIL}",
    "velocity_z": rf"updated_vz{_Z}{_TAIL}",
    "xHI": rf"{_MODEL}{_Z}{_NF}_(?P<sources>.+?){_TAIL}",
    "brightness_temp": (
        rf"(?:sphere_)?delta_T(?:_SFR)?(?:_v(?P<component>\d))?(?:_no_halos)?{_Z}{_NF}"
        rf"(?:_(?P<sources>.+?))?{_TAIL}"
    ),
}
_LOOKS_LIKE = re.compile(r"(?:sphere_)?(?:delta_T|xH|updated_smoothed_deltax|updated_vz).*Mpc")
_F_ESC = re.compile(r"(?<![a-z])f_?esc[_=]?(\d*\.?\d+)(?![\d.])", re.IGNORECASE)
_SEED = re.compile(r"(?<![a-z])seed[_=-]?(\d+)(?![a-z\d])", re.IGNORECASE)
_REDSHIFT = re.compile(r"(?<![a-z])z[_=-]?\d+(?:\.\d+)?(?![a-z\d])", re.IGNORECASE)


def looks_raw(name):
    """Whether a name begins and ends as that of a raw box does.

    Parameters
    ----------
    name : str
        Name of a file, without its folder.

    Returns
    -------
    bool
        True also where the rest of the name is of no known form.
    """
    return _LOOKS_LIKE.fullmatch(name) is not None


def read_raw(path):
    """Tell from its name and size what a raw binary holds.

    Parameters
    ----------
    path : pathlib.Path
        The file, by its absolute path; it is not opened.

    Returns
    -------
    Box
        The box.

    Raises
    ------
    DatasetFormatError
        If the name is not known, or the size of the file is not that of the box in its name.
    """
    if path.name.endswith("_lighttravel"):
        raise DatasetFormatError(
            f"'{path}' is a lightcone, whose redshift changes along the line of sight; "
            "load_21cmfast reads boxes of one redshift. Leave it out."
        )
    matches = ((name, re.fullmatch(text, path.name)) for name, text in _PATTERNS.items())
    field, match = next(((name, match) for name, match in matches if match), (None, None))
    if match is None:
        raise DatasetFormatError(
            f"load_21cmfast does not know the name of '{path}'. Known are names such as "
            f"{', '.join(KNOWN_NAMES)}, and HDF5 files with the suffix .h5 or .hdf5. Rename the "
            "file, or leave it out."
        )
    n_cells = int(match["n"])
    _check_size(path, n_cells)
    parts = match.groupdict()
    box = {
        "field": field,
        "path": path,
        "dataset": None,
        "redshift": float(match["z"]),
        "box_size": float(match["length"]),
        "n_cells": n_cells,
        "matter": ("raw", str(path.parent), n_cells, float(match["length"])),
        "origin": _origin(path.parent),
        "seed": int(_from_folders(path, _SEED, UNKNOWN_SEED)),
        "nf": parts.get("nf"),
        "f_esc": float(_from_folders(path, _F_ESC, nan)),
    }
    if field == "xHI":
        box["model"] = f"{match['model']} {match['sources']}"
        box["parameters"] = _numbers(match["sources"])
        box["f_esc"] = box["parameters"].get("Fesc", box["f_esc"])
    if field == "brightness_temp":
        box["model"] = f"delta_T {match['nf']} {match['sources']} {match['component']}"
        box["velocity_corrected"] = _check_component(path, match["component"])
    return Box(**box)


def same_nf(one, other):
    """Whether two mean neutral fractions agree to the digits that are written.

    Parameters
    ----------
    one, other : str
        Numbers as they stand in names.

    Returns
    -------
    bool
        True where they may be of one box.
    """
    digits = [len(text.partition(".")[2]) for text in (one, other)]
    rounding = 0.51 * 10.0 ** -min(digits) if digits[0] != digits[1] else 0.0
    return abs(float(one) - float(other)) <= max(1.01e-6, rounding)


def _check_size(path, n):
    found, expected = path.stat().st_size, 4 * n**3
    if found == 4 * n * n * (n + 2):
        raise DatasetFormatError(
            f"'{path}' has {found} bytes, which is {n} x {n} x {n + 2} values of float32: a box "
            f"padded for a Fourier transform. Expected {expected} bytes for {n} x {n} x {n}. Cut "
            "the last two of each row off and save the box again."
        )
    if found != expected:
        raise DatasetFormatError(
            f"'{path}' has {found} bytes; expected {expected}, which is {n} x {n} x {n} values of "
            "float32, as its name says. It may be cut short, or not cubic: copy or generate it "
            "again."
        )


def _check_component(path, component):
    """Whether there is a correction for velocities; it must be along the last axis."""
    if component not in (None, "3"):
        raise DatasetFormatError(
            f"'{path}' has the velocity component {component} in its name, so that its line of "
            "sight is the x or y axis; load_21cmfast expects v3, the z axis, which is the last. "
            "Leave it out, or swap the axes of all its fields, save them and name them v3."
        )
    return component == "3"


def _numbers(text):
    found = (
        re.fullmatch(r"([A-Za-z]+)(-?\d+(?:\.\d*)?(?:e[+-]?\d+)?)", part)
        for part in text.split("_")
    )
    return {match[1]: float(match[2]) for match in found if match}


def _from_folders(path, pattern, missing):
    """The number in the name of the nearest folder that has one, escape fractions from 0 to 1."""
    for folder in path.parents:
        for text in pattern.findall(folder.name):
            if pattern is _SEED or 0 <= float(text) <= 1:
                return text
    return missing


def _origin(folder):
    """The path of a folder without the escape fractions and redshifts in it."""
    return re.sub(_F_ESC, "", re.sub(_REDSHIFT, "", str(folder)))
