"""Mock boxes of the epoch of reionization."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from astropy import units

from ..datasets._checks import check_fields, check_switch
from ..maps import MapBunch
from ..utils._seeds import seed_entropy
from ..utils._typing import Floats, RandomState
from ._collapse import LinearVariance
from ._excursion_set import ExcursionSet
from ._grid import PeriodicGrid
from ._ionized_box import Snapshot, simulate_box
from ._ionized_request import (
    FIELD_FRAMES,
    FIELD_UNITS,
    OWNER,
    check_box,
    check_masses,
    check_number,
    check_source_numbers,
    check_sources,
)
from ._ionized_universe import Universe

_DESCR = Path(__file__).parent / "descr" / "ionized_boxes.rst"


def make_ionized_boxes(
    n_boxes: int = 1,
    *,
    redshift: Floats = 8.0,
    efficiency: Floats | None = None,
    mean_xHI: Floats | None = None,
    fields: str | Sequence[str] = ("density", "xHI", "brightness_temp"),
    n_cells: int = 64,
    box_size: float = 96.0,
    minimum_mass: float | Literal["atomic"] = 1e9,
    mass_slope: float = 0.5,
    max_radius: float = 30.0,
    window: Literal["sharp_k", "top_hat"] = "sharp_k",
    velocity_gradient: bool = True,
    omega_m: float = 0.3096,
    omega_b: float = 0.04897,
    hubble: float = 0.6766,
    sigma_8: float = 0.8102,
    spectral_index: float = 0.9665,
    random_state: RandomState = None,
) -> MapBunch:
    r"""Make mock boxes of the epoch of reionization with the excursion set.

    A density field evolved by Lagrangian perturbation theory is ionized wherever a sphere has
    haloes enough to ionize it [1]_ [2]_, as in 21cmFAST [3]_, whose boxes these resemble
    closely; see Notes. Needs colossus, of the extra ``sim``.

    Parameters
    ----------
    n_boxes : int, default=1
        Number of density fields.
    redshift : float or sequence of float, default=8.0
        Redshifts of each field, from 4 to 40.
    efficiency : float or sequence of float, default=None
        Ionizing photons that leave the haloes of 1e10 Msun for each of their baryons, less those
        that recombinations use up. None takes 30. For haloes of another mass M it is
        multiplied by (M / 1e10 Msun)^mass_slope.
    mean_xHI : float or sequence of float, default=None
        Mean neutral fractions, between 0 and 1, in place of `efficiency`: the efficiency that
        leaves each is solved for, in each box at each redshift.
    fields : str or sequence of str, default=("density", "xHI", "brightness_temp")
        Fields to return, in the order of the channels, among "density", "xHI", "brightness_temp",
        "n_igm" and "n_src".
    n_cells : int, default=64
        Cells along a side of the box, at least 8.
    box_size : float, default=96.0
        Side of the periodic box, in comoving Mpc.
    minimum_mass : float or "atomic", default=1e9
        Least mass of haloes that are sources, in Msun, and at most half of the mass of a cell.
        "atomic" takes that of a virial temperature of 1e4 K.
    mass_slope : float, default=0.5
        Power of the mass that the efficiency goes with.
    max_radius : float, default=30.0
        Radius of the largest spheres, in comoving Mpc, and so the reach of ionizing photons. It
        is at most a third of `box_size`.
    window : {"sharp_k", "top_hat"}, default="sharp_k"
        Shape of the spheres that the density is averaged over: sharp in Fourier space or in space.
    velocity_gradient : bool, default=True
        Whether the velocities along the last axis act on the brightness temperature.
    omega_m, omega_b : float, default=0.3096, 0.04897
        Densities of matter and of baryons, in critical densities.
    hubble : float, default=0.6766
        H0 / (100 km/s/Mpc).
    sigma_8 : float, default=0.8102
        Rms of the linear density contrast in spheres of 8 Mpc/h.
    spectral_index : float, default=0.9665
        Slope of the primordial power.
    random_state : int, RandomState instance or None, default=None
        Seed of the phases. With an int, those of box i depend on nothing else but `n_cells`.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Samples are ordered by box, then efficiency or mean_xHI, then redshift.

        maps : ndarray of float32, of shape (n_samples, n_fields, n_cells, n_cells, n_cells)
            The fields. The line of sight is the last axis.
        target : ndarray of float64, of shape (n_samples,)
            Redshift of each sample.
        groups, seed : ndarray of int64, of shape (n_samples,)
            Number drawn for the box that a sample is from. Split by these: all samples of
            a box hold the same structures.
        redshift, efficiency, mean_xHI : ndarray of float64, of shape (n_samples,)
            Redshift, efficiency and mean neutral fraction of each sample.
        field_names : list of str
            Names of the channels.
        units : list of astropy units
            Units of the channels: none for the density contrast and neutral fraction, mK
            for the brightness temperature, g/cm3 (proper) for the density of baryons "n_igm",
            Msun per comoving Mpc3 for the density "n_src" of haloes above `minimum_mass`.
        frames : list of {"comoving", "proper", None}
            Whether the lengths in the unit of a channel are comoving or proper.
        box_size, cell_size : float
            Sides of the box and of a cell, in comoving Mpc.
        DESCR : str
            Description of the boxes.

    Raises
    ------
    ImportError
        If colossus is not installed.
    ValueError
        If a parameter has none of its allowed values, both `efficiency` and `mean_xHI` are
        given, cells hold less than twice `minimum_mass`, or there are next to no sources to meet
        `mean_xHI`.
    TypeError
        If a parameter has the wrong type.

    See Also
    --------
    skastro.datasets.load_reionization_slices : Slices of boxes of 21cmFAST.

    Notes
    -----
    The linear density has the power spectrum of Eisenstein and Hu [4]_. Cells move by second-order
    Lagrangian perturbation theory [5]_. A sphere of radius R and density contrast delta is ionized
    where

    .. math:: \zeta f_R(\delta) \bar f / \langle f_R(\delta) \rangle > 1,

    where f_R is the part of its matter in haloes of the extended Press-Schechter theory and
    the mean is brought to that of Sheth and Tormen. Its centre is then ionized. Radii go up from
    that of a cell by factors of 1.2. A cell in no such sphere is ionized in part, by its own
    haloes.

    The largest part over all radii says from which efficiency on a cell is ionized, so that many
    efficiencies, or a mean neutral fraction to be met, take no more time than one. A box of 64
    cells a side takes about 0.2 s per redshift in one thread.

    References
    ----------
    .. [1] S. R. Furlanetto, M. Zaldarriaga and L. Hernquist, "The growth of H II regions during
       reionization", ApJ 613, 1 (2004).
    .. [2] A. Mesinger and S. Furlanetto, "Efficient simulations of early structure formation and
       reionization", ApJ 669, 663 (2007).
    .. [3] A. Mesinger, S. Furlanetto and R. Cen, "21CMFAST: a fast, seminumerical simulation of
       the high-redshift 21-cm signal", MNRAS 411, 955 (2011).
    .. [4] D. J. Eisenstein and W. Hu, "Baryonic features in the matter transfer function",
       ApJ 496, 605 (1998).
    .. [5] R. Scoccimarro, "Transients from initial conditions: a perturbative analysis",
       MNRAS 299, 1097 (1998).

    Examples
    --------
    >>> from skastro.simulation import make_ionized_boxes
    >>> data = make_ionized_boxes(
    ...     2, redshift=[7, 8, 9], n_cells=16, box_size=24, random_state=0
    ... )
    >>> data.maps.shape
    (6, 3, 16, 16, 16)
    >>> [str(unit) for unit in data.units]
    ['', '', 'mK']
    >>> half = make_ionized_boxes(mean_xHI=0.5, n_cells=16, box_size=24, random_state=0)
    >>> print(f"{half.maps[:, 1].mean():.2f}")
    0.50
    """
    fields = check_fields(OWNER, fields, FIELD_UNITS)
    box_size, max_radius = check_box(n_boxes, n_cells, box_size, max_radius, window)
    efficiencies, means, redshifts = check_source_numbers(
        efficiency, mean_xHI, redshift, minimum_mass, mass_slope
    )
    check_switch(OWNER, "velocity_gradient", velocity_gradient)
    omega_m = check_number("omega_m", omega_m, 0, 1)
    universe = Universe(
        omega_m,
        check_number("omega_b", omega_b, 0, omega_m),
        check_number("hubble", hubble, 0),
        check_number("sigma_8", sigma_8, 0),
        check_number("spectral_index", spectral_index, 0),
    )
    entropy = seed_entropy(OWNER, random_state)

    grid = PeriodicGrid(int(n_cells), box_size)
    masses = [
        universe.atomic_cooling_mass(value) if minimum_mass == "atomic" else float(minimum_mass)
        for value in redshifts
    ]
    check_masses(masses, grid, universe.mean_density)
    excursion = ExcursionSet(grid, max_radius, window)
    variance = LinearVariance(universe.power, universe.mean_density)
    snapshots = [
        Snapshot(universe, variance, excursion.radii, value, mass, float(mass_slope))
        for value, mass in zip(redshifts, masses, strict=True)
    ]
    if means:
        check_sources(snapshots)

    shape = (int(n_boxes), len(means or efficiencies), len(redshifts))
    maps = np.empty((*shape, len(fields), *grid.shape), dtype=np.float32)
    efficiencies_used, means_found = np.empty(shape), np.empty(shape)
    seeds = [_box_seed(entropy, number) for number in range(shape[0])]
    for number, seed in enumerate(seeds):
        rng = np.random.default_rng(seed)
        for ionization, time, used, mean, parts in simulate_box(
            grid,
            universe,
            excursion,
            snapshots,
            efficiencies,
            means,
            fields,
            velocity_gradient,
            rng,
        ):
            where = (number, ionization, time)
            efficiencies_used[where], means_found[where] = used, mean
            for field, part in enumerate(parts):
                maps[(*where, field)] = part

    box, _, time = (index.ravel() for index in np.indices(shape))
    redshift, seed = np.array(redshifts)[time], np.array(seeds, dtype=np.int64)[box]
    return MapBunch(
        maps=maps.reshape(-1, len(fields), *grid.shape),
        target=redshift.copy(),
        groups=seed.copy(),
        seed=seed,
        redshift=redshift,
        efficiency=efficiencies_used.ravel(),
        mean_xHI=means_found.ravel(),
        field_names=fields,
        units=[units.Unit(FIELD_UNITS[name]) for name in fields],
        frames=[FIELD_FRAMES.get(name) for name in fields],
        box_size=box_size,
        cell_size=grid.cell_size,
        DESCR=_DESCR.read_text(encoding="utf-8"),
    )


def _box_seed(entropy, number):
    """Seed of a box, which no other box of this or another seed is likely to have."""
    state = np.random.SeedSequence([entropy, number]).generate_state(1, np.uint64)[0]
    return int(state >> np.uint64(1))
