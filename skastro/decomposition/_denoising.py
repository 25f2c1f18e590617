"""Maps that are their own targets, with noise on what the net is given."""

import torch

from ..neural_network._batches import MapDataset
from ..neural_network._torch import derive_seed


class DenoisingDataset(MapDataset):
    """Maps, read a batch at a time, each of which is its own target.

    A target is the map as it is, turned as augmentation has it. The net is given the same with
    noise on it, drawn anew in each epoch, whose numbers follow from the seed, the epoch and the
    number of the sample alone.

    Parameters
    ----------
    *args
        As for `MapDataset`.
    noise : sequence of float, default=()
        Standard deviation of the noise in each channel; none or zeros add no noise.
    **kwargs
        As for `MapDataset`.
    """

    def __init__(self, *args, noise=(), **kwargs):
        super().__init__(*args, **kwargs)
        self.noise = torch.tensor(noise, dtype=torch.float32, device=self.device)

    def _with_target(self, maps, rows, draws):
        if not self.noise.any():
            return maps, maps
        generator = torch.Generator(device=self.device)
        noise = torch.empty_like(maps, memory_format=torch.contiguous_format)
        for sample, row in zip(noise, rows.tolist(), strict=True):
            generator.manual_seed(derive_seed(self.seed, 5, self.epoch, row))
            sample.normal_(generator=generator)
        noise *= self.noise.reshape(-1, *(1,) * (maps.ndim - 2))
        return maps + noise, maps
