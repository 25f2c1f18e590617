"""HDF5 files of 21cmFAST 3 and 4: one struct in each, or all those of a coeval box."""

from math import nan
from pathlib import Path

import h5py
import numpy as np

from skastro.exceptions import DatasetFormatError

from ._21cmfast_box import Box

_DATASETS = {
    "PerturbedField": {"density": ("density",), "velocity_z": ("velocity_z", "velocity")},
    "IonizedBox": {"xHI": ("neutral_fraction", "xH_box")},
    "BrightnessTemp": {"brightness_temp": ("brightness_temp",)},
}
_MATTER_GLOBALS = {
    "EVOLVE_DENSITY_LINEARLY",
    "INITIAL_REDSHIFT",
    "M_WDM",
    "OMk",
    "OMn",
    "OMr",
    "OMtot",
    "P_CUTOFF",
    "R_smooth_density",
    "SMOOTH_EVOLVED_DENSITY_FIELD",
    "wl",
}
_NO_PHYSICS = {"N_THREADS", "MINIMIZE_MEMORY", "USE_FFTW_WISDOM"}
_REMEDY = "Copy or generate the file again."


def read_hdf5(path, strict):
    """Read the headers of the boxes in an HDF5 file.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    strict : bool
        Whether it is an error that the file holds none of the known structs.

    Returns
    -------
    list of Box
        The boxes, of one redshift or none.

    Raises
    ------
    DatasetFormatError
        If the file cannot be read, is a lightcone or of another format, or its boxes are not
        cubes.
    """
    try:
        with h5py.File(path, "r") as file:
            structs = [name for name in _DATASETS if isinstance(file.get(name), h5py.Group)]
            is_lightcone = "lightcone" in " ".join([*file, *file.attrs]).lower()
            if strict and (is_lightcone or not structs):
                raise DatasetFormatError(_other_format(file, is_lightcone))
            return [] if is_lightcone else [box for name in structs for box in _boxes(file, name)]
    except (OSError, RuntimeError, KeyError) as error:
        raise DatasetFormatError(
            f"'{path}' cannot be read as HDF5, it may be cut short or of another format: {error}. "
            f"{_REMEDY}"
        ) from error


def _other_format(file, is_lightcone):
    if is_lightcone:
        return (
            f"'{file.filename}' is a lightcone, whose redshift changes along the line of sight; "
            "load_21cmfast reads boxes of one redshift. Leave it out."
        )
    return (
        f"'{file.filename}' holds none of the groups {list(_DATASETS)} of 21cmFAST 3 and 4; found "
        f"{sorted(file)}. Leave it out."
    )


def _boxes(file, struct):
    """The fields of one struct, each a Box."""
    group = file[struct]
    version = 4 if "InputParameters" in group else 3
    if version == 4:
        inputs, arrays, dated = group["InputParameters"], group.get("OutputFields", {}), group
        size = _parameters(inputs, "simulation_options")
        matter_options = _parameters(inputs, "matter_options")
        options = _parameters(inputs, "astro_options")
    else:
        inputs, arrays, dated = file, group, file
        size, others = _parameters(inputs, "user_params"), _globals(file)
        matter_options = {name: others[name] for name in _MATTER_GLOBALS & set(others)}
        options = _parameters(inputs, "flag_options")
    seed = int(_number(inputs, "random_seed"))
    matter = (size, matter_options, _parameters(inputs, "cosmo_params"))
    n_cells, box_size = _check_cube(file, size)
    common = {
        "path": Path(file.filename),
        "redshift": float(_number(dated, "redshift")),
        "n_cells": n_cells,
        "box_size": box_size,
        "matter": (version, seed, *map(_key, matter)),
        "origin": "",
        "seed": seed,
    }
    if struct != "PerturbedField":
        astro = _parameters(inputs, "astro_params")
        common["model"] = f"{_key(astro)} {_key(options)}"
        common["parameters"] = astro
        common["f_esc"] = _f_esc(astro, matter_options | options)
    if struct == "BrightnessTemp":
        common["velocity_corrected"] = version == 3 and _velocity_corrected(file, options)
    found = []
    for field, names in _DATASETS[struct].items():
        name = next((name for name in names if name in arrays), None)
        if name is not None:
            _check_shape(file, arrays[name], n_cells)
            found.append(Box(field=field, dataset=arrays[name].name, **common))
    return found


def _parameters(group, name):
    """Attributes of a group of parameters as numbers, words and lists of Python."""
    attributes = group[name].attrs.items() if name in group else ()
    values = {key: np.squeeze(value).tolist() for key, value in attributes}
    return {key: value for key, value in values.items() if value != "none"}


def _globals(file):
    """Global parameters of 21cmFAST 3, which has them under two names."""
    return _parameters(file, "global_params") | _parameters(file, "_globals")


def _key(parameters):
    return repr(sorted(item for item in parameters.items() if item[0] not in _NO_PHYSICS))


def _number(group, name):
    value = group.attrs.get(name)
    if np.ndim(value) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise DatasetFormatError(
            f"'{group.file.filename}' has no number '{name}' among the attributes of "
            f"'{group.name}'; found {sorted(group.attrs)}. {_REMEDY}"
        )
    return value.item() if isinstance(value, np.generic) else value


def _f_esc(astro, options):
    """The escape fraction; NaN where the ionizing efficiency is a parameter by itself."""
    constant = options.get("SOURCE_MODEL") == "CONST-ION-EFF"
    if constant or not options.get("USE_MASS_DEPENDENT_ZETA", True):
        return nan
    exponent = astro.get("F_ESC10", astro.get("F_ESC10_ACG", nan))
    return float(f"{10.0**exponent:.12g}")


def _velocity_corrected(file, options):
    """Whether 21cmFAST 3 corrected for velocity gradients; None where the file does not say."""
    if "APPLY_RSDS" in options:
        return bool(options["APPLY_RSDS"])
    flag = _globals(file).get("T_USE_VELOCITIES")
    return None if flag is None else bool(flag)


def _check_cube(file, size):
    missing = [name for name in ("HII_DIM", "BOX_LEN") if name not in size]
    if missing:
        raise DatasetFormatError(
            f"'{file.filename}' has no parameter {missing[0]} of the box; found {sorted(size)}. "
            f"{_REMEDY}"
        )
    if size.get("NON_CUBIC_FACTOR", 1.0) != 1.0:
        raise DatasetFormatError(
            f"'{file.filename}' has NON_CUBIC_FACTOR={size['NON_CUBIC_FACTOR']}; load_21cmfast "
            "reads cubes, for which it is 1. Leave the file out, or cut cubes from it yourself."
        )
    return int(size["HII_DIM"]), float(size["BOX_LEN"])


def _check_shape(file, dataset, n):
    if getattr(dataset, "shape", None) != (n, n, n) or dataset.dtype.kind != "f":
        raise DatasetFormatError(
            f"'{dataset.name}' of '{file.filename}' has shape {getattr(dataset, 'shape', None)} "
            f"and dtype {getattr(dataset, 'dtype', None)}; expected {(n, n, n)} real numbers, as "
            f"HII_DIM says. {_REMEDY}"
        )
