"""Cutting cubes into patches against copying them, on one thread."""

import numpy as np
from _interleave import report

from skastro.preprocessing import CubeSlicer


def loop(cubes, axis, size):
    """Cut by explicit loops, as research scripts do."""
    return np.array(
        [
            plane[i : i + size, j : j + size]
            for cube in np.moveaxis(cubes, 1 + axis, 1)
            for plane in cube
            for i in range(0, plane.shape[0] - size + 1, size)
            for j in range(0, plane.shape[1] - size + 1, size)
        ]
    )


def main():
    """Print the table."""
    cubes = np.random.default_rng(0).random((2, 200, 200, 200), dtype=np.float32)
    for axis in range(3):
        slicer = CubeSlicer(axis, patch_size=50)
        np.testing.assert_array_equal(slicer.cut(cubes), loop(cubes, axis, 50))
        report(
            f"two 200^3 cubes into 6400 patches of 50 x 50, across axis {axis}",
            {
                "copy of the cubes": cubes.copy,
                "CubeSlicer.cut": lambda slicer=slicer: slicer.cut(cubes),
                "loops": lambda axis=axis: loop(cubes, axis, 50),
            },
            "copy of the cubes",
            n_rounds=9,
        )


if __name__ == "__main__":
    main()
