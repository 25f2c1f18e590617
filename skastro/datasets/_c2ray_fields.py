"""Fields made of the files of C2-Ray, their conversions, units and frames."""

from dataclasses import dataclass

from skastro.exceptions import DatasetFormatError

from ._c2ray_sources import SourceList
from ._cbin_source import Cube
from ._cbin_units import mean_density

KIND_OF = {
    "density": "density",
    "n_igm": "density",
    "src_mass": "sources",
    "n_src": "sources",
    "xHII": "xfrac",
}
FIELDS = tuple(KIND_OF)
OWNER = "load_c2ray"
_FRACTION = (-1e-3, 1 + 1e-3)


@dataclass(frozen=True)
class Physics:
    """What is given beside the files, as the parameters of `load_c2ray` of equal names."""

    box_size: float | None
    hubble: float | None
    omega_m: float | None
    omega_b: float | None
    n_fine: int | None
    density_kind: str | None
    source_unit: str
    source_mass: int
    first_index: int | None

    def mass_unit(self, file):
        """The unit of the masses of a list of sources, "Msun" or "grid_mass"."""
        return "Msun" if file.layout == "hdf5" else self.source_unit

    def missing(self, field, files):
        """Names of the parameters that a field needs and that are not given."""
        needs = {"n_igm": {"hubble", "omega_b"}}.get(field, set())
        if field == "n_src":
            units = {self.mass_unit(file) for file in files}
            if "Msun" in units:
                needs |= {"box_size"}
            if "grid_mass" in units:
                needs |= {"hubble", "omega_m", "n_fine"}
        if field in ("density", "n_igm") and any(file.layout == "numpy" for file in files):
            needs |= {"density_kind"}
        return sorted(name for name in needs if getattr(self, name) is None)


def make_cubes(files, fields, physics):
    """Cubes of the fields at one redshift.

    Parameters
    ----------
    files : dict of str to NamedFile
        Files by kind.
    fields : list of str
        Some of `FIELDS`.
    physics : Physics
        What is given beside the files.

    Returns
    -------
    dict of str to Cube
        The cubes by field.

    Raises
    ------
    DatasetFormatError
        If a header is wrong, or no file tells the mesh of the sources.
    """
    kinds = {KIND_OF[field] for field in fields}
    if kinds == {"sources"}:
        kinds |= {"density", "xfrac"} & set(files)
    forms = {kind: files[kind].form() for kind in sorted(kinds)}
    mesh = next((form.shape for form in forms.values() if form is not None), None)
    if mesh is None:
        raise DatasetFormatError(
            f"'{files['sources']}' is a list of sources, which does not tell the mesh. Add an "
            "xfrac or density file of its redshift to path."
        )
    return {
        field: _cube(field, files[KIND_OF[field]], forms[KIND_OF[field]], mesh, physics)
        for field in fields
    }


def _cube(field, file, form, mesh, physics):
    if field == "xHII":
        convert = {"bounds": _FRACTION}
    elif KIND_OF[field] == "density":
        convert = _over_density(field, file, mesh, physics)
    else:
        first = physics.first_index
        if first is None:
            first = 0 if file.layout == "hdf5" else 1
        form = SourceList(mesh, physics.source_mass, first, file.layout == "hdf5")
        convert = {"scale": _per_volume(file, mesh, physics) if field == "n_src" else 1.0}
    return Cube(file.path, form, file.path.stat().st_size, **convert)


def _over_density(field, file, mesh, physics):
    """Conversion to the density contrast, or to that plus one times the mean of the gas."""
    kind = "grid_mass" if file.layout == "mesh" else physics.density_kind
    scale, offset, mean_mass = 1.0, 1.0 if kind == "contrast" else 0.0, None
    if kind == "grid_mass" and physics.n_fine is not None:
        mean_mass = (physics.n_fine / mesh[0]) ** 3
        scale = 1 / mean_mass
    if field == "density":
        offset -= 1.0
    else:
        mean = mean_density(physics.hubble, physics.omega_b, "g / cm3")
        mean *= (1 + file.redshift) ** 3
        scale, offset = scale * mean, offset * mean
    over_mean = kind == "grid_mass" and physics.n_fine is None
    return {"scale": scale, "offset": offset, "over_mean": over_mean, "mean": mean_mass}


def _per_volume(file, mesh, physics):
    """Msun per comoving Mpc3 of a cell that has one unit of mass."""
    if physics.mass_unit(file) == "Msun":
        return (mesh[0] / physics.box_size) ** 3
    mean = mean_density(physics.hubble, physics.omega_m, "Msun / Mpc3")
    return mean * (mesh[0] / physics.n_fine) ** 3


def units_of(fields, sources, physics):
    """Units and frames of the channels.

    Parameters
    ----------
    fields : list of str
        Names of the channels.
    sources : list of NamedFile
        Lists of sources that are read.
    physics : Physics
        What is given beside the files.

    Returns
    -------
    units : list of astropy units
        Unit of each channel.
    frames : list of str or None
        "proper", "comoving" or None.

    Raises
    ------
    ValueError
        If masses of sources have several units.
    """
    from astropy import units

    masses = {physics.mass_unit(file) for file in sources}
    if "src_mass" in fields and len(masses) > 1:
        raise ValueError(
            f"{OWNER} found sources in HDF5 files, with masses in Msun, and in texts, with masses "
            "in grid masses. Load them by themselves, or load 'n_src'."
        )
    none = units.dimensionless_unscaled
    by_name = {
        "n_igm": (units.g / units.cm**3, "proper"),
        "n_src": (units.Msun / units.Mpc**3, "comoving"),
        "src_mass": (units.Msun if masses == {"Msun"} else none, None),
    }
    pairs = [by_name.get(field, (none, None)) for field in fields]
    return [unit for unit, _ in pairs], [frame for _, frame in pairs]
