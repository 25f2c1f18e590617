"""Star-formation rate histories of the simulations of CAMELS."""

from pathlib import Path
from typing import Any, Literal

import numpy as np

from ..exceptions import DatasetFormatError, DatasetNotFoundError, MapShapeError, MapSourceError
from ..maps import MapBunch, open_maps
from ..utils._typing import PathLike
from ._checks import check_choice, check_path, check_switch
from ._cmd_format import BOX_SIZE_MPC_H, HUBBLE, PARAMETER_NAMES, PARAMETER_RANGES
from ._cmd_tables import read_table, six_parameters

_OWNER = "load_camels_sfrh"
_DESCR = Path(__file__).parent / "descr" / "camels_sfrh.rst"
_SUITES = ("IllustrisTNG", "SIMBA")
_N_BINS = 100
_HIGHEST = 7.0
_EXPECTED = f"float32 histories of shape (n_simulations, {_N_BINS})"
_REMEDY = "Copy the file again from the lectures of CAMELS."


def load_camels_sfrh(
    path: PathLike,
    *,
    suite: Literal["IllustrisTNG", "SIMBA"] = "IllustrisTNG",
    return_X_y: bool = False,
) -> MapBunch | Any:
    """Load star-formation rate histories of CAMELS, one signal for each simulation.

    The histories are those of the lectures on machine learning with CAMELS [1]_: the rate at which
    a simulated volume of (25 Mpc/h)^3 forms stars, at 100 redshifts, for the 1,000 simulations of
    the latin hypercube of two suites that differ in their model of galaxies. Small as they are,
    they ask what matters of CAMELS: what is learned from one suite and holds in the other.

    Parameters
    ----------
    path : str or path-like
        Folder with ``SFRH_{suite}.npy`` and ``params_{suite}.txt``. Both names may begin with the
        same further text, such as ``ML_lectures_``. In place of the table, one of the set LH may
        lie there: ``params_LH_{suite}.txt`` or ``CosmoAstroSeed_{suite}_L25n256_LH.txt``.
    suite : {"IllustrisTNG", "SIMBA"}, default="IllustrisTNG"
        The suite.
    return_X_y : bool, default=False
        Return ``(maps, target)`` in place of a Bunch.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Samples are ordered by simulation.

        maps : LazyMaps of shape (n_simulations, 100)
            The histories, as 1D signals. They span five decades, and one simulation of SIMBA has
            zeros: take logarithms by `SignedLog` with ``mode="floor"``.
        target : ndarray of float64, of shape (n_simulations, 6)
            Parameters: Omega_m, sigma_8, A_SN1, A_AGN1, A_SN2, A_AGN2. The four A are relative to
            the fiducial simulation of the suite.
        target_names : ndarray of str
            Names of the columns of `target`.
        target_ranges : ndarray of float64, of shape (6, 2)
            Lowest and highest value of each parameter in the hypercube.
        groups : ndarray of int64, of shape (n_simulations,)
            Number of the simulation in the set LH of its suite. Equal numbers of two suites are
            different simulations.
        initial_conditions : ndarray of int64, of shape (n_simulations,)
            Seeds of the initial conditions where the table has them, else the numbers of
            `groups`. No two simulations of a suite, or of the two suites, share their seed.
        seeds_known : bool
            Whether `initial_conditions` are seeds.
        redshift_bins : ndarray of float64, of shape (100,)
            Redshifts of the columns of `maps`: evenly from 0 to 7.
        field_names : list of str
            ``["SFRH"]``.
        units : list of astropy units
            Msun / (yr Mpc^3), as the lectures label it.
        box_size : float
            Side of the box, in comoving Mpc.
        hubble : float
            h of all simulations, 0.6711.
        suite, set : str
            Suite, and "LH".
        DESCR : str
            Description of the data set.
        filenames : list of str
            The array and the table.

    (maps, target) : tuple if `return_X_y` is True
        As above.

    Raises
    ------
    DatasetNotFoundError
        If the folder or a file is absent.
    DatasetFormatError
        If a file is damaged, does not hold what it should, or does not fit the other.
    ValueError
        If there is no such suite.
    TypeError
        If a parameter has the wrong type.

    See Also
    --------
    load_cmd : Maps and grids of the same simulations.
    skastro.model_selection.cross_suite : Train on one suite and test on another.

    References
    ----------
    .. [1] F. Villaescusa-Navarro, "Lectures on machine learning",
       https://github.com/franciscovillaescusa/ML_lectures
    .. [2] F. Villaescusa-Navarro et al., "The CAMELS project: Cosmology and Astrophysics with
       MachinE Learning Simulations", ApJ 915, 71 (2021).

    Examples
    --------
    Histories of two simulations, made up:

    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from skastro.datasets import load_camels_sfrh
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.save(Path(folder, "SFRH_SIMBA.npy"), np.full((2, 100), 0.1, dtype=np.float32))
    ...     table = [[0.3, 0.9, 1.5, 1, 1, 1], [0.2, 0.7, 1, 3, 0.6, 2]]
    ...     np.savetxt(Path(folder, "params_SIMBA.txt"), table)
    ...     data = load_camels_sfrh(folder, suite="SIMBA")
    >>> data.maps.shape, data.target[1].tolist()
    ((2, 100), [0.2, 0.7, 1.0, 3.0, 0.6, 2.0])
    >>> data.redshift_bins[[0, -1]].tolist(), *map(str, data.units)
    ([0.0, 7.0], 'solMass / (yr Mpc3)')
    """
    folder = check_path(_OWNER, "path", path)
    check_choice(_OWNER, "suite", suite, _SUITES)
    check_switch(_OWNER, "return_X_y", return_X_y)
    array_path, table_path = _find(folder, suite)
    table = read_table(table_path, suite, "LH")
    target = six_parameters(table, suite, "LH")
    maps = _open(array_path, table_path, len(target))
    if return_X_y:
        return maps, target

    from astropy import units

    groups = np.arange(len(target))
    return MapBunch(
        maps=maps,
        target=target,
        target_names=np.array(PARAMETER_NAMES),
        target_ranges=np.array(PARAMETER_RANGES[suite]),
        groups=groups,
        initial_conditions=groups.copy() if table.seeds is None else table.seeds,
        seeds_known=table.seeds is not None,
        redshift_bins=np.linspace(0, _HIGHEST, _N_BINS),
        field_names=["SFRH"],
        units=[units.Msun / units.yr / units.Mpc**3],
        box_size=BOX_SIZE_MPC_H / HUBBLE,
        hubble=HUBBLE,
        suite=suite,
        set="LH",
        DESCR=_DESCR.read_text(encoding="utf-8"),
        filenames=[str(array_path), str(table_path)],
    )


def _find(folder, suite):
    """The array and the table of a suite."""
    if not folder.is_dir():
        raise DatasetNotFoundError(
            f"{_OWNER} found no folder '{folder}'. Give the folder of SFRH_{suite}.npy and "
            f"params_{suite}.txt."
        )
    name = f"SFRH_{suite}.npy"
    found = sorted(folder.glob(f"*{name}"))
    if not found:
        raise DatasetNotFoundError(
            f"{_OWNER} found no '{name}' in '{folder}', nor a file whose name ends so. It comes "
            "with the lectures on machine learning of CAMELS, in their folder data."
        )
    if len(found) > 1:
        raise DatasetFormatError(
            f"{_OWNER} found several files in '{folder}' whose names end with {name!r}: "
            f"{[path.name for path in found]}. Leave one there."
        )
    prefix = found[0].name.removesuffix(name)
    tables = [
        f"{prefix}params_{suite}.txt",
        f"params_{suite}.txt",
        f"params_LH_{suite}.txt",
        f"CosmoAstroSeed_{suite}_L25n256_LH.txt",
    ]
    for table in tables:
        if (folder / table).is_file():
            return found[0].absolute(), (folder / table).absolute()
    raise DatasetNotFoundError(
        f"{_OWNER} found '{found[0]}' but no table of its parameters beside it: none of "
        f"{list(dict.fromkeys(tables))}. It comes with the array."
    )


def _open(path, table_path, n_simulations):
    """Open the histories, once they are seen to be such."""
    try:
        maps = open_maps(path)
    except MapSourceError as error:
        raise DatasetFormatError(
            f"'{path}' cannot be read as a .npy file, it may be cut short at "
            f"{path.stat().st_size} bytes: {error} Expected {_EXPECTED}. {_REMEDY}"
        ) from error
    except MapShapeError as error:
        raise DatasetFormatError(
            f"'{path}' holds no histories: {error} Expected {_EXPECTED}."
        ) from error
    shape, dtype = maps.source.shape, maps.source.dtype
    if len(shape) != 2 or shape[1] != _N_BINS or dtype.kind != "f":
        raise DatasetFormatError(
            f"'{path}' holds an array of shape {shape} and dtype {dtype}; expected {_EXPECTED}. "
            f"{_REMEDY}"
        )
    if shape[0] != n_simulations:
        raise DatasetFormatError(
            f"'{path}' holds {shape[0]} histories; expected {n_simulations}, one for each row of "
            f"'{table_path}'. Take the table that belongs to this file."
        )
    values = np.asarray(maps)
    bad = np.argwhere(~(np.isfinite(values) & (values >= 0)))
    if bad.size:
        row, column = bad[0].tolist()
        raise DatasetFormatError(
            f"'{path}' holds {values[row, column]} in row {row}, column {column}; expected rates, "
            f"finite and not negative. {_REMEDY}"
        )
    return maps
