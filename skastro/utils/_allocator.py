"""Let the C library keep the memory of large arrays that are freed."""

import ctypes

import numpy as np

# Parameters of mallopt, from malloc.h of glibc, and the values they are given.
_SETTINGS = {
    "M_MMAP_MAX": (-4, 0),  # take large buffers from the heap, too
    "M_TRIM_THRESHOLD": (-1, -1),  # never shrink the heap
    "M_ARENA_MAX": (-8, 1),  # one heap for all threads: those of a thread stop at 64 MB
}

_LARGEST = 2**25 - 2**16  # bytes, a little less than the largest block that glibc learns from


def reuse_freed_blocks() -> None:
    """Have freed blocks of up to 32 MB used again, as far as the C library does so by itself.

    glibc [1]_ takes large blocks from the system and gives them back when they are freed, until
    one of them is freed: from then on, blocks of up to its size are taken from the heap, of which
    twice as much stays when it is free. Which blocks a process frees first is a matter of chance,
    and with it whether the pages of feature maps are cleared anew in each step of training, which
    may take a third of the time. So a large block is freed here, none of whose pages was touched.

    References
    ----------
    .. [1] The GNU C Library manual, "Malloc Tunable Parameters"; mallopt(3), M_MMAP_THRESHOLD.
    """
    np.empty(_LARGEST, dtype=np.uint8)


def keep_freed_memory() -> bool:
    """Keep memory that is freed in this process for the next large array.

    The C library of Linux, glibc, gives large buffers back to the system when they are freed,
    and the system clears each page when it hands it out again. A training step allocates and
    frees the feature maps of a batch, so a network with large maps and few operations spends half
    of its time on that. After this call a convolutional autoencoder of maps of 200 x 200 trains
    1.9 times faster and a small network on cubes of 32 x 32 x 32 1.4 times, on one thread; a
    dense network gains a tenth at most.

    The call holds for the whole process, whatever code allocates, and cannot be undone: memory
    stays with the process until it ends, at its greatest use so far. Leave it out where
    processes share a machine and each needs much memory for a short time only. Call it once in
    each process, before arrays are made and threads started.

    Returns
    -------
    bool
        Whether it took effect. False where the C library has no such switch: on macOS, on
        Windows and on Linux with musl.

    Notes
    -----
    It calls ``mallopt`` [1]_ with ``M_MMAP_MAX`` of 0, by which large buffers come from the heap,
    ``M_TRIM_THRESHOLD`` of -1, by which the heap never shrinks, and ``M_ARENA_MAX`` of 1, by
    which threads share it. Worker processes, such as those of ``n_jobs=2``, do not know of the
    call unless they are forked, but they inherit the environment. Before Python starts, this has
    the same effect on it and on all its workers::

        export MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=1000000000000 MALLOC_ARENA_MAX=1

    An allocator that was loaded in the place of that of glibc, such as jemalloc, is left as it is.

    References
    ----------
    .. [1] The GNU C Library manual, "Malloc Tunable Parameters".

    Examples
    --------
    >>> import platform
    >>> from skastro.utils import keep_freed_memory
    >>> keep_freed_memory() == (platform.libc_ver()[0] == "glibc")
    True
    """
    try:
        library = ctypes.CDLL(None)
        library.gnu_get_libc_version  # noqa: B018
        mallopt = library.mallopt
    except (AttributeError, OSError, TypeError):
        return False
    mallopt.argtypes, mallopt.restype = (ctypes.c_int, ctypes.c_int), ctypes.c_int
    return all(mallopt(parameter, value) for parameter, value in _SETTINGS.values())
