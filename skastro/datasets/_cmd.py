"""Maps and grids of the CAMELS Multifield Dataset."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ..exceptions import DatasetFormatError, MapShapeError, MapSourceError
from ..maps import MapBunch, open_maps, stack_channels
from ..utils._typing import PathLike
from ._checks import check_path, check_switch
from ._cmd_find import find_files
from ._cmd_format import (
    BOX_SIZE_MPC_H,
    FIELDS,
    HUBBLE,
    MAPS_PER_SIMULATION,
    PARAMETER_NAMES,
    PARAMETER_RANGES,
    hydrodynamic,
)
from ._cmd_request import check_request
from ._cmd_tables import read_table, six_parameters

_DESCR = Path(__file__).parent / "descr" / "cmd.rst"
_SAME_PHASES = ("1P", "EX", "BE")


def load_cmd(
    folder: PathLike,
    fields: str | Sequence[str],
    suite: str = "IllustrisTNG",
    set: str = "LH",  # noqa: A002
    *,
    kind: Literal["maps", "grids"] = "maps",
    n_cells: int | None = None,
    redshift: float = 0.0,
    return_X_y: bool = False,
    simulations: Sequence[int] | np.ndarray | None = None,
    params_file: PathLike | None = None,
) -> MapBunch | Any:
    """Load maps or grids of the CAMELS Multifield Dataset (CMD) without reading them.

    CMD [1]_ holds 2D maps and 3D grids of 13 fields from thousands of simulations of a periodic
    box of 25 Mpc/h, which differ in cosmology and in the feedback of supernovae and black holes.
    The files are opened, several fields become the channels of one `LazyMaps`, and rows are read
    when they are needed. `cmd_files` lists what to download.

    Parameters
    ----------
    folder : str or path-like
        Folder with the files ``Maps_{field}_{suite}_{set}_z=0.00.npy`` or
        ``Grids_{field}_{suite}_{set}_{n_cells}_z=0.0.npy`` and ``params_{set}_{suite}.txt``, or
        with the sub-folders of the archive. In place of the last, a table
        ``CosmoAstroSeed_{suite}_L25n256_{set}.txt`` of CAMELS may lie there, or for the set "LH"
        a ``params_{suite}.txt`` of the first release. N-body suites take the table of their
        hydrodynamic twin where they have none.
    fields : str or sequence of str
        Fields to load, in the order of the channels, among "Mgas", "Vgas", "T", "P", "Z", "HI",
        "ne", "B", "MgFe", "Mcdm", "Vcdm", "Mstar", "Mtot". Magnetic fields "B" are of
        IllustrisTNG only; the N-body suites have "Mtot" only.
    suite : str, default="IllustrisTNG"
        "IllustrisTNG", "SIMBA", "Astrid", "EAGLE" (or "SwiftEAGLE"), "Magneticum", "Ramses",
        "CROCODILE", "Obsidian"; "Nbody_IllustrisTNG" and so on for their N-body twins; "Mock"
        for files of made-up maps.
    set : str, default="LH"
        A set of the suite: "LH" (latin hypercube), "CV" (fiducial parameters, various initial
        conditions), "1P" (one parameter at a time), "EX" (extreme feedback), "BE" (the same
        simulation anew), or a Sobol sequence, such as "SB28".
    kind : {"maps", "grids"}, default="maps"
        2D maps, 15 for each simulation, or 3D grids, one for each.
    n_cells : int, default=None
        Cells along a side of the grids: 128, 256 or 512 in CMD. None for maps, whose size is
        that of the files.
    redshift : float, default=0.0
        Redshift of the files, of two decimals at most, as in their names.
    return_X_y : bool, default=False
        Return ``(maps, target)`` in place of a Bunch. There are then no `groups`: take the
        Bunch to split by simulation.
    simulations : sequence of int, default=None
        Simulations to keep, by their numbers in the set, in this order. None keeps all.
    params_file : str or path-like, default=None
        Table of parameters to take. None looks for it, beside the arrays first.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Samples are ordered by simulation.

        maps : LazyMaps of shape (n_samples, n_fields, h, h) or (n_samples, n_fields, d, d, d)
            The fields, as they are in the files: take logarithms before training. "Mstar" is zero
            where there are no stars; `SignedLog` with ``mode="floor"`` takes it.
        target : ndarray of float64, of shape (n_samples, 6)
            Parameters of each sample: Omega_m, sigma_8, A_SN1, A_AGN1, A_SN2, A_AGN2. The four
            A are relative to the fiducial simulation, whatever the units in the table. Two
            columns for N-body suites, which have no feedback. In the set EX some A are 0, so
            that their logarithm is -inf.
        target_names : ndarray of str
            Names of the columns of `target`.
        target_ranges : ndarray of float64, of shape (n_targets, 2), or None
            Lowest and highest value of each parameter in the sets LH, SB and 1P of the suite, to
            scale `target` by; EX goes beyond. None where they are unknown, as for Obsidian.
        all_parameters : ndarray of float64, of shape (n_samples, n_columns)
            All columns of the table in its own units: 28 of the present sets 1P and SB28 of
            IllustrisTNG.
        all_parameter_names : list of str
            Their names.
        groups : ndarray of int64, of shape (n_samples,)
            Number of the simulation in its set. Split by these.
        map_index : ndarray of int64, of shape (n_samples,)
            Number of the map in its simulation, 0 to 14; 0 for grids.
        initial_conditions : ndarray of int64, of shape (n_samples,)
            Equal where simulations of this set share the random phases of their initial
            conditions: all of 1P, EX and BE; none of the other sets. These are the seeds
            where the table has them, and otherwise numbers from 0. Between sets they can be
            compared only where `seeds_known` is True for both: sets do share phases, as do most
            simulations of CV with some of LH in IllustrisTNG.
        seeds_known : bool
            Whether `initial_conditions` are seeds.
        field_names : list of str
            Names of the channels.
        field_descriptions : list of str
            What they are.
        units : list of astropy units
            Units of the channels, with ``littleh`` for h. They follow the documentation of CMD,
            which corrects those in the paper.
        redshift : float
            Redshift of all samples.
        box_size, cell_size : float
            Sides of the box and of a cell, in comoving Mpc, for the fiducial h. Where h is
            varied, as in SB28 (see `all_parameters`), the box is of 25 Mpc/h all the same.
        hubble : float
            The fiducial h, 0.6711.
        suite, set : str
            Suite and set.
        DESCR : str
            Description of the data set.
        filenames : list of str
            Files that were opened, the table of parameters last.

    (maps, target) : tuple if `return_X_y` is True
        As above.

    Raises
    ------
    DatasetNotFoundError
        If the folder or a file is absent.
    DatasetFormatError
        If a file is damaged, has an unexpected shape or type, or does not fit the others, or if
        fields lie beside tables that differ.
    ValueError
        If a parameter has none of its allowed values, or the suite has no such set or field.
    TypeError
        If a parameter has the wrong type.

    See Also
    --------
    cmd_files : List the files to download.

    Notes
    -----
    Of the arrays only headers are read, so that NaN in a file is found when it is read.

    In the set 1P, older releases have 66 simulations and a table of six relative parameters, the
    present one of IllustrisTNG has 140 and a table of 28 in the units of the code. Either is
    taken, told by the columns, and arrays of one with the table of the other are refused.

    References
    ----------
    .. [1] F. Villaescusa-Navarro et al., "The CAMELS Multifield Data Set: Learning the Universe's
       Fundamental Parameters with Artificial Intelligence", ApJS 259, 61 (2022).
    .. [2] F. Villaescusa-Navarro et al., "The CAMELS project: Cosmology and Astrophysics with
       MachinE Learning Simulations", ApJ 915, 71 (2021).

    Examples
    --------
    Maps of two simulations, as small as can be:

    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from skastro.datasets import load_cmd
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for field in ("Mgas", "HI"):
    ...         path = Path(folder, f"Maps_{field}_IllustrisTNG_LH_z=0.00.npy")
    ...         np.save(path, np.ones((30, 8, 8), dtype=np.float32))
    ...     path = Path(folder, "params_LH_IllustrisTNG.txt")
    ...     np.savetxt(path, [[0.3, 0.9, 1.5, 1, 1, 1], [0.2, 0.7, 1, 3, 0.6, 2]])
    ...     data = load_cmd(folder, ["Mgas", "HI"])
    >>> data.maps.shape, data.target.shape
    ((30, 2, 8, 8), (30, 6))
    >>> data.target[15].tolist(), data.groups[15].item()
    ([0.2, 0.7, 1.0, 3.0, 0.6, 2.0], 1)
    >>> print(*data.units, sep=", ")
    littleh solMass / Mpc2, littleh solMass / Mpc2
    """
    request = check_request("load_cmd", fields, suite, set, kind, n_cells, redshift)
    check_switch("load_cmd", "return_X_y", return_X_y)
    folder = check_path("load_cmd", "folder", folder)
    if params_file is not None:
        params_file = check_path("load_cmd", "params_file", params_file, "None, a str or a path")
    arrays, table_path = find_files(folder, request, params_file)
    table = read_table(table_path, request.suite, request.set_name)
    per_row = six_parameters(table, request.suite, request.set_name)
    per_simulation = MAPS_PER_SIMULATION if kind == "maps" else 1
    maps = _open(arrays, request, per_simulation, table)

    kept = _check_simulations(simulations, len(per_row))
    if simulations is not None:
        within = np.arange(per_simulation)
        maps = maps[(kept[:, np.newaxis] * per_simulation + within).ravel()]
    if return_X_y:
        return maps, np.repeat(per_row[kept], per_simulation, axis=0)

    if table.seeds is not None:
        phases = table.seeds
    elif request.set_name in _SAME_PHASES:
        phases = np.zeros(len(per_row), dtype=np.int64)
    else:
        phases = np.arange(len(per_row))
    return cmd_bunch(
        maps,
        kept,
        target=per_row,
        all_parameters=(list(table.names), table.values),
        initial_conditions=phases,
        seeds_known=table.seeds is not None,
        field_names=request.fields,
        redshift=request.redshift,
        suite=request.suite,
        set=request.set_name,
        DESCR=_DESCR.read_text(encoding="utf-8"),
        filenames=[str(path) for path in (*arrays, table_path)],
    )


def cmd_bunch(maps, simulations, *, target, all_parameters, initial_conditions, **described):
    """Put maps and what is known of their simulations together.

    Parameters
    ----------
    maps : ndarray or LazyMaps of shape (n_samples, n_fields, *spatial)
        Maps or grids, equally many of each simulation.
    simulations : ndarray of int
        Numbers of the simulations that the maps are of, in their order.
    target : ndarray of shape (n_simulations, n_parameters)
        Parameters of all simulations of the set.
    all_parameters : tuple of list of str and ndarray of shape (n_simulations, n_columns)
        Names and values of the whole table.
    initial_conditions : ndarray of int, of shape (n_simulations,)
        Equal where simulations share their phases.
    **described : object
        Further entries, `field_names` and `suite` among them.

    Returns
    -------
    sklearn.utils.Bunch
        As `load_cmd` returns.
    """
    per_simulation = len(maps) // len(simulations)
    groups = np.repeat(simulations, per_simulation)
    names, values = all_parameters
    box_size = BOX_SIZE_MPC_H / HUBBLE
    unit = "unit2d" if maps.ndim == 4 else "unit3d"
    fields = [FIELDS[name] for name in described["field_names"]]
    ranges = PARAMETER_RANGES.get(hydrodynamic(described["suite"]))
    return MapBunch(
        maps=maps,
        target=target[groups],
        target_names=np.array(PARAMETER_NAMES[: target.shape[1]]),
        target_ranges=ranges and np.array(ranges[: target.shape[1]]),
        all_parameters=values[groups],
        all_parameter_names=names,
        groups=groups,
        map_index=np.tile(np.arange(per_simulation), len(simulations)),
        initial_conditions=initial_conditions[groups],
        field_descriptions=[field.description for field in fields],
        units=[getattr(field, unit) for field in fields],
        box_size=box_size,
        cell_size=box_size / maps.shape[-1],
        hubble=HUBBLE,
        **described,
    )


def _check_simulations(simulations, n_simulations):
    if simulations is None:
        return np.arange(n_simulations)
    try:
        kept = np.asarray(simulations)
    except ValueError:  # sequences of unequal lengths
        kept = np.empty(0)
    if kept.ndim != 1 or kept.size == 0 or kept.dtype.kind not in "iu":
        raise TypeError(
            "The 'simulations' parameter of load_cmd must be None or a sequence of at least one "
            f"integer. Got {simulations!r} instead."
        )
    if kept.min() < 0 or kept.max() >= n_simulations or len(np.unique(kept)) < len(kept):
        raise ValueError(
            "The 'simulations' parameter of load_cmd must hold numbers from 0 to "
            f"{n_simulations - 1}, those of the table of parameters, each once. "
            f"Got {simulations!r} instead."
        )
    return kept.astype(np.int64)


def _open(arrays, request, per_simulation, table):
    """Open the file of each field and stack them, once they fit the request and the table."""
    dim = 2 if request.kind == "maps" else 3
    members = [_open_field(path, dim, request.n_cells) for path in arrays]
    n_expected = per_simulation * len(table.values)
    for path, member in zip(arrays, members, strict=True):
        if member.shape[1:] != members[0].shape[1:]:
            raise DatasetFormatError(
                f"'{path}' holds {request.kind} of {member.shape[1:]} cells and '{arrays[0]}' of "
                f"{members[0].shape[1:]}; expected equal sizes. Bring them to one size first, or "
                "load them one by one."
            )
        if len(member) != n_expected:
            raise DatasetFormatError(
                f"'{path}' holds {len(member)} {request.kind}; expected {n_expected}, "
                f"{per_simulation} for each of the {len(table.values)} rows of '{table.path}'. "
                f"{_mismatch_remedy(request.set_name)}"
            )
    return stack_channels(members, dim=dim)


def _mismatch_remedy(set_name):
    if set_name == "1P":
        return (
            "Older releases of the set 1P have 66 simulations and six columns, the present one "
            "of IllustrisTNG has 140 and 28: take arrays and table of one release."
        )
    return "Take the table that belongs to these files, and whole files."


def _open_field(path, dim, n_cells):
    expected = "float32 maps of shape (n, h, h)"
    if dim == 3:
        expected = f"float32 grids of shape (n, {n_cells}, {n_cells}, {n_cells})"
    try:
        maps = open_maps(path)
    except MapSourceError as error:
        raise DatasetFormatError(
            f"'{path}' cannot be read as a .npy file, it may be cut short at "
            f"{path.stat().st_size} bytes: {error} Expected {expected}. Copy the file again from "
            "the archive."
        ) from error
    except MapShapeError as error:
        raise DatasetFormatError(
            f"'{path}' does not hold maps: {error} Expected {expected}."
        ) from error
    shape, dtype = maps.source.shape, maps.source.dtype
    square = len(shape) == dim + 1 and len({*shape[1:]}) == 1 and shape[1] > 0
    if not square or dtype.kind != "f" or (dim == 3 and shape[1] != n_cells):
        raise DatasetFormatError(
            f"'{path}' holds an array of shape {shape} and dtype {dtype}; expected {expected}, "
            "or floats of another size. Copy the file again from the archive, or give another "
            "kind or n_cells."
        )
    return maps
