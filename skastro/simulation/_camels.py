"""Mock maps in the layout of the CAMELS Multifield Dataset."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from joblib import Parallel, delayed
from joblib.parallel import get_active_backend

from ..datasets import load_cmd
from ..datasets._checks import check_choice, check_path, check_switch, chosen_fields, message
from ..datasets._cmd import cmd_bunch
from ..datasets._cmd_format import (
    BOX_SIZE_MPC_H,
    FIDUCIAL,
    FIELDS,
    HUBBLE,
    MAPS_PER_SIMULATION,
    PARAMETER_NAMES,
)
from ..maps import MapBunch
from ..utils._seeds import seed_entropy
from ..utils._typing import PathLike, RandomState
from ._box import linear_cell_power, simulate_maps
from ._camels_files import SUITE, plan_files, write_set
from ._camels_sets import DEFAULT_SIZES, FIXED_SETS, parameter_table, simulation_streams
from ._checks import check_count
from ._density import log_bias
from ._grid import PeriodicGrid

_DESCR = Path(__file__).parent / "descr" / "camels_like.rst"
_OWNER = "make_camels_like"
_MIN_CELLS = 8


def make_camels_like(
    folder: PathLike | None = None,
    n_simulations: int | None = None,
    *,
    set: Literal["LH", "CV", "1P", "EX"] = "LH",  # noqa: A002
    fields: str | Sequence[str] | None = None,
    n_cells: int = 64,
    n_jobs: int | None = None,
    overwrite: bool = False,
    random_state: RandomState = None,
) -> MapBunch:
    r"""Make mock maps in the layout of the CAMELS Multifield Dataset.

    Boxes of 25 Mpc/h with a lognormal density are filled with stars and gas by closed recipes, in
    which the six parameters of CAMELS [1]_ act, and projected to 15 maps each, along three axes
    in five slabs. They are to test pipelines on, to compare methods and to teach with. They are
    not simulations: gravity is linear, there are no haloes, and the feedback is invented, so
    that no number obtained from them says anything of CAMELS. Needs colossus, of the extra
    ``sim``.

    Parameters
    ----------
    folder : str or path-like, default=None
        Where to write ``Maps_{field}_Mock_{set}_z=0.00.npy`` and ``params_{set}_Mock.txt``; it
        is made if it is absent. None keeps the maps in memory.
    n_simulations : int, default=None
        Number of simulations. None makes 100 of "LH" and 27 of "CV"; "1P" has 66 and "EX"
        has 4, no more and no fewer.
    set : {"LH", "CV", "1P", "EX"}, default="LH"
        How the parameters vary, as in CAMELS. "LH" is a latin hypercube, each simulation with
        random phases of its own, and "CV" has the fiducial parameters and various phases.
        "1P" varies one parameter at a time over 11 values and "EX" has extreme feedback, both with
        the same phases throughout.
    fields : str or sequence of str, default=None
        Fields to make, in the order of the channels, among "Mgas", "Vgas", "T", "P", "Z", "HI",
        "ne", "B", "MgFe", "Mcdm", "Vcdm", "Mstar", "Mtot". None makes all 13.
    n_cells : int, default=64
        Cells along a side of the box and the maps, at least 8. CMD itself has 256.
    n_jobs : int, default=None
        Simulations to make at once, see joblib, with the backend "loky" or "threading". The maps
        do not depend on it.
    overwrite : bool, default=False
        Whether to overwrite files of the same names.
    random_state : int, RandomState instance or None, default=None
        Seed of parameters, phases and scatter. With an int, the phases and scatter of
        simulation i of a set depend on nothing else but `n_cells`. No two sets share them, and
        no two simulations but those of "1P" and of "EX".

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        As of `load_cmd` for the suite "Mock". With a folder, `maps` is a `LazyMaps` that reads
        the files; without, an array of float32, of shape (15 * n_simulations, n_fields,
        n_cells, n_cells), and `filenames` is empty. Of the 15 maps of a simulation, map
        ``5 * axis + slab`` is that of the slab along this axis; its rows and columns are the
        other two axes, in their order. `DESCR` has the recipes. `initial_conditions` are no
        seeds, and `seeds_known` is False: equal numbers in two sets do not mean equal phases.

    Raises
    ------
    ImportError
        If colossus is not installed.
    FileExistsError
        If a file is there and `overwrite` is False, or if files of other fields of the same set
        are there, which would not belong to the new ones.
    OSError
        If the files cannot be written. They get their names when all are whole, so that files
        which were there stay as they were; if it is the renaming that fails, some are replaced
        and the table of parameters is absent.
    ValueError
        If a parameter has none of its allowed values, or the active backend of joblib cannot
        return results one by one.
    TypeError
        If a parameter has the wrong type.

    See Also
    --------
    skastro.datasets.load_cmd : Load the files again, and those of CMD itself.

    Notes
    -----
    The logarithm of the density is a Gaussian field [2]_ of the linear power spectrum [3]_
    of the cosmology, times a factor b^2 below one that is of the fiducial cosmology [4]_:
    :math:`1 + \delta \propto \exp(b \delta_L)`. Velocities follow from :math:`\delta_L` by the
    linear continuity equation. Stars form in dense cells, with an efficiency that is a double
    power law [5]_; A_SN1 lowers its low end, A_AGN1 its high end. Winds and active nuclei drive
    gas, energy and metals out of these cells, with strengths A_SN1 and A_AGN1, to distances that
    grow with A_SN2 and A_AGN2. Temperature follows from density [6]_, shocks and feedback, and
    pressure, neutral hydrogen, electrons and magnetic field from these. The efficiency scatters
    from place to place, and the strength of feedback by 20 % (A_SN1, A_AGN1) and 10 % (A_SN2,
    A_AGN2) from simulation to simulation, so that no parameter can be read off exactly.

    Recipes act on cells, so that maps of fewer cells are not those of more cells degraded, and
    phases of one seed differ between them. A simulation of 64 cells a side with all fields takes
    about 0.3 s, and one of 256 cells about 30 s and 3.5 GB of memory.

    References
    ----------
    .. [1] F. Villaescusa-Navarro et al., "The CAMELS project: Cosmology and Astrophysics with
       MachinE Learning Simulations", ApJ 915, 71 (2021).
    .. [2] P. Coles and B. Jones, "A lognormal model for the cosmological mass distribution",
       MNRAS 248, 1 (1991).
    .. [3] D. J. Eisenstein and W. Hu, "Baryonic features in the matter transfer function",
       ApJ 496, 605 (1998).
    .. [4] A. Repp and I. Szapudi, "Precision prediction of the log power spectrum",
       MNRAS 464, L21 (2017).
    .. [5] B. P. Moster et al., "Constraints on the relationship between stellar mass and halo mass
       at low and high redshift", ApJ 710, 903 (2010).
    .. [6] L. Hui and N. Y. Gnedin, "Equation of state of the photoionized intergalactic medium",
       MNRAS 292, 27 (1997).

    Examples
    --------
    >>> from skastro.simulation import make_camels_like
    >>> data = make_camels_like(
    ...     n_simulations=4, fields=["Mgas", "HI"], n_cells=16, random_state=0
    ... )
    >>> data.maps.shape, data.target.shape
    ((60, 2, 16, 16), (60, 6))
    >>> [str(name) for name in data.target_names]
    ['Omega_m', 'sigma_8', 'A_SN1', 'A_AGN1', 'A_SN2', 'A_AGN2']
    >>> len(set(data.groups.tolist()))
    4
    """
    check_choice(_OWNER, "set", set, list(DEFAULT_SIZES))
    _check_backend()
    fields = _check_fields(fields)
    n_simulations = _check_size(n_simulations, set)
    check_count(_OWNER, "n_cells", n_cells, _MIN_CELLS)
    check_switch(_OWNER, "overwrite", overwrite)
    entropy = seed_entropy(_OWNER, random_state)
    if folder is not None:
        folder = check_path("make_camels_like", "folder", folder, "None, a str or a path")
        paths, table_path = plan_files(folder, fields, set, overwrite)

    table = parameter_table(set, n_simulations, entropy)
    grid = PeriodicGrid(int(n_cells), BOX_SIZE_MPC_H)
    bias = log_bias(grid, linear_cell_power(grid, *FIDUCIAL[:2], HUBBLE))
    boxes = Parallel(n_jobs=n_jobs, return_as="generator")(
        delayed(simulate_maps)(
            grid, row, fields, bias, HUBBLE, simulation_streams(set, number, entropy)
        )
        for number, row in enumerate(table)
    )
    if folder is None:
        return _in_memory(set, fields, table, boxes, grid)
    folder.mkdir(parents=True, exist_ok=True)
    write_set(paths, table_path, table, boxes, grid.n_cells)
    data = load_cmd(folder, fields, suite=SUITE, set=set)
    data.DESCR = _DESCR.read_text(encoding="utf-8")
    return data


def _in_memory(set_name, fields, table, boxes, grid):
    n_samples = len(table) * MAPS_PER_SIMULATION
    maps = np.empty((n_samples, len(fields), grid.n_cells, grid.n_cells), dtype=np.float32)
    for part, box in zip(
        maps.reshape(len(table), MAPS_PER_SIMULATION, *maps.shape[1:]), boxes, strict=True
    ):
        part[...] = box.swapaxes(0, 1)
    numbers = np.arange(len(table))
    return cmd_bunch(
        maps,
        numbers,
        target=table,
        all_parameters=(list(PARAMETER_NAMES), table),
        initial_conditions=np.zeros_like(numbers) if set_name in FIXED_SETS else numbers,
        seeds_known=False,
        field_names=fields,
        redshift=0.0,
        suite=SUITE,
        set=set_name,
        DESCR=_DESCR.read_text(encoding="utf-8"),
        filenames=[],
    )


def _message(parameter, allowed, given):
    return message(_OWNER, parameter, allowed, given)


def _check_size(n_simulations, set_name):
    size = DEFAULT_SIZES[set_name]
    if n_simulations is None:
        return size
    check_count(_OWNER, "n_simulations", n_simulations, 1)
    if set_name in FIXED_SETS and n_simulations != size:
        allowed = f"None or {size} with set={set_name!r}, whose parameters are fixed"
        raise ValueError(_message("n_simulations", allowed, n_simulations))
    return int(n_simulations)


def _check_fields(fields):
    if fields is None:
        return list(FIELDS)
    names = chosen_fields(fields, FIELDS)
    if not names:
        allowed = f"None, one of {list(FIELDS)} or a sequence of some of them, each once"
        raise ValueError(_message("fields", allowed, fields))
    return names


def _check_backend():
    backend, _ = get_active_backend()
    if not backend.supports_return_generator:
        raise ValueError(
            "make_camels_like takes the backends 'loky' and 'threading' of joblib, which return "
            f"results one by one. Got {type(backend).__name__} instead. Name one of them, as in "
            "joblib.parallel_config('loky')."
        )
