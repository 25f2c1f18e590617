"""Boxes of 21cmFAST, in the formats of its versions 1 to 4."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ..maps import LazyMaps, MapBunch, stack_channels
from ..utils._typing import Floats, PathLike
from ._21cmfast_box import FIELDS, UNKNOWN_SEED, BoxSource
from ._21cmfast_find import find_boxes
from ._21cmfast_request import OWNER, check_samples, choose
from ._21cmfast_samples import attach_brightness, group_boxes
from ._checks import check_choice, check_fields, check_switch

_DESCR = Path(__file__).parent / "descr" / "21cmfast.rst"


def load_21cmfast(
    path: PathLike | Sequence[PathLike],
    *,
    fields: str | Sequence[str] | None = None,
    target: Literal["redshift", "f_esc"] = "redshift",
    f_esc: Floats | None = None,
    redshift: Floats | None = None,
    seed: Floats | None = None,
    return_X_y: bool = False,
) -> MapBunch | Any:
    """Load simulated boxes of 21cmFAST, of any of its versions, without reading them.

    Each sample is a cube at one redshift. Its fields may be in one file or in several, and become
    the channels of one `LazyMaps`. Only names, sizes and headers are read; boxes are read when
    they are needed.

    Parameters
    ----------
    path : str, path-like or sequence of these
        Files and folders. Folders are searched with all that are below, links to folders
        excepted, and what is not of 21cmFAST or is a hidden file is passed over. Known are

        - raw binaries of 21cmFAST 1 and 2, headerless cubes of little-endian float32, by names
          such as ``updated_smoothed_deltax_z007.50_200_300Mpc``, ``updated_vz_z...``,
          ``xH_nohalos_z007.50_nf0.62_..._200_300Mpc`` and
          ``delta_T_v3_z007.50_nf0.62_useTs0_200_300Mpc``, which end in the cells along a side and
          the side in Mpc. Files of one folder belong together, links to files among them;
        - HDF5 files of 21cmFAST 3: of the cache, one struct in each, or of ``Coeval.save``;
        - HDF5 files of 21cmFAST 4: of the cache, or of ``Coeval.save``.

    fields : {"density", "xHI", "brightness_temp", "velocity_z"} or sequence of these, default=None
        Fields to load, in the order of the channels. None takes those of "density", "xHI" and
        "brightness_temp" that all boxes have.
    target : {"redshift", "f_esc"}, default="redshift"
        What the classes are.
    f_esc : float or sequence of float, default=None
        Escape fractions to keep; None keeps all. If no box tells its own, one number is taken
        for that of all.
    redshift : float or sequence of float, default=None
        Redshifts to keep; None keeps all.
    seed : int or sequence of int, default=None
        Random seeds to keep; None keeps all. If no box tells its own, one number is taken for
        that of all.
    return_X_y : bool, default=False
        Return ``(maps, target)`` in place of a Bunch. There are then no `groups`: take the Bunch
        to split by simulation.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Samples are ordered by group, then f_esc, then other parameters, then redshift.

        maps : LazyMaps of shape (n_samples, n_fields, n, n, n)
            The fields, with axes x, y and z; the line of sight is z.
        target : ndarray of int64, of shape (n_samples,)
            Class of each sample, a row of `target_names`.
        target_names : ndarray of str
            Names of the classes, such as "z=7.5".
        groups : ndarray of int64, of shape (n_samples,)
            Seed of each sample. Where it is unknown a negative number, one for each folder; folders
            that differ only in an escape fraction or a redshift in their names count as one.
            Split by these.
        redshift : ndarray of float64, of shape (n_samples,)
            Redshift of each sample.
        f_esc : ndarray of float64, of shape (n_samples,)
            Escape fraction of ionizing photons, for halos of 10^10 solar masses where it depends
            on mass; NaN where unknown or of no effect. It is ten to the power F_ESC10 in HDF5
            files; of raw files it is ``Fesc`` in the name of the neutral fraction, or else a
            number after "fesc" in the name of the nearest folder that has one, such as "fesc0.10".
        seed : ndarray of int64, of shape (n_samples,)
            Random seed; -1 where unknown. Of raw files it is a number after "seed" in the name of
            the nearest folder that has one, such as "seed1001".
        mean_xHI : ndarray of float64, of shape (n_samples,)
            Neutral fraction of the whole box as in the name of a raw file; NaN for HDF5 files,
            which do not tell it in their headers.
        parameters : list of dict
            Parameters of the sources by the names that the files have for them: all those of the
            HDF5 files, those in the name of the raw neutral fraction.
        velocity_corrected : bool or None
            Whether "brightness_temp" has the correction for velocity gradients along z, see the
            notes. None where files do not say it, or where the field is not loaded.
        field_names : list of str
            Names of the channels.
        units : list of astropy units
            Units of the channels: none for the density contrast (density over mean density, less
            one) and the neutral fraction, mK for the brightness temperature, comoving Mpc/s for
            the velocity.
        box_size, cell_size : float
            Sides of the periodic box and of a cell, in comoving Mpc.
        DESCR : str
            Description of the formats.
        filenames : list of str
            Absolute paths of the files that are read, each once.

    (maps, target) : tuple if `return_X_y` is True
        As above.

    Raises
    ------
    DatasetNotFoundError
        If a file or folder is absent, holds no box, or is a link to nothing.
    DatasetFormatError
        If a file is damaged, is not a cube, is a lightcone, or has a name or content of no known
        form.
    ValueError
        If a parameter has none of its allowed values, a box lacks a field, boxes differ in their
        grid, or it cannot be told which files belong together.
    TypeError
        If a parameter has the wrong type.
    OSError
        If a folder cannot be read.

    See Also
    --------
    load_reionization_slices : Slices of such boxes that come with the library.

    Notes
    -----
    Brightness temperatures differ between versions. Those of 21cmFAST 4 are without the correction
    for velocity gradients, which methods of its ``Coeval`` apply afterwards. Those of 21cmFAST 3
    have it, unless it was switched off, and so have raw files with ``v3`` in their names, which is
    the velocity component and no version. The two differ by tens of mK in single cells.
    `velocity_corrected` tells which they are; both at once are refused.

    Where several neutral fractions of a redshift lie in one folder of raw files, each makes a
    sample with the density of that folder, and with the brightness temperature of the same nf in
    its name. Where two have it, choose with `f_esc` or give a list of files.

    References
    ----------
    .. [1] A. Mesinger, S. Furlanetto and R. Cen, "21CMFAST: a fast, seminumerical simulation of
       the high-redshift 21-cm signal", MNRAS 411, 955 (2011).
    .. [2] S. Murray et al., "21cmFAST v3: A Python-integrated C code for generating 3D
       realizations of the cosmic 21cm signal", JOSS 5(54), 2582 (2020).

    Examples
    --------
    Two raw boxes, as small as can be:

    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from skastro.datasets import load_21cmfast
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for z, nf in (("007.00", 0.5), ("008.00", 0.75)):
    ...         box = np.full((8, 8, 8), nf, dtype="<f4")
    ...         box.tofile(Path(folder, f"xH_nohalos_z{z}_nf{nf}_eff30.0_8_12Mpc"))
    ...         box.tofile(Path(folder, f"updated_smoothed_deltax_z{z}_8_12Mpc"))
    ...     data = load_21cmfast(folder, f_esc=0.1, seed=1)
    ...     maps = np.asarray(data.maps)
    >>> data.field_names, maps.shape, data.cell_size
    (['density', 'xHI'], (2, 2, 8, 8, 8), 1.5)
    >>> data.redshift.tolist(), data.mean_xHI.tolist(), data.groups.tolist()
    ([7.0, 8.0], [0.5, 0.75], [1, 1])
    """
    wanted = None if fields is None else check_fields(OWNER, fields, FIELDS, "None, ")
    check_choice(OWNER, "target", target, ("redshift", "f_esc"))
    check_switch(OWNER, "return_X_y", return_X_y)
    boxes = find_boxes(path)
    samples = group_boxes(boxes, wanted)
    if not samples:
        held = sorted({box.field for box in boxes})
        raise ValueError(
            f"The 'fields' parameter of load_21cmfast must be among {held}, which is what "
            f"'{path}' holds. Got {fields!r} instead."
        )
    samples = attach_brightness(choose(samples, redshift, f_esc, seed))
    names = check_samples(samples, wanted)
    samples, groups = _ordered(samples)

    maps = stack_channels(
        [LazyMaps(BoxSource([sample.boxes[name] for sample in samples])) for name in names], dim=3
    )
    first = samples[0].boxes[names[0]]
    codes, target_names = _classes(samples, target)
    if return_X_y:
        return maps, codes
    used = [sample.boxes[name] for sample in samples for name in names]
    corrected = [box.velocity_corrected for box in used if box.field == "brightness_temp"]
    return MapBunch(
        maps=maps,
        target=codes,
        target_names=target_names,
        groups=groups,
        redshift=np.array([sample.first.redshift for sample in samples]),
        f_esc=np.array([sample.f_esc for sample in samples]),
        seed=np.array([sample.seed for sample in samples], dtype=np.int64),
        mean_xHI=np.array([float(sample.first.nf or "nan") for sample in samples]),
        parameters=[dict(sample.first.parameters) for sample in samples],
        velocity_corrected=corrected[0] if corrected else None,
        field_names=names,
        units=_units(names),
        box_size=first.box_size,
        cell_size=first.box_size / first.n_cells,
        DESCR=_DESCR.read_text(encoding="utf-8"),
        filenames=list(dict.fromkeys(str(box.path) for box in used)),
    )


def _ordered(samples):
    """Samples in the order of the result, and their groups."""
    origins = sorted({s.first.origin for s in samples if s.seed == UNKNOWN_SEED})
    groups = [
        -1 - origins.index(s.first.origin) if s.seed == UNKNOWN_SEED else s.seed for s in samples
    ]

    def key(i):
        box, f_esc = samples[i].first, samples[i].f_esc
        unknown = f_esc != f_esc
        return groups[i], unknown, 0 if unknown else f_esc, _sources(box), box.redshift

    order = sorted(range(len(samples)), key=key)
    return [samples[i] for i in order], np.array([groups[i] for i in order], dtype=np.int64)


def _sources(box):
    """What tells models of equal escape fraction apart, whatever the redshift."""
    return "" if box.nf and box.field == "brightness_temp" else str(box.model)


def _classes(samples, target):
    values = [s.first.redshift if target == "redshift" else s.f_esc for s in samples]
    if np.isnan(values).any():
        raise ValueError(
            "The 'target' parameter of load_21cmfast must be 'redshift' where the escape fraction "
            f"of a box is unknown. Got {target!r}, and none is known of "
            f"{samples[int(np.argmax(np.isnan(values)))]}. Give f_esc."
        )
    kept, codes = np.unique(np.round(values, 6), return_inverse=True)
    prefix = "z" if target == "redshift" else "f_esc"
    names = [f"{prefix}={value}" for value in kept.tolist()]
    return codes.astype(np.int64), np.array(names)


def _units(names):
    from astropy import units

    none = units.dimensionless_unscaled
    by_name = {
        "density": none,
        "xHI": none,
        "brightness_temp": units.mK,
        "velocity_z": units.Mpc / units.s,
    }
    return [by_name[name] for name in names]
