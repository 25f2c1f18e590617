"""Cut the shipped subset out of the full files of reionization slices.

The values are copied bit for bit; only rows are left out, and all redshifts share a chunk, which
compresses better. Example::

    python make_subset.py SOURCE_FOLDER TARGET_FOLDER --f-esc 0.06 0.16 --slice-index 0 24 40
"""

import argparse
from pathlib import Path

import h5py
import numpy as np

AXES = {
    "f_esc": ["f_esc"],
    "slice_index": ["slice"],
    "mean_xHI": ["f_esc"],
    "mean_brightness_temp": ["f_esc"],
}


def make_subset(source, target, f_esc, slice_index):
    """Write to `target` the rows of `source` of these `f_esc` and `slice_index`, without xHI."""
    with h5py.File(source, "r") as full, h5py.File(target, "w", libver=("v110", "v110")) as part:
        every_f_esc, every_slice = full["f_esc"][:], full["slice_index"][:]
        rows = {
            "f_esc": [np.flatnonzero(every_f_esc == value).item() for value in f_esc],
            "slice": [np.flatnonzero(every_slice == value).item() for value in slice_index],
        }
        for name in sorted(set(full) - {"xHI"}):
            values, axes, storage = full[name][:], AXES.get(name, []), {}
            if name in ("density", "brightness_temp"):
                axes = full[name].attrs["axes"].split(",")
                storage = {"compression": "gzip", "compression_opts": 9, "shuffle": True}
            for axis, label in enumerate(axes):
                values = values.take(rows[label], axis) if label in rows else values
            if storage:
                storage["chunks"] = (1,) * (values.ndim - 4) + values.shape[-4:]
            dataset = part.create_dataset(name, data=values, **storage)
            dataset.attrs.update(full[name].attrs)
        for name, value in full.attrs.items():
            part.attrs[name] = value[rows["f_esc"]] if name == "parameters_json" else value
        part.attrs["subset_of"] = (
            f"{source.name}: f_esc {f_esc} of {every_f_esc.tolist()}, "
            f"slice_index {slice_index} of {every_slice.tolist()}, xHI left out"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path, metavar="SOURCE_FOLDER")
    parser.add_argument("target", type=Path, metavar="TARGET_FOLDER")
    parser.add_argument("--f-esc", type=float, nargs="+", default=[0.06, 0.16])
    parser.add_argument("--slice-index", type=int, nargs="+", default=[0, 24, 40])
    options = parser.parse_args()
    for path in sorted(options.source.glob("reion_slices_seed*.h5")):
        make_subset(path, options.target / path.name, options.f_esc, options.slice_index)
