"""What the CAMELS Multifield Dataset consists of: its fields, suites, sets and file names."""

from typing import NamedTuple

MAPS_PER_SIMULATION = 15
BOX_SIZE_MPC_H = 25.0
HUBBLE = 0.6711
PARAMETER_NAMES = ("Omega_m", "sigma_8", "A_SN1", "A_AGN1", "A_SN2", "A_AGN2")

_SURFACE_DENSITY = (("Msun", 1), ("littleh", 1), ("Mpc", -2))
_DENSITY = (("Msun", 1), ("littleh", 2), ("Mpc", -3))
_VELOCITY = (("km", 1), ("s", -1))
_PRESSURE = (("littleh", 2), ("Msun", 1), ("km", 2), ("s", -2), ("kpc", -3))
_COLUMN_DENSITY = (("littleh", 1), ("Mpc", 1), ("cm", -3))
_NUMBER_DENSITY = (("littleh", 2), ("cm", -3))


class CMDField(NamedTuple):
    """One field of the dataset.

    Attributes
    ----------
    name : str
        Its name in the names of files, such as "Mgas".
    description : str
        What it is.
    powers2d, powers3d : tuple of (str, int)
        Unit of the maps and of the grids, as units and their powers.
    """

    name: str
    description: str
    powers2d: tuple
    powers3d: tuple

    @property
    def unit2d(self):
        """Unit of the maps, of astropy."""
        return _unit(self.powers2d)

    @property
    def unit3d(self):
        """Unit of the grids, of astropy."""
        return _unit(self.powers3d)


FIELDS = {
    field.name: field
    for field in (
        CMDField("Mgas", "gas density", _SURFACE_DENSITY, _DENSITY),
        CMDField("Vgas", "gas velocity", _VELOCITY, _VELOCITY),
        CMDField("T", "gas temperature", (("K", 1),), (("K", 1),)),
        CMDField("P", "gas pressure", _PRESSURE, _PRESSURE),
        CMDField("Z", "gas metallicity", (), ()),
        CMDField("HI", "neutral hydrogen density", _SURFACE_DENSITY, _DENSITY),
        CMDField("ne", "electron number density", _COLUMN_DENSITY, _NUMBER_DENSITY),
        CMDField("B", "magnetic field", (("Gauss", 1),), (("Gauss", 1),)),
        CMDField("MgFe", "magnesium over iron", (), ()),
        CMDField("Mcdm", "dark matter density", _SURFACE_DENSITY, _DENSITY),
        CMDField("Vcdm", "dark matter velocity", _VELOCITY, _VELOCITY),
        CMDField("Mstar", "stellar mass density", _SURFACE_DENSITY, _DENSITY),
        CMDField("Mtot", "total matter density", _SURFACE_DENSITY, _DENSITY),
    )
}

N_SIMULATIONS: dict[str, dict[str, int | None]] = {
    "IllustrisTNG": {"LH": 1000, "CV": 27, "1P": None, "EX": 4, "BE": 27, "SB28": 2048},
    "SIMBA": {"LH": 1000, "CV": 27, "1P": None, "EX": 4, "BE": 27, "SB28": None},
    "Astrid": {"LH": 1000, "CV": 27, "1P": None, "EX": 4, "BE": 27, "SB7": 1024},
    "EAGLE": {"LH": 1000, "CV": 27, "1P": 30},
    "Magneticum": {"LH": 50, "CV": 27},
    "Ramses": {"CV": 27, "1P": 15, "SB5": 256},
    "CROCODILE": {"CV": 27, "1P": 126, "SB26": 1024},
    "Obsidian": {"CV": 27},
}
"""Simulations of each set of each suite; None where releases differ or where it is unknown."""

SETS = tuple(dict.fromkeys(name for sets in N_SIMULATIONS.values() for name in sets))
N_SIMULATIONS |= {
    f"Nbody_{suite}": {name: n for name, n in sets.items() if name != "BE"}
    for suite, sets in N_SIMULATIONS.items()
}
N_SIMULATIONS["Mock"] = dict.fromkeys(SETS)
SUITES = tuple(N_SIMULATIONS)
SUITE_ALIASES = {"SwiftEAGLE": "EAGLE", "Nbody_SwiftEAGLE": "Nbody_EAGLE"}
FIDUCIAL = (0.3, 0.8, 1.0, 1.0, 1.0, 1.0)

_COSMOLOGY = [(0.1, 0.5), (0.6, 1.0)]
_BY_4, _BY_2 = (0.25, 4.0), (0.5, 2.0)
_NARROW = [*_COSMOLOGY, _BY_4, _BY_4, _BY_2, _BY_2]
_WIDE = [*_COSMOLOGY, _BY_4, _BY_4, _BY_2, _BY_4]
PARAMETER_RANGES = {
    "IllustrisTNG": _NARROW,
    "SIMBA": _NARROW,
    "Astrid": _WIDE,
    "EAGLE": _WIDE,
    "Magneticum": _WIDE,
    "Ramses": [*_COSMOLOGY, (0.1, 10.0), _BY_2, (0.1, 10.0), _BY_2],
    "CROCODILE": [*_COSMOLOGY, _BY_4, _BY_4, _BY_4, _BY_4],
    "Mock": _NARROW,
}
"""Lowest and highest value of each parameter, of `PARAMETER_NAMES`, in the sets LH, SB and 1P.

The four A are relative to the fiducial simulation, and spread evenly in their logarithm. The
suites that are not listed have but the fiducial simulation.
"""


def hydrodynamic(suite):
    """Name of the hydrodynamic suite that an N-body suite is the twin of, or of the suite itself.

    Parameters
    ----------
    suite : str
        A suite of the dataset.

    Returns
    -------
    str
        Such as "SIMBA" for "Nbody_SIMBA".
    """
    return suite.removeprefix("Nbody_")


def is_documented(suite, set_name):
    """Whether the documentation of the dataset lists files of a set, and not that of CAMELS alone.

    Parameters
    ----------
    suite, set_name : str
        A suite and set of the dataset.

    Returns
    -------
    bool
        True for IllustrisTNG, SIMBA, Astrid and their N-body twins, but for the set BE of all
        but IllustrisTNG.
    """
    suites = ("IllustrisTNG",) if set_name == "BE" else ("IllustrisTNG", "SIMBA", "Astrid")
    return hydrodynamic(suite) in suites


def maps_name(field, suite, set_name, redshift=0.0):
    """Name of a file of maps.

    Parameters
    ----------
    field, suite, set_name : str
        A field, suite and set of the dataset.
    redshift : float, default=0.0
        Redshift of the maps.

    Returns
    -------
    str
        Such as "Maps_Mgas_IllustrisTNG_LH_z=0.00.npy".
    """
    return f"Maps_{field}_{suite}_{set_name}_z={redshift:.2f}.npy"


def grids_name(field, suite, set_name, n_cells, redshift=0.0):
    """Name of a file of grids.

    Parameters
    ----------
    field, suite, set_name : str
        A field, suite and set of the dataset.
    n_cells : int
        Cells along a side.
    redshift : float, default=0.0
        Redshift of the grids.

    Returns
    -------
    str
        Such as "Grids_Mgas_IllustrisTNG_LH_128_z=0.0.npy"; the redshift has one decimal, where
        that of the maps has two.
    """
    return f"Grids_{field}_{suite}_{set_name}_{n_cells}_z={redshift:.1f}.npy"


def params_name(suite, set_name):
    """Name of the file with the parameters of the simulations of a set.

    Parameters
    ----------
    suite, set_name : str
        A suite and set of the dataset.

    Returns
    -------
    str
        Such as "params_LH_IllustrisTNG.txt".
    """
    return f"params_{set_name}_{suite}.txt"


def _unit(powers):
    from astropy import units
    from astropy.cosmology.units import littleh

    unit = units.dimensionless_unscaled
    for name, power in powers:
        unit = unit * (littleh if name == "littleh" else getattr(units, name)) ** power
    return unit
