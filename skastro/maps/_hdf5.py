"""What reading HDF5 needs beyond h5py: filters of plugins, and reads past the library."""

import numpy as np

from ..exceptions import MapSourceError
from ._plain_rows import CAN_READ, PlainRows


def load_filters(dataset):
    """Make sure that the filters of a dataset can be undone.

    Parameters
    ----------
    dataset : h5py.Dataset
        The dataset.

    Raises
    ------
    MapSourceError
        If one is missing, also with the plugins that the extra ``hdf5`` installs.
    """
    import h5py

    created = dataset.id.get_create_plist()
    filters = [created.get_filter(i) for i in range(created.get_nfilters())]
    if all(h5py.h5z.filter_avail(number) for number, *_ in filters):
        return
    try:
        import hdf5plugin  # noqa: F401, it registers its filters
    except ImportError:
        remedy = "Install the plugins of HDF5: pip install 'skastro[hdf5]'."
    else:
        remedy = "Write the maps anew where its plugin is installed, see skastro.maps.rechunk."
    missing = [
        f"{number} ({name.decode(errors='replace')})"
        for number, _, _, name in filters
        if not h5py.h5z.filter_avail(number)
    ]
    if missing:
        raise MapSourceError(
            f"open_maps: {dataset.name!r} of {dataset.file.filename} is compressed by the filter "
            f"{', '.join(missing)}, which HDF5 lacks here. {remedy}"
        )


def plain_rows(dataset):
    """Find out where the rows of a dataset lie in its file.

    Parameters
    ----------
    dataset : h5py.Dataset
        The dataset.

    Returns
    -------
    PlainRows or None
        None where the bytes in the file are not those of whole rows one after the other
        (filters, chunks that cut rows, parts that were never written, numbers that NumPy has
        no type for), or may not be there yet, since the file is open for writing.
    """
    import h5py

    file, created = dataset.file, dataset.id.get_create_plist()
    layout, n_rows = created.get_layout(), dataset.shape[0]
    if (
        not CAN_READ
        or dataset.size == 0
        or (file.mode, file.driver, file.userblock_size) != ("r", "sec2", 0)
        or created.get_nfilters()
        or created.get_external_count()
        or not dataset.id.get_type().equal(h5py.h5t.py_create(dataset.dtype))
    ):
        return None
    if layout == h5py.h5d.CONTIGUOUS:
        address = dataset.id.get_offset()
        return None if address is None else _rows_at(dataset, np.array([address]), n_rows)
    if layout != h5py.h5d.CHUNKED or dataset.chunks[1:] != dataset.shape[1:]:
        return None
    per_chunk = dataset.chunks[0]
    addresses = np.full(-(-n_rows // per_chunk), -1)

    def note(chunk):
        addresses[chunk.chunk_offset[0] // per_chunk] = chunk.byte_offset

    if hasattr(dataset.id, "chunk_iter"):
        dataset.id.chunk_iter(note)
    return None if (addresses < 0).any() else _rows_at(dataset, addresses, per_chunk)


def _rows_at(dataset, addresses, per_chunk):
    handle = dataset.file.id.get_vfd_handle()
    return PlainRows(dataset, handle, dataset.shape, dataset.dtype, addresses, per_chunk)
