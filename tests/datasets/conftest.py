"""Small made-up files of reionization slices, with axes of unequal lengths."""

import h5py
import numpy as np
import pytest

FIELD_UNITS = {"density": "dimensionless", "xHI": "dimensionless", "brightness_temp": "mK"}


def write_slices(path, seed):
    """Write a file of 2 f_esc, 3 redshifts and 4 slices of 5 x 5 cells."""
    rng = np.random.default_rng(seed)
    with h5py.File(path, "w") as file:
        for name, unit in FIELD_UNITS.items():
            shape = (3, 4, 5, 5) if name == "density" else (2, 3, 4, 5, 5)
            values = rng.random(shape).astype(np.float16)
            file.create_dataset(name, data=values).attrs["units"] = unit
        file["redshift"] = [7.0, 8.0, 9.0]
        file["f_esc"] = [0.1, 0.3]
        file["slice_index"] = [0, 2, 4, 6]
        file["mean_xHI"] = rng.random((2, 3))
        file.attrs.update(random_seed=seed, n_cells=5, box_len_Mpc=10.0, cell_Mpc=2.0)


@pytest.fixture
def fake_folder(tmp_path):
    """Folder with two good files, of the seeds 7 and 12."""
    for seed in (7, 12):
        write_slices(tmp_path / f"reion_slices_seed{seed:04d}.h5", seed)
    return tmp_path


@pytest.fixture
def write_cmd(tmp_path):
    """Write files of CMD as small as wanted; returns the arrays by field, and the table."""

    def write(fields=("Mgas", "HI"), n=8, n_simulations=6, suite="IllustrisTNG", set_name="LH"):
        rng = np.random.default_rng(n_simulations)
        arrays = {}
        for field in fields:
            arrays[field] = rng.random((15 * n_simulations, n, n), dtype=np.float32)
            np.save(tmp_path / f"Maps_{field}_{suite}_{set_name}_z=0.00.npy", arrays[field])
        low, high = [0.1, 0.6, 0.25, 0.25, 0.5, 0.5], [0.5, 1.0, 4.0, 4.0, 2.0, 2.0]
        table = rng.uniform(low, high, (n_simulations, 6)).round(5)
        np.savetxt(tmp_path / f"params_{set_name}_{suite}.txt", table, fmt="%.5f")
        return arrays, table

    return write
