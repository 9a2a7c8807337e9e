"""``python -m ganaug`` is ``ganaug``."""

import sys

from ganaug.cli import main

sys.exit(main())
