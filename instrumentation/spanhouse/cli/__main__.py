"""`python -m spanhouse.cli` is `spanhouse`."""

import sys

from spanhouse.cli import main

sys.exit(main())
