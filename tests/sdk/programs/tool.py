"""A call of a tool: print whether it arrived and what was dropped. sys.argv: the arguments of init(), as JSON."""

import json
import sys

import spanhouse

try:
    spanhouse.init(**{"instrument": False, **json.loads(sys.argv[1])})
except spanhouse.SpanhouseError as error:
    print(error)
else:
    with spanhouse.tool("any"):
        pass
    print(spanhouse.flush(50), spanhouse.dropped().get("spans", 0))
