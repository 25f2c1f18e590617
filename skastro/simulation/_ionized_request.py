"""Checks of the parameters of make_ionized_boxes."""

from numbers import Real

import numpy as np

from ..datasets._checks import check_choice, message
from ._checks import check_count
from ._collapse import LARGEST_MASS, SMALLEST_MASS
from ._excursion_set import WINDOWS

OWNER = "make_ionized_boxes"
FIELD_UNITS = {
    "density": "",
    "xHI": "",
    "brightness_temp": "mK",
    "n_igm": "g / cm3",
    "n_src": "Msun / Mpc3",
}
FIELD_FRAMES = {"n_igm": "proper", "n_src": "comoving"}
MIN_CELLS = 8
RAREST = 1e-20


def check_number(parameter, value, low, high=np.inf, *, low_is_allowed=False):
    """Bring a parameter to a float between two limits, neither of them allowed by default."""
    bracket = "[" if low_is_allowed else "("
    allowed = f"a number in {bracket}{low:g}, {high:g})"
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, Real):
        raise TypeError(message(OWNER, parameter, allowed, value))
    if not (low < value < high or (low_is_allowed and value == low)):
        raise ValueError(message(OWNER, parameter, allowed, value))
    return float(value)


def check_numbers(parameter, values, low, high=np.inf, *, low_is_allowed=False):
    """Bring a parameter, a number or a sequence of numbers, to a list of floats."""
    if isinstance(values, str) or not np.iterable(values):
        values = [values]
    values = list(values)
    if not values:
        raise ValueError(
            message(OWNER, parameter, "a number or a sequence of at least one", values)
        )
    return [
        check_number(parameter, value, low, high, low_is_allowed=low_is_allowed) for value in values
    ]


def check_box(n_boxes, n_cells, box_size, max_radius, window):
    """Check the numbers that say what the boxes are."""
    check_count(OWNER, "n_boxes", n_boxes, 1)
    check_count(OWNER, "n_cells", n_cells, MIN_CELLS)
    check_choice(OWNER, "window", window, WINDOWS)
    return check_number("box_size", box_size, 0), check_number("max_radius", max_radius, 0)


def check_source_numbers(efficiency, mean_xHI, redshift, minimum_mass, mass_slope):
    """Check what the sources are; returns the lists of efficiencies, means and redshifts."""
    redshifts = check_numbers("redshift", redshift, 4, 40, low_is_allowed=True)
    if isinstance(minimum_mass, str) and minimum_mass != "atomic":
        allowed = f"'atomic' or a number in [{SMALLEST_MASS:g}, {LARGEST_MASS:g})"
        raise ValueError(message(OWNER, "minimum_mass", allowed, minimum_mass))
    if not isinstance(minimum_mass, str):
        check_number("minimum_mass", minimum_mass, SMALLEST_MASS, LARGEST_MASS, low_is_allowed=True)
    check_number("mass_slope", mass_slope, -3, 3)
    if mean_xHI is None:
        default = 30.0 if efficiency is None else efficiency
        return check_numbers("efficiency", default, 0, low_is_allowed=True), None, redshifts
    if efficiency is not None:
        allowed = "None with a 'mean_xHI', which it follows from"
        raise ValueError(message(OWNER, "efficiency", allowed, efficiency))
    return None, check_numbers("mean_xHI", mean_xHI, 0, 1), redshifts


def check_masses(masses, grid, mean_density):
    """Raise where the cells hold less mass than the smallest haloes."""
    mean_mass = mean_density * grid.cell_size**3
    if max(masses) > 0.5 * mean_mass:
        raise ValueError(
            f"The cells of {OWNER} must hold at least twice the least mass of haloes. Got "
            f"{mean_mass:.3g} Msun in a cell of {grid.cell_size:.3g} Mpc, and haloes from "
            f"{max(masses):.3g} Msun. Lower 'n_cells' or 'minimum_mass', or raise 'box_size'."
        )


def check_sources(snapshots):
    """Raise where haloes are too rare for an efficiency to be found that meets a mean."""
    for snapshot in snapshots:
        if snapshot.haloes.mean < RAREST:
            raise ValueError(
                f"The 'mean_xHI' parameter of {OWNER} can be met where at least {RAREST:g} of the "
                f"matter is in sources. Got {snapshot.haloes.mean:.3g} at redshift "
                f"{snapshot.redshift:g}. Lower 'minimum_mass' or 'redshift', or give 'efficiency'."
            )
