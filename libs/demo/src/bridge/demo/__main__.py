"""`python -m bridge.demo`."""

import sys

from bridge.demo.main import main

sys.exit(main())
