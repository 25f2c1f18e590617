"""``python -m skastro`` is the command ``skastro``."""

import sys

from ._cli import main

if __name__ == "__main__":
    sys.exit(main())
