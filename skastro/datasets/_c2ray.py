"""Cubes of C2-Ray and pyC2Ray, with the densities and sources that they were run on."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ..maps import MapBunch
from ..utils._typing import Floats, PathLike
from ._c2ray_fields import FIELDS, KIND_OF, OWNER, Physics, make_cubes, units_of
from ._c2ray_names import KNOWN_NAMES, NamedFile, recognize
from ._cbin_find import find_files
from ._cbin_samples import (
    check_complete,
    choose_redshifts,
    filenames,
    make_maps,
    pair_by_redshift,
    sides,
    unknown_or,
)
from ._cbin_units import check_physical, check_whole
from ._checks import check_choice, check_fields, check_switch, message

_DESCR = Path(__file__).parent / "descr" / "c2ray.rst"
_TWICE = "Give the list of paths that belong together, of one simulation and one format, as path."


def load_c2ray(
    path: PathLike | Sequence[PathLike],
    *,
    fields: str | Sequence[str] | None = None,
    target: Literal["xHII"] | None = "xHII",
    redshift: Floats | None = None,
    box_size: float | None = None,
    hubble: float | None = None,
    omega_m: float | None = None,
    omega_b: float | None = None,
    n_fine: int | None = None,
    density_kind: Literal["contrast", "relative", "grid_mass"] | None = None,
    source_unit: Literal["grid_mass", "Msun"] = "grid_mass",
    source_mass: int = 0,
    first_index: int | None = None,
    seed: int | None = None,
    return_X_y: bool = False,
) -> MapBunch | Any:
    """Load cubes of one simulation of C2-Ray or pyC2Ray, without reading them.

    Each sample is the box at one redshift, which the names of the files tell: what it was run on
    in the channels of `maps`, and the ionized fraction as `target`. Only names, sizes and headers
    are read; cubes are read when they are needed. The axes are x, y and z, whatever the order in
    the file. Nothing that the files do not tell is assumed: the cosmology and the sides of the
    box are parameters, and fields that need them are not there without.

    Parameters
    ----------
    path : str, path-like or sequence of these
        Files and folders of one simulation. Folders are searched with all that are below, and
        other files in them are passed over. Known are

        - ``xfrac3d_7.500.bin``, ionized fractions of C2-Ray: two records of Fortran, the mesh as
          three int32 and float64 or, of old versions, float32 values;
        - ``xfrac_z7.500.dat`` or ``xfrac_7.500.dat``, those of pyC2Ray: the mesh and the values,
          without records; ``.npy`` and ``.npz`` of such names as well;
        - ``7.500n_all.dat``, densities of CubeP3M: the mesh and float32 masses of the cells;
          ``density_z7.500.npy`` or ``.npz``, see `density_kind`;
        - ``7.500-coarsest_wsubgrid_sources.dat``, lists of sources as text: their number, and for
          each i, j, k and masses; ``.hdf5`` of such names, lists of pyC2Ray.

    fields : {"density", "n_igm", "src_mass", "n_src", "xHII"} or sequence, default=None
        Fields to load, in the order of the channels:

        - "density", the density contrast, density over mean density less one;
        - "n_igm", the density of the gas, in proper g/cm3; needs `hubble` and `omega_b`;
        - "src_mass", the mass of the sources in each cell, as it is in the file;
        - "n_src", the same for each comoving volume, in Msun/Mpc3; needs `hubble`, `omega_m` and
          `n_fine` where the file has grid masses, and `box_size` where it has solar masses;
        - "xHII", the ionized fraction, where it is not the target.

        None takes those of "n_igm" and "n_src" of which there are files and all that is needed,
        and "density" and "src_mass" in their places where something is not given.
    target : {"xHII"} or None, default="xHII"
        Field of the target; None where there is none.
    redshift : float or sequence of float, default=None
        Redshifts to keep; None keeps all, of which each must have all files.
    box_size : float, default=None
        Side of the box along the first axis, in comoving Mpc (not Mpc/h). Cells are cubes.
    hubble : float, default=None
        Hubble constant over 100 km/s/Mpc.
    omega_m, omega_b : float, default=None
        Density parameters of matter and of baryons.
    n_fine : int, default=None
        Fine cells of CubeP3M along the first axis, such as 8000, which define its grid masses:
        the mean mass of a fine cell is one. Where it is not given, densities are divided by their
        mean over the cube; where it is, that mean must agree with it within a factor of two.
    density_kind : {"contrast", "relative", "grid_mass"}, default=None
        What densities in ``.npy`` and ``.npz`` files are, which these do not tell: the density
        contrast, the density over its mean, or masses as CubeP3M has them.
    source_unit : {"grid_mass", "Msun"}, default="grid_mass"
        Unit of the masses of sources in texts. Those in HDF5 files are in Msun.
    source_mass : int, default=0
        Which of the masses in texts is taken: 0 the first behind i, j, k, that of the halos of
        high mass; 1 that of low mass. HDF5 files have but one.
    first_index : int, default=None
        Number of the first cell in lists of sources. None is 1 for texts, as Fortran counts, and
        0 for HDF5 files.
    seed : int, default=None
        Number of the simulation, for `groups`.
    return_X_y : bool, default=False
        Return ``(maps, target)`` in place of a Bunch.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Samples are in ascending order of redshift.

        maps : LazyMaps of shape (n_samples, n_fields, d, h, w)
            The fields, with axes x, y and z.
        target : LazyMaps of shape (n_samples, d, h, w) or None
            The ionized fraction.
        groups : ndarray of int64, of shape (n_samples,)
            `seed`, or -1: the redshifts of one simulation belong together. Give each simulation
            its own number before putting several together.
        redshift : ndarray of float64, of shape (n_samples,)
            Redshift of each sample.
        seed : ndarray of int64, of shape (n_samples,)
            `seed`, or -1 where it is not given.
        field_names : list of str
            Names of the channels.
        units : list of astropy units
            Units of the channels.
        frames : list of str or None
            "proper" or "comoving" for each channel, None where its unit has no length.
        target_unit : astropy unit
            Unit of the target, none.
        box_size, cell_size : float or None
            Sides of the box and of a cell, in comoving Mpc; None where not given.
        DESCR : str
            Description of the formats.
        filenames : list of str
            Absolute paths of the files that are read, each once.

    (maps, target) : tuple if `return_X_y` is True
        As above.

    Raises
    ------
    DatasetNotFoundError
        If a file or folder is absent, or holds no file of the known names.
    DatasetFormatError
        If a file is cut short, byte-swapped, of another format or of an unknown name. Values that
        are not finite, ionized fractions outside 0 and 1 by more than 0.001, masses that do not
        fit `n_fine`, and sources outside of the mesh raise it when they are read.
    ValueError
        If a parameter has none of its allowed values or is needed and not given, files are missing
        or found twice, or cubes differ in shape.
    TypeError
        If a parameter has the wrong type.
    OSError
        If a folder cannot be read.

    See Also
    --------
    load_pinion : Cubes as PINION has them.
    load_reionization_cubes : Cubes of 21cmFAST in HDF5 files.

    References
    ----------
    .. [1] G. Mellema, I. Iliev, M. Alvarez and P. Shapiro, "C2-ray: A new method for
       photon-conserving transport of ionizing radiation", New Astronomy 11, 374 (2006).
    .. [2] P. Hirling, M. Bianco, S. Giri, I. Iliev, G. Mellema and J.-P. Kneib, "pyC2Ray: A
       flexible and GPU-accelerated radiative transfer framework for simulating the cosmic epoch
       of reionization", Astronomy and Computing 48, 100861 (2024).

    Examples
    --------
    A box as small as can be, with axes of unequal lengths:

    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from skastro.datasets import load_c2ray
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     mesh = np.array([2, 3, 4], dtype="<i4").tobytes()
    ...     mass, fraction = np.full(24, 8.0, "<f4"), np.full(24, 0.25)
    ...     _ = Path(folder, "7.500n_all.dat").write_bytes(mesh + mass.tobytes())
    ...     _ = Path(folder, "xfrac_z7.500.dat").write_bytes(mesh + fraction.tobytes())
    ...     data = load_c2ray(folder, n_fine=4)
    ...     maps, target = np.asarray(data.maps), np.asarray(data.target)
    >>> data.field_names, maps.shape, target.shape, data.redshift
    (['density'], (1, 1, 2, 3, 4), (1, 2, 3, 4), array([7.5]))
    >>> float(maps.max()), float(target.max())
    (0.0, 0.25)
    """
    wanted = None if fields is None else check_fields(OWNER, fields, FIELDS, "None, ")
    check_switch(OWNER, "return_X_y", return_X_y)
    if target not in ("xHII", None):
        raise ValueError(message(OWNER, "target", "'xHII' or None", target))
    if target is not None and wanted is not None and target in wanted:
        raise ValueError(message(OWNER, "fields", "without the target, 'xHII'", fields))
    physics = _check_physics(
        check_physical(OWNER, box_size=box_size, hubble=hubble, omega_m=omega_m, omega_b=omega_b),
        n_fine,
        density_kind,
        source_unit,
        source_mass,
        first_index,
    )
    seed = check_whole(OWNER, "seed", seed, 0)
    found = find_files(OWNER, path, recognize, KNOWN_NAMES)
    files = [NamedFile(file, *told) for file, told in found]
    pairs = pair_by_redshift(OWNER, ((f.kind, f.redshift, f) for f in files), _TWICE)
    pairs = choose_redshifts(OWNER, pairs, redshift)
    names = _choose_fields(wanted, pairs, physics)
    needs = {name: KIND_OF[name] for name in ([*names] if target is None else [*names, target])}
    check_complete(OWNER, pairs, needs)

    samples = [make_cubes(held, list(needs), physics) for held in pairs.values()]
    maps, y = make_maps(OWNER, samples, names, target)
    lists = [held["sources"] for held in pairs.values() if "sources" in needs.values()]
    units, frames = units_of(names, lists, physics)
    if return_X_y:
        return maps, y
    length, cell = sides(maps, physics.box_size)
    return MapBunch(
        maps=maps,
        target=y,
        groups=unknown_or(seed, len(maps)),
        redshift=np.array(list(pairs)),
        seed=unknown_or(seed, len(maps)),
        field_names=names,
        units=units,
        frames=frames,
        target_unit=units_of(["xHII"], [], physics)[0][0],
        box_size=length,
        cell_size=cell,
        DESCR=_DESCR.read_text(encoding="utf-8"),
        filenames=filenames(samples, names, target),
    )


def _check_physics(given, n_fine, density_kind, source_unit, source_mass, first_index):
    if density_kind is not None:
        kinds = ("contrast", "relative", "grid_mass")
        check_choice(OWNER, "density_kind", density_kind, kinds)
    check_choice(OWNER, "source_unit", source_unit, ("grid_mass", "Msun"))
    if source_mass is None:
        raise TypeError(message(OWNER, "source_mass", "a whole number of 0 or more", source_mass))
    return Physics(
        **given,
        n_fine=check_whole(OWNER, "n_fine", n_fine, 1),
        density_kind=density_kind,
        source_unit=source_unit,
        source_mass=check_whole(OWNER, "source_mass", source_mass, 0),
        first_index=check_whole(OWNER, "first_index", first_index, 0),
    )


def _choose_fields(wanted, pairs, physics):
    """The fields that are asked for, or those that there are, checked for what they need."""

    def missing(field):
        files = [held[KIND_OF[field]] for held in pairs.values() if KIND_OF[field] in held]
        return physics.missing(field, files)

    if wanted is None:
        kinds = {kind for held in pairs.values() for kind in held}
        choices = (("density", "n_igm", "density"), ("sources", "n_src", "src_mass"))
        wanted = [
            plain if missing(physical) else physical
            for kind, physical, plain in choices
            if kind in kinds
        ]
        if not wanted:
            raise ValueError(
                f"{OWNER} found no densities or sources in '{_folder(pairs)}'. Add their "
                "files to path, or load fields='xHII' with target=None."
            )
    for field in wanted:
        lacking = missing(field)
        if lacking:
            raise ValueError(
                f"The 'fields' parameter of {OWNER} takes {field!r} where {lacking} are given, "
                "which the files do not tell. Give them, or choose other fields."
            )
    return wanted


def _folder(pairs):
    return next(iter(next(iter(pairs.values())).values())).path.parent
