"""Check what is asked of boxes of 21cmFAST, and choose among the samples."""

from dataclasses import replace

import numpy as np

from ._21cmfast_box import DEFAULT_FIELDS, MATTER_FIELDS, UNKNOWN_SEED
from ._checks import check_values, message, rows_of_values

OWNER = "load_21cmfast"


def choose(samples, redshift, f_esc, seed):
    """Keep the samples that are asked for.

    Parameters
    ----------
    samples : list of Sample
        All that were found.
    redshift, f_esc, seed : float, sequence of float or None
        Values to keep; None keeps all. Where no sample knows its `f_esc` or `seed`, one number is
        taken for that of all.

    Returns
    -------
    list of Sample
        At least one.

    Raises
    ------
    ValueError
        If a value is not among those of the samples.
    TypeError
        If a parameter is not made of numbers.
    """
    if f_esc is not None and all(
        name in MATTER_FIELDS for sample in samples for name in sample.boxes
    ):
        raise ValueError(
            f"The 'f_esc' parameter of load_21cmfast must be None where only {list(MATTER_FIELDS)} "
            f"are loaded, which do not depend on it. Got {f_esc!r} instead."
        )
    found = [sample.first.redshift for sample in samples]
    samples = _keep(samples, _rows("redshift", check_values(OWNER, "redshift", redshift), found))
    for name, given, unknown in (("f_esc", f_esc, np.nan), ("seed", seed, UNKNOWN_SEED)):
        wanted = check_values(OWNER, name, given)
        found = np.array([getattr(sample, name) for sample in samples], dtype=float)
        known = ~np.isnan(found) & (found != unknown)
        if wanted is None or known.any():
            samples = _keep(samples, _rows(name, wanted, np.where(known, found, np.nan)))
            continue
        if wanted.size > 1:
            raise ValueError(
                f"The '{name}' parameter of load_21cmfast must be one number where neither the "
                f"files nor the names of their folders tell it. Got {given!r} instead. Load the "
                "boxes of each value by themselves and put them together with "
                "skastro.maps.concatenate."
            )
        value = _check_given(name, wanted[0].item())
        samples = [replace(sample, **{name: value}) for sample in samples]
    return samples


def check_samples(samples, fields):
    """Settle the fields, and check that all samples have them on the same grid.

    Parameters
    ----------
    samples : list of Sample
        The samples.
    fields : list of str or None
        The fields asked for.

    Returns
    -------
    list of str
        The fields to load.

    Raises
    ------
    ValueError
        If a sample lacks a field, or samples differ in their grid or in the correction for
        velocities.
    """
    if fields is None:
        fields = [name for name in DEFAULT_FIELDS if all(name in s.boxes for s in samples)]
        if not fields:
            held = ", ".join(f"{sorted(s.boxes)} at {s}" for s in samples[:4])
            raise ValueError(
                f"load_21cmfast found no field that all boxes have: {held}. Choose redshift or "
                "fields, or give the list of paths. Raw files of one box must be in one folder: "
                "move or link them there."
            )
    for sample in samples:
        missing = [name for name in fields if name not in sample.boxes]
        if missing:
            raise ValueError(
                f"The 'fields' parameter of load_21cmfast asks for {missing[0]!r}, which the box "
                f"of {sample} lacks; it has {sorted(sample.boxes)}. Choose other fields, choose "
                "redshift, or add its file."
            )
    first = samples[0]
    for sample in samples[1:]:
        for name in ("n_cells", "box_size"):
            one, other = getattr(first.first, name), getattr(sample.first, name)
            if one != other:
                raise ValueError(
                    f"load_21cmfast found boxes of {name} {one} at {first} and {other} at "
                    f"{sample}; they must be of one size. Load each size by itself."
                )
    if "brightness_temp" in fields:
        _check_corrections([sample.boxes["brightness_temp"] for sample in samples])
    return fields


def _check_corrections(boxes):
    for box in boxes:
        if box.velocity_corrected != boxes[0].velocity_corrected:
            words = {True: "corrected", False: "not corrected", None: "of unknown correction"}
            raise ValueError(
                "load_21cmfast found brightness temperatures that differ in the correction for "
                f"velocity gradients: '{boxes[0].path}' is "
                f"{words[boxes[0].velocity_corrected]} and '{box.path}' is "
                f"{words[box.velocity_corrected]}. Load them by themselves, or leave "
                "'brightness_temp' out of fields."
            )


def _check_given(name, value):
    """A value that all samples are said to have."""
    fits = value >= 0 and value % 1 == 0 if name == "seed" else 0 < value <= 1
    if not fits:
        allowed = "an integer of 0 or more" if name == "seed" else "above 0 and at most 1"
        raise ValueError(message(OWNER, name, allowed, value))
    return int(value) if name == "seed" else float(value)


def _keep(samples, rows):
    return [samples[row] for row in rows]


def _rows(parameter, values, found):
    rows, missing = rows_of_values(values, np.asarray(found, dtype=float))
    if missing:
        held = np.unique([value for value in found if not np.isnan(value)]).tolist()
        raise ValueError(
            f"The '{parameter}' parameter of {OWNER} must be among {held}, which is what the "
            f"files hold. Got {missing}, not among these. Choose other values, or another "
            "path."
        )
    return rows
