"""Names of the files of C2-Ray and pyC2Ray, and what they tell."""

import re
from dataclasses import dataclass
from pathlib import Path

from ._c2ray_sources import check_source_header
from ._cbin import read_mesh_header, read_numpy_header, read_record_header

KNOWN_NAMES = (
    "xfrac3d_7.500.bin",
    "xfrac_z7.500.dat",
    "xfrac_z7.500.npy",
    "7.500n_all.dat",
    "density_z7.500.npy",
    "7.500-coarsest_wsubgrid_sources.dat",
    "7.500-coarsest_wsubgrid_sources.hdf5",
)
_Z = r"(?P<z>\d+(?:\.\d+)?)"
_PATTERNS = {
    ("xfrac", "records"): rf"xfrac(?:3d)?_z?{_Z}\.bin",
    ("xfrac", "mesh"): rf"xfrac(?:3d)?_z?{_Z}\.dat",
    ("xfrac", "numpy"): rf"xfrac(?:3d)?_z?{_Z}\.np[yz]",
    ("density", "mesh"): rf"{_Z}n(?:tot)?_all\.dat",
    ("density", "numpy"): rf"density_z?{_Z}\.np[yz]",
    ("sources", "text"): rf"{_Z}-(?!.*used_wfgamma).+_sources.*\.(?:dat|txt)",
    ("sources", "hdf5"): rf"{_Z}-(?!.*used_wfgamma).+_sources.*\.(?:hdf5|h5)",
}
_ARRAYS = {"xfrac": ("xfrac", "xHII", "xh"), "density": ("density", "delta", "rho")}


@dataclass(frozen=True)
class NamedFile:
    """A file and what its name tells.

    Attributes
    ----------
    path : pathlib.Path
        The file.
    kind : {"xfrac", "density", "sources"}
        What it holds.
    layout : {"records", "mesh", "numpy", "text", "hdf5"}
        How it is written.
    redshift : float
        Its redshift.
    """

    path: Path
    kind: str
    layout: str
    redshift: float

    def form(self):
        """Read the header.

        Returns
        -------
        object
            How the cube is read; None for a list of sources, which has no mesh.
        """
        if self.kind == "sources":
            return check_source_header(self.path, self.layout == "hdf5")
        if self.layout == "records":
            return read_record_header(self.path)
        if self.layout == "mesh":
            return read_mesh_header(self.path, (8, 4) if self.kind == "xfrac" else (4,))
        return read_numpy_header(self.path, _ARRAYS[self.kind])

    def __str__(self):
        return str(self.path)


def recognize(name):
    """Tell from its name what a file holds.

    Parameters
    ----------
    name : str
        Name without folder.

    Returns
    -------
    tuple of (str, str, float) or None
        Kind, layout and redshift; None where the name is not known.
    """
    for (kind, layout), pattern in _PATTERNS.items():
        match = re.fullmatch(pattern, name)
        if match:
            return kind, layout, float(match["z"])
    return None
