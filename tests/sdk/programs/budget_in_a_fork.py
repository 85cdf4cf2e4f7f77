"""A fork, when the input ends, while a thread waits for a budget; the child asks for itself. sys.argv: a URL."""

import os
import sys

from spanhouse import budget

budget.configure(sys.argv[1], ttl_s=60)
budget.check()
# Its thread waits for an answer that does not come.
sys.stdin.read()
if child := os.fork():
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
os._exit(0 if budget.refresh("child", timeout_s=10).known else 3)
