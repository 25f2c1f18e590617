"""List the files of the CAMELS Multifield Dataset, and what they weigh."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from ._cmd_format import MAPS_PER_SIMULATION, N_SIMULATIONS, is_documented
from ._cmd_request import GRID_CELLS, check_request

_HEADER_BYTES = 128
_MAP_CELLS = 256


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
    fields: str | Sequence[str],
    suite: str = "IllustrisTNG",
    set: str = "LH",  # noqa: A002
    *,
    kind: Literal["maps", "grids"] = "maps",
    n_cells: Literal[128, 256, 512] | None = None,
    redshift: float = 0.0,
) -> CMDFiles:
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
        Astrid had 66 simulations in older releases and has more in the present one, and of other
        suites, as of the sets BE but for that of IllustrisTNG, the documentation of the dataset
        lists no files. ``n_simulations`` is then the number in CAMELS, or None.

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
    if request.redshift not in request.redshifts:
        raise ValueError(
            f"The 'redshift' parameter of cmd_files must be one of {list(request.redshifts)}, "
            f"those of the {kind} in the archive. Got {redshift!r} instead."
        )
    if not request.in_archive:
        raise ValueError(
            f"The 'n_cells' parameter of cmd_files must be one of {list(GRID_CELLS)}, those of "
            f"the grids in the archive. Got {n_cells!r} instead."
        )
    n_simulations = N_SIMULATIONS[request.suite][request.set_name]
    per_simulation = 4 * (n_cells**3 if n_cells else MAPS_PER_SIMULATION * _MAP_CELLS**2)
    n_bytes = None
    if n_simulations is not None and is_documented(request.suite, request.set_name):
        n_bytes = n_simulations * per_simulation + _HEADER_BYTES
    where = request.archive_folder
    arrays = [
        CMDFile(request.array_names(field)[0], where, n_bytes, n_simulations)
        for field in request.fields
    ]
    return CMDFiles((*arrays, CMDFile(request.table_names()[0], where, None, n_simulations)))


def _size(n_bytes):
    if n_bytes is None:
        return "unknown"
    return f"{n_bytes / 1e9:.1f} GB" if n_bytes >= 1e9 else f"{n_bytes / 1e6:.1f} MB"
