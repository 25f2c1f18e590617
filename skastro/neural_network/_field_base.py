"""How boxes and fields are cut, scaled and compared in training."""

import numpy as np
from sklearn.utils.validation import check_array

from ..exceptions import MapShapeError
from ..maps import LazyMaps, open_maps
from ..nets import UNet
from ..preprocessing import FieldScaler
from ..utils import as_numpy, check_finite, map_layout
from ._base import NetEstimator
from ._field_dataset import FieldDataset, check_range
from ._field_losses import FIELD_LOSSES, OF_FRACTIONS, FieldLoss
from ._losses import Loss
from ._same_size import SameSize
from ._windows import Windows


class FieldEstimator(NetEstimator):
    """Base class of what is trained to make fields of fields; the rest of `FieldRegressor`."""

    _losses = FIELD_LOSSES
    _default_net = UNet
    _min_samples = 1
    _not_in_fingerprint = NetEstimator._not_in_fingerprint | {"tile_size"}

    @property
    def _items_per_sample(self):
        return 1 if self.patch_size is None else self.n_patches

    @property
    def _net_or_default(self):
        return self._default_net() if self.net is None else self.net

    def _check_target(self, X, y):
        """Checked fields, how many there are, and whether they have no axis for that."""
        layout = map_layout(X.shape, getattr(self.net, "dim", None), self._name)
        if not isinstance(y, LazyMaps):
            y = check_array(
                as_numpy(y),
                dtype=np.float32,
                order="C",
                ensure_2d=False,
                allow_nd=True,
                ensure_all_finite=False,
                input_name="y",
                estimator=self,
            )
        single = y.ndim == layout.dim + 1
        if not (single or y.ndim == layout.dim + 2) or y.shape[-layout.dim :] != layout.spatial:
            raise MapShapeError(
                f"{self._name} takes y of shape (n_samples, [n_targets,] *spatial) with the "
                f"spatial axes of X, {layout.spatial}; got X of shape {tuple(X.shape)} and y of "
                f"shape {tuple(y.shape)}. Reshape y, or set net.dim; for numbers in place of "
                f"fields take CNNRegressor."
            )
        if self.loss in OF_FRACTIONS and self.output != "fraction":
            raise ValueError(
                f"{self._name}(loss={self.loss!r}) takes fractions alone, and output is "
                f"{self.output!r}. Set output='fraction', or another loss."
            )
        if not isinstance(y, LazyMaps):
            check_finite(y, self._name, dim=layout.dim, input_name="y")
            if self._target_range is not None:
                check_range(y.min(), y.max(), self._target_range, self._name)
        return y, 1 if single else y.shape[1], single

    def _check_warm_start(self, n_targets):
        """Refuse fields that do not fit the net that is there."""
        before = self._architecture[2][0], self._fitted_output
        if before != (n_targets, self.output):
            raise ValueError(
                f"{self._name}(warm_start=True) was fitted on {before[0]} fields with "
                f"output={before[1]!r} and cannot go on with {n_targets} and "
                f"output={self.output!r}. Set warm_start=False."
            )

    @property
    def _target_range(self):
        return (0.0, 1.0) if self.output == "fraction" else None

    def _windows(self, spec, size):
        """How boxes are cut for a net."""
        wraps = getattr(spec, "padding_mode", "zeros") == "circular"
        periodic = wraps if self.periodic is None else self.periodic
        if wraps and not periodic:
            raise ValueError(
                f"{self._name}(periodic=False) cannot be with net={spec!r}, which continues maps "
                f"periodically. Set padding_mode='zeros' in the net, or periodic=None."
            )
        halo = getattr(spec, "reach", None) if self.halo is None else self.halo
        if halo is None:
            if size is not None or periodic != wraps:
                raise ValueError(
                    f"{self._name} needs the 'halo' parameter where boxes are cut or continued: "
                    f"how far net={spec!r} sees is unknown, as it has no 'reach'. Set it to the "
                    f"cells, along an axis, from a cell to the farthest one that matters for it."
                )
            halo = 0
        return Windows(size, halo, getattr(spec, "stride", 1), periodic, wraps)

    def _encode(self, y, train):
        if self.output == "fraction":
            self.target_scaler_ = None
            return y
        if not self._continues:
            scaler = FieldScaler(dim=len(self._architecture[1]) - 1)
            self.target_scaler_ = scaler.fit(open_maps(y)[train]) if self.normalize_y else None
        return y if self.target_scaler_ is None else self.target_scaler_.transform(y)

    def _dataset(self, X, map_shape, y, training=False, **options):
        return FieldDataset(
            X,
            map_shape,
            y,
            windows=self._windows(self._architecture[0], self.patch_size),
            n_patches=self._items_per_sample if training else None,
            target_range=self._target_range,
            **options,
        )

    def _make_criterion(self):
        loss = self._losses[self.loss] if isinstance(self.loss, str) else Loss(self.loss)
        return FieldLoss(loss, self._fitted_output == "fraction")

    def _finish_module(self, module):
        return SameSize(module, self._architecture[2][0])

    def _make_net(self, device, module=None):
        net = super()._make_net(device, module)
        net.output_shape = None
        return net
