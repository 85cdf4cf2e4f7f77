"""A budget that is asked for as the interpreter ends: print whether it is known. sys.argv: the API's URL."""

import atexit
import sys

from spanhouse import budget

budget.configure(sys.argv[1])
atexit.register(lambda: print(budget.check("late").known))
budget.check()
