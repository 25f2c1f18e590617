"""Memory of this process by the account of Linux."""

import threading
import time
from pathlib import Path


def account(name):
    """A figure of this process, such as VmHWM: the greatest resident memory, mapped files too.

    Parameters
    ----------
    name : str
        What ``/proc/self/status`` calls it.

    Returns
    -------
    int
        Bytes.
    """
    status = Path("/proc/self/status").read_text().split(f"{name}:")[1]
    return 1024 * int(status.split()[0])


class OwnMemory(threading.Thread):
    """Watch the memory that is the process's own; mapped files are the system's cache."""

    def __init__(self):
        super().__init__(daemon=True)
        self.peak = 0

    def run(self):
        """Keep the greatest value that is seen."""
        while True:
            self.peak = max(self.peak, account("RssAnon"))
            time.sleep(0.02)
