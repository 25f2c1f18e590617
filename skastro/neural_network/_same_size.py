"""The demand that a net makes fields of the size of its maps."""

from torch import nn


class SameSize(nn.Module):
    """Put maps through a net, and refuse what has not their size.

    Parameters
    ----------
    net : torch.nn.Module
        Takes ``(n, n_channels, *spatial)``.
    n_outputs : int
        Channels that it must make.
    """

    def __init__(self, net, n_outputs):
        super().__init__()
        self.net = net
        self.n_outputs = n_outputs

    def forward(self, x):
        """Turn maps into fields ``(n, n_outputs, *spatial)``."""
        out = self.net(x)
        wanted = (len(x), self.n_outputs, *x.shape[2:])
        if out.shape != wanted:
            raise ValueError(
                f"The 'net' parameter built a module that turns a batch of shape {tuple(x.shape)} "
                f"into one of shape {tuple(out.shape)}. For fields it must return (n_samples, "
                f"n_outputs, *spatial) = {wanted}. Take a net such as UNet or FieldResNet."
            )
        return out
