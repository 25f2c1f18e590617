"""How boxes and fields are checked, cut, scaled and compared."""

import numpy as np
import torch
from sklearn.utils.validation import check_array

from ..exceptions import MapShapeError
from ..maps import LazyMaps, check_maps, open_maps
from ..nets import Net, UNet
from ..preprocessing import FieldScaler
from ..utils import as_numpy, check_finite, is_torch, map_layout
from ._base import NetEstimator
from ._field_dataset import FieldDataset, check_range
from ._field_losses import FIELD_LOSSES, OF_FRACTIONS, FieldLoss
from ._field_predictions import memory_advice, put_boxes_through
from ._losses import Loss
from ._precision import computing_in
from ._same_size import SameSize
from ._torch import thread_count
from ._views import check_symmetries
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

    def _spec(self):
        """The net that fit trains, whose parameters are checked before its reach is asked for."""
        if self._continues:
            return self._architecture[0]
        spec = self._default_net() if self.net is None else self.net
        if isinstance(spec, Net):
            spec._validate_params()
        return spec

    def _check_target(self, X, y):
        """Checked fields, how many there are, and whether they have no axis for that."""
        layout = map_layout(X.shape, getattr(self.net, "dim", None), self._name)
        if not isinstance(y, LazyMaps):
            y = self._as_floats(y)
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

    def _as_floats(self, y):
        """Fields in float32; nothing is lost in silence but digits."""
        if isinstance(y, np.ma.MaskedArray) and y.mask.any():
            raise ValueError(
                f"{self._name} takes no masked values, and the mask of y would be lost. Fill them "
                f"first: y.filled(value)."
            )
        if is_torch(y) and y.is_complex():
            raise ValueError(
                f"{self._name} takes real fields y; got a tensor of {y.dtype}. Take its real part "
                f"and its imaginary part as two targets, torch.stack([y.real, y.imag], 1)."
            )
        with np.errstate(over="ignore"):
            return check_array(
                as_numpy(y),
                dtype=np.float32,
                order="C",
                ensure_2d=False,
                allow_nd=True,
                ensure_all_finite=False,
                input_name="y",
                estimator=self,
            )

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
        """The fields as they are, which are scaled batch by batch; learn how from rows `train`."""
        if not self._continues:
            scales = self.normalize_y and self.output != "fraction"
            self.target_scaler_ = self._fit_scaler(y, train) if scales else None
        return y

    def _fit_scaler(self, y, train):
        """Mean and standard deviation of each field."""
        dim = len(self._architecture[1]) - 1
        scaler, n_seen = FieldScaler(dim=dim), 0
        for chunk in open_maps(y)[train].chunks():
            check_finite(chunk, self._name, dim=dim, samples=train[n_seen:], input_name="y")
            scaler.partial_fit(chunk)
            n_seen += len(chunk)
        return scaler

    def _dataset(self, X, map_shape, y, training=False, **options):
        return FieldDataset(
            X,
            map_shape,
            y,
            windows=self._windows(self._architecture[0], self.patch_size),
            n_patches=self._items_per_sample if training else None,
            target_range=self._target_range,
            target_scaler=self.target_scaler_,
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

    def _outputs(self, X):
        """Fields of maps, ``(n_samples, n_targets, *spatial)`` in the user's units."""
        self._validate_params()
        spec, map_shape, (n_targets,) = self._architecture
        if self.average_symmetries:
            check_symmetries(self, map_shape)
        dim = len(map_shape) - 1
        X = as_numpy(check_maps(self, X, reset=False, dim=dim, free_size=True))
        tiles = self._windows(spec, self.tile_size).tiles(tuple(X.shape[-dim:]))
        with (
            thread_count(self.n_threads),
            computing_in("float32", torch.device(self.net_.device)),
            memory_advice(self._name, "Predict by smaller tiles: set or lower tile_size."),
            torch.inference_mode(),
        ):
            return put_boxes_through(
                self.net_,
                X,
                map_shape[0],
                n_targets,
                tiles,
                owner=self._name,
                augmentation=self.augmentation if self.average_symmetries else None,
                link=torch.sigmoid if self._fitted_output == "fraction" else None,
                scaler=self.target_scaler_,
            )
