"""Which files of the CAMELS Multifield Dataset a request is about, and where they lie."""

from dataclasses import dataclass
from numbers import Integral, Real
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..exceptions import DatasetNotFoundError
from ._cmd_format import (
    FIELDS,
    MAPS_PER_SIMULATION,
    N_SIMULATIONS,
    SUITE_ALIASES,
    SUITES,
    grids_name,
    hydrodynamic,
    maps_name,
    params_name,
)

_HEADER_BYTES = 128
_MAP_CELLS = 256
_GRID_CELLS = (128, 256, 512)
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
        """Names that the file of a field may have, that of the archive first."""
        names = []
        for suite in _spellings(self.suite):
            if self.kind == "maps":
                name = maps_name(field, suite, self.set_name, self.redshift)
                other = f"{self.redshift:.1f}"
            else:
                name = grids_name(field, suite, self.set_name, self.n_cells, self.redshift)
                other = f"{self.redshift:.2f}"
            names += [name, f"{name.partition('_z=')[0]}_z={other}.npy"]
        return names

    def table_names(self):
        """Names that the table of parameters may have, that of the archive first."""
        suites = _spellings(self.suite)
        if self.suite != hydrodynamic(self.suite):
            suites.append("Nbody")
        return [params_name(suite, self.set_name) for suite in suites] + [
            f"CosmoAstroSeed_{suite}_L25n256_{self.set_name}.txt"
            for suite in reversed(_spellings(hydrodynamic(self.suite)))
        ]

    @property
    def archive_folder(self):
        """Folder of the archive with these files."""
        suite = self.suite if self.suite == hydrodynamic(self.suite) else "Nbody"
        return f"{_ARCHIVE[self.kind]}/{suite}"

    def folders(self, folder):
        """Folders in which the files are looked for."""
        archive = Path(self.archive_folder)
        return [folder / part for part in (".", archive.name, archive.parent, archive)]


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
    names = [fields] if isinstance(fields, str) else fields
    names = list(names) if np.iterable(names) else []
    allowed = _fields_of(suite)
    if not names or sorted(map(str, names)) != sorted(n for n in allowed if n in names):
        some = f"one of {allowed}, the fields of {suite}, or a sequence of some, each once"
        refuse("fields", some, fields)
    is_count = isinstance(n_cells, Integral) and not isinstance(n_cells, bool) and n_cells > 0
    if kind == "maps" and n_cells is not None:
        refuse("n_cells", "None with kind='maps'", n_cells)
    if kind == "grids" and not is_count:
        refuse("n_cells", f"the cells along a side of the grids, such as {_GRID_CELLS}", n_cells)
    if isinstance(redshift, bool) or not isinstance(redshift, Real) or not 0 <= redshift < np.inf:
        refuse("redshift", "a number of 0 or more", redshift)
    return CMDRequest([str(name) for name in names], suite, set_name, kind, n_cells, redshift)


def find_files(folder, request):
    """Find the arrays of a request and the table of their parameters.

    Parameters
    ----------
    folder : pathlib.Path
        Folder with the files, or with the sub-folders of the archive.
    request : CMDRequest
        What to find.

    Returns
    -------
    arrays : list of pathlib.Path
        File of each field.
    table : pathlib.Path
        Table of parameters; that which lies beside the arrays is preferred.

    Raises
    ------
    DatasetNotFoundError
        If there is no such folder, or a file is not in it.
    """
    if not folder.is_dir():
        raise DatasetNotFoundError(
            f"load_cmd found no folder '{folder}' (parameter folder). Give the folder with the "
            f"files of CMD. {_remedy(request)}"
        )
    folders = request.folders(folder)
    arrays = [_find(folders, request.array_names(field)) for field in request.fields]
    beside = [path.parent for path in arrays if path is not None]
    table = _find([*beside, *folders], request.table_names())
    wanted = [request.array_names(field)[0] for field in request.fields]
    wanted.append(request.table_names()[0])
    missing = [name for name, path in zip(wanted, [*arrays, table], strict=True) if path is None]
    if missing:
        inner = ", ".join(str(path.relative_to(folder)) for path in folders[1:])
        raise DatasetNotFoundError(
            f"load_cmd found no file {missing} in the folder '{folder}' (parameter folder) nor "
            f"in its sub-folders {inner}. {_remedy(request)}"
        )
    return arrays, table


class CMDFile(NamedTuple):
    """One file of the archive.

    Attributes
    ----------
    name, folder : str
        Name of the file, and the folder of the archive that it lies in.
    n_bytes : int or None
        Its size, where it is known.
    n_simulations : int or None
        Number of simulations, where it is known.
    """

    name: str
    folder: str
    n_bytes: int | None
    n_simulations: int | None


@dataclass(frozen=True, repr=False)
class CMDFiles:
    """Files of the archive, and what they weigh together.

    Attributes
    ----------
    files : tuple of CMDFile
        The arrays, then the table of parameters.
    """

    files: tuple

    @property
    def n_bytes(self):
        """Size of all arrays together, None where that of one is unknown; tables are small."""
        sizes = [file.n_bytes for file in self.files if file.name.endswith(".npy")]
        return None if None in sizes else sum(sizes)

    def __iter__(self):
        return iter(self.files)

    def __len__(self):
        return len(self.files)

    def __getitem__(self, index):
        return self.files[index]

    def __repr__(self):
        lines = [
            f"{_size(file.n_bytes) if file.name.endswith('.npy') else 'small':>10}  "
            f"{file.folder}/{file.name}"
            for file in self.files
        ]
        return "\n".join([*lines, f"{_size(self.n_bytes):>10}  in all"])


def cmd_files(
    fields,
    suite="IllustrisTNG",
    set="LH",  # noqa: A002
    *,
    kind="maps",
    n_cells=None,
    redshift=0.0,
):
    """List the files of the CAMELS Multifield Dataset to download for `load_cmd`.

    Nothing is fetched. The documentation of the dataset [1]_ says how to download it: by Globus,
    or file by file from a web address. Put the files into one folder, or keep the folders of the
    archive.

    Parameters
    ----------
    fields : str or sequence of str
        Names of fields, as in `load_cmd`.
    suite : str, default="IllustrisTNG"
        Name of the suite.
    set : str, default="LH"
        Name of the set.
    kind : {"maps", "grids"}, default="maps"
        2D maps or 3D grids.
    n_cells : {128, 256, 512}, default=None
        Cells along a side of the grids; None for maps.
    redshift : float, default=0.0
        0 for maps; 0, 0.5, 1, 1.5 or 2 for grids.

    Returns
    -------
    CMDFiles
        Records with ``name``, ``folder`` in the archive, ``n_bytes`` and ``n_simulations``, the
        arrays first and the table of parameters last; ``n_bytes`` of the whole is the sum over
        the arrays. Sizes are None where they are unknown: the set 1P of IllustrisTNG, SIMBA and
        Astrid had 66 simulations in older releases and has more in the present one.

    Raises
    ------
    ValueError
        If a parameter has none of its allowed values, or the suite has no such set or field.

    See Also
    --------
    load_cmd : Load the files.

    References
    ----------
    .. [1] https://camels-multifield-dataset.readthedocs.io

    Examples
    --------
    >>> from skastro.datasets import cmd_files
    >>> files = cmd_files(["Mgas", "HI"])
    >>> files
        3.9 GB  2D_maps/data/IllustrisTNG/Maps_Mgas_IllustrisTNG_LH_z=0.00.npy
        3.9 GB  2D_maps/data/IllustrisTNG/Maps_HI_IllustrisTNG_LH_z=0.00.npy
         small  2D_maps/data/IllustrisTNG/params_LH_IllustrisTNG.txt
        7.9 GB  in all
    >>> files[0].n_bytes, files[0].n_simulations
    (3932160128, 1000)
    """
    request = check_request("cmd_files", fields, suite, set, kind, n_cells, redshift)
    if request.suite == "Mock":
        raise ValueError(
            "The 'suite' parameter of cmd_files must be a suite of CAMELS. Got 'Mock' instead, "
            "which names made-up maps that no archive holds."
        )
    redshifts = (0.0,) if kind == "maps" else _GRID_REDSHIFTS
    if redshift not in redshifts:
        raise ValueError(
            f"The 'redshift' parameter of cmd_files must be one of {list(redshifts)}, those of "
            f"the {kind} in the archive. Got {redshift!r} instead."
        )
    if kind == "grids" and n_cells not in _GRID_CELLS:
        raise ValueError(
            f"The 'n_cells' parameter of cmd_files must be one of {list(_GRID_CELLS)}, those of "
            f"the grids in the archive. Got {n_cells!r} instead."
        )
    n_simulations = N_SIMULATIONS[request.suite][request.set_name]
    per_simulation = 4 * (MAPS_PER_SIMULATION * _MAP_CELLS**2 if kind == "maps" else n_cells**3)
    n_bytes = n_simulations and n_simulations * per_simulation + _HEADER_BYTES
    where = request.archive_folder
    arrays = [
        CMDFile(request.array_names(field)[0], where, n_bytes, n_simulations)
        for field in request.fields
    ]
    return CMDFiles((*arrays, CMDFile(request.table_names()[0], where, None, n_simulations)))


def _spellings(suite):
    return [suite, *(other for other, name in SUITE_ALIASES.items() if name == suite)]


def _fields_of(suite):
    if suite != hydrodynamic(suite):
        return ["Mtot"]
    return [name for name in FIELDS if name != "B" or suite in ("IllustrisTNG", "Mock")]


def _find(folders, names):
    paths = (folder / name for folder in folders for name in names)
    return next((path for path in paths if path.is_file()), None)


def _remedy(request):
    if request.suite == "Mock":
        return "Make mocks with skastro.simulation.make_camels_like, or name the suite you have."
    grids = "" if request.kind == "maps" else f", kind='grids', n_cells={request.n_cells}"
    grids += f", redshift={request.redshift}" if request.redshift else ""
    return (
        f"skastro.datasets.cmd_files({request.fields}, {request.suite!r}, "
        f"{request.set_name!r}{grids}) lists what to download, "
        "https://camels-multifield-dataset.readthedocs.io says from where."
    )


def _size(n_bytes):
    if n_bytes is None:
        return "unknown"
    return f"{n_bytes / 1e9:.1f} GB" if n_bytes >= 1e9 else f"{n_bytes / 1e6:.1f} MB"
