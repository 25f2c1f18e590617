"""A process that trains its share of a fit for the process that started it."""

import io
import os
import pickle
import queue
import signal
import sys
import threading
import traceback
import warnings
from contextlib import suppress
from pathlib import Path

JOB, MEETING = "job.pkl", "meeting"


class Channel:
    """Messages between a process and the one that started it, which ends with that one.

    Parameters
    ----------
    incoming, outgoing : file
        Streams of bytes.
    """

    def __init__(self, incoming, outgoing):
        self._incoming, self._outgoing = incoming, outgoing
        self._lock = threading.Lock()
        self._messages = queue.Queue()
        self.done = False
        threading.Thread(target=self._receive, daemon=True).start()

    def _receive(self):
        with suppress(Exception):  # at the end of the stream, which may come within a message
            while True:
                self._messages.put(pickle.load(self._incoming))
        if not self.done:
            os._exit(1)
        self._messages.put(None)

    def send(self, *message):
        """Send a message."""
        packed = pickle.dumps(message)
        with self._lock:
            self._outgoing.write(packed)
            self._outgoing.flush()

    def receive(self):
        """Wait for an answer; None is the wish that this process ends."""
        return self._messages.get()


class _Printed(io.TextIOBase):
    """What is printed, to be shown where the fit was called."""

    def __init__(self, channel):
        self._channel = channel

    def writable(self):
        return True

    def write(self, text):
        self._channel.send("text", text)
        return len(text)


def main(folder, rank, n_ranks, device):
    """Train the share of one process, and tell the one that started it what became of it.

    Parameters
    ----------
    folder : str
        Where the job is.
    rank, n_ranks : str
        Number of this process and of all.
    device : str
        Device of this process.
    """
    outgoing = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    channel = Channel(sys.stdin.buffer, outgoing)
    from ._device_lease import leased_device
    from ._distributed_job import meet, outcome, run_rank, told_of_epoch
    from ._distributed_pickle import packed

    folder, first = Path(folder), rank == "0"
    job, found = None, None
    if first:
        sys.stdout = _Printed(channel)
        warnings.showwarning = lambda message, *_, **__: channel.send("warning", packed(message))
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", UserWarning)
        warnings.filterwarnings("ignore", "find_unused_parameters=True", UserWarning)

    def report(run):
        channel.send("epoch", told_of_epoch(job, run))
        return channel.receive()

    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        with (folder / JOB).open("rb") as file:
            job = pickle.load(file)
        meeting = (folder / MEETING).as_uri()
        with leased_device(device, job.estimator._name) as device:
            meet(device, meeting, int(rank), int(n_ranks))
            run = run_rank(job, device, report)
            found = outcome(job, run) if first else None
        message = "done", None if found is None else packed(found)
    except BaseException as error:
        with suppress(Exception):
            found = outcome(job) if first else None
        error.__traceback__, trace = None, traceback.format_exc()
        message = "error", packed(error), trace, None if found is None else packed(found)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    channel.done = True
    channel.send(*message)
    while channel.receive() is not None:
        pass
