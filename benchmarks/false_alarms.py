"""False alarms of `audit` on clean random maps, and leaks that it finds.

Usage: OMP_NUM_THREADS=1 python benchmarks/false_alarms.py [--sets 100] [--maps 10 60]
"""

import argparse
import time

import numpy as np

from skastro.model_selection import audit

# Name: shape of a map, exponent of the power spectrum, cells in the box for each of the map,
# what is made of the Gaussian field.
KINDS = {
    "white noise, 32^2": ((32, 32), 0, 1, None),
    "Gaussian, k^-3, 32^2": ((32, 32), 3, 1, None),
    "Gaussian, k^-5, 32^2": ((32, 32), 5, 1, None),
    "Gaussian, k^-3, patches of 32 x 28": ((32, 28), 3, 2, None),
    "Gaussian, k^-5, patches of 32 x 28": ((32, 28), 5, 2, None),
    "lognormal, k^-2, 32^2": ((32, 32), 2, 1, "lognormal"),
    "lognormal, k^-3, patches of 32 x 28": ((32, 28), 3, 2, "lognormal"),
    "ionized or not, k^-3, 32^2": ((32, 32), 3, 1, "bubbles"),
    "Gaussian, k^-3, 10 x 11 x 12": ((10, 11, 12), 3, 1, None),
    "lognormal, k^-2, signals of 128": ((128,), 2, 1, "lognormal"),
    "lognormal, k^-2, 8^2": ((8, 8), 2, 1, "lognormal"),
}
LEAKS = ("exact", "noisy", "seed")


def fields(rng, n, kind, white=None, steeper=0):
    """Random maps of a kind, from white noise that may be given."""
    shape, slope, padding, made = kind
    box = tuple(size * padding for size in shape)
    axes = tuple(range(1, len(box) + 1))
    k = np.sqrt(sum(k**2 for k in np.meshgrid(*map(np.fft.fftfreq, box), indexing="ij")))
    amplitude = np.where(k > 0, np.where(k > 0, k, 1) ** (-(slope + steeper) / 2), 0)
    amplitude /= np.sqrt(np.square(amplitude).mean())
    white = rng.normal(size=(n, *box)) if white is None else white
    maps = np.fft.ifftn(np.fft.fftn(white, axes=axes) * amplitude, axes=axes).real
    maps = maps[(slice(None), *map(slice, shape))]
    if made == "lognormal":
        maps = np.exp(maps)
    elif made == "bubbles":
        maps = maps > 0.5
    return maps.astype(np.float32)


def plant(rng, maps, leak, kind):
    """Maps with one pair that knows of each other: the last map and the first."""
    if leak == "exact":
        maps[-1] = np.flip(maps[0], axis=0)
    elif leak == "noisy":
        noise = 0.1 * maps[0].std() * rng.normal(size=maps[0].shape)
        maps[-1] = np.flip(maps[0], axis=0) + noise
    else:
        box = [size * kind[2] for size in kind[0]]
        white = rng.normal(size=(1, *box))
        maps[0], maps[-1] = fields(rng, 1, kind, white)[0], fields(rng, 1, kind, white, 1)[0]
    return maps


def main():
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--sets", type=int, default=100)
    parser.add_argument("--maps", type=int, nargs="+", default=[10, 60])
    arguments = parser.parse_args()
    print("of", arguments.sets, "sets: false alarms; planted pairs found:", *LEAKS)
    for name, kind in KINDS.items():
        for n in arguments.maps:
            counts, start = np.zeros(1 + len(LEAKS), dtype=int), time.perf_counter()
            for seed in range(arguments.sets):
                rng = np.random.default_rng(seed)
                maps = fields(rng, n, kind)
                counts[0] += not audit(maps, dim=len(kind[0])).passed
                for i, leak in enumerate(LEAKS):
                    report = audit(plant(rng, maps.copy(), leak, kind), dim=len(kind[0]))
                    counts[1 + i] += any({0, n - 1} <= set(f.samples) for f in report.findings)
            seconds = (time.perf_counter() - start) / arguments.sets / (1 + len(LEAKS))
            print(f"{name:40s} {n:4d} maps:", *counts, f"({seconds:.2f} s each)", flush=True)


if __name__ == "__main__":
    main()
