"""What is asked for of the CAMELS Multifield Dataset, and the names that its files may have."""

from numbers import Integral, Real
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ._checks import chosen_fields
from ._cmd_format import (
    FIELDS,
    N_SIMULATIONS,
    SUITE_ALIASES,
    SUITES,
    grids_name,
    hydrodynamic,
    maps_name,
    params_name,
)

GRID_CELLS = (128, 256, 512)
_GRID_REDSHIFTS = (0.0, 0.5, 1.0, 1.5, 2.0)
_ARCHIVE = {"maps": "2D_maps/data", "grids": "3D_grids/data"}


class CMDRequest(NamedTuple):
    """Fields of one set of one suite, checked.

    Attributes
    ----------
    fields : list of str
        Names of the fields.
    suite, set_name, kind : str
        A suite, one of its sets, and "maps" or "grids".
    n_cells : int or None
        Cells along a side of a grid; None for maps.
    redshift : float
        Redshift of all.
    """

    fields: list
    suite: str
    set_name: str
    kind: str
    n_cells: int | None
    redshift: float

    def array_names(self, field):
        """Names of this very redshift that the file may have, that of the archive first."""
        names = []
        for suite in _spellings(self.suite):
            if self.kind == "maps":
                name, other = maps_name(field, suite, self.set_name, self.redshift), 1
            else:
                name = grids_name(field, suite, self.set_name, self.n_cells, self.redshift)
                other = 2
            stem, _, number = name.removesuffix(".npy").partition("_z=")
            numbers = (number, f"{self.redshift:.{other}f}")
            names += [f"{stem}_z={text}.npy" for text in numbers if float(text) == self.redshift]
        return names

    def table_names(self):
        """Names that the table of parameters may have, that of the archive first."""
        twin = hydrodynamic(self.suite)
        suites = _spellings(self.suite)
        if self.suite != twin:
            suites.append("Nbody")
        names = [params_name(suite, self.set_name) for suite in suites]
        if self.set_name == "LH":
            names += [f"params_{suite}.txt" for suite in suites]
        names += [
            f"CosmoAstroSeed_{suite}_L25n256_{self.set_name}.txt"
            for suite in reversed(_spellings(twin))
        ]
        if self.suite != twin:
            names += self._of_twin().table_names()
        return list(dict.fromkeys(names))

    @property
    def archive_folder(self):
        """Folder of the archive with these files."""
        suite = self.suite if self.suite == hydrodynamic(self.suite) else "Nbody"
        return f"{_ARCHIVE[self.kind]}/{suite}"

    @property
    def redshifts(self):
        """Redshifts in the archive."""
        return (0.0,) if self.kind == "maps" else _GRID_REDSHIFTS

    @property
    def in_archive(self):
        """Whether the archive has this redshift and this number of cells."""
        return self.redshift in self.redshifts and self.n_cells in (None, *GRID_CELLS)

    def folders(self, folder):
        """Folders in which the arrays are looked for."""
        archive = Path(self.archive_folder)
        return [folder / part for part in (".", archive.name, archive.parent, archive)]

    def table_folders(self, folder):
        """Folders in which the table is looked for: for N-body suites also those of the twin."""
        folders = [*self.folders(folder), *self._of_twin().folders(folder)]
        return list(dict.fromkeys(folders))

    def _of_twin(self):
        return self._replace(suite=hydrodynamic(self.suite))


def check_request(owner, fields, suite, set_name, kind, n_cells, redshift):
    """Check what was asked for.

    Parameters
    ----------
    owner : str
        Function to name in errors.
    fields : str or sequence of str
        Names of fields.
    suite, set_name, kind : str
        What is asked for.
    n_cells : int or None
        Cells along a side of a grid.
    redshift : float
        Redshift.

    Returns
    -------
    CMDRequest
        The same, with the fields as a list and the suite by its first name.

    Raises
    ------
    ValueError
        If a parameter has none of its allowed values.
    """

    def refuse(parameter, allowed, given):
        raise ValueError(
            f"The '{parameter}' parameter of {owner} must be {allowed}. Got {given!r} instead."
        )

    suite = SUITE_ALIASES.get(suite, suite) if isinstance(suite, str) else suite
    if not isinstance(suite, str) or suite not in N_SIMULATIONS:
        refuse("suite", f"one of {list(SUITES)}", suite)
    if not isinstance(set_name, str) or set_name not in N_SIMULATIONS[suite]:
        refuse("set", f"one of {list(N_SIMULATIONS[suite])}, the sets of {suite}", set_name)
    if not isinstance(kind, str) or kind not in _ARCHIVE:
        refuse("kind", f"one of {list(_ARCHIVE)}", kind)
    allowed = _fields_of(suite)
    names = chosen_fields(fields, allowed)
    if not names:
        some = f"one of {allowed}, the fields of {suite}, or a sequence of some, each once"
        refuse("fields", some, fields)
    is_count = isinstance(n_cells, Integral) and not isinstance(n_cells, bool) and n_cells > 0
    if kind == "maps" and n_cells is not None:
        refuse("n_cells", "None with kind='maps'", n_cells)
    if kind == "grids" and not is_count:
        refuse("n_cells", f"the cells along a side of the grids, such as {GRID_CELLS}", n_cells)
    if isinstance(redshift, bool) or not isinstance(redshift, Real) or not 0 <= redshift < np.inf:
        refuse("redshift", "a number of 0 or more", redshift)
    if float(f"{redshift:.2f}") != redshift:
        refuse("redshift", "of two decimals at most, as in the names of files", redshift)
    return CMDRequest(names, suite, set_name, kind, n_cells, float(redshift))


def _spellings(suite):
    return [suite, *(other for other, name in SUITE_ALIASES.items() if name == suite)]


def _fields_of(suite):
    if suite != hydrodynamic(suite):
        return ["Mtot"]
    return [name for name in FIELDS if name != "B" or suite in ("IllustrisTNG", "Mock")]
