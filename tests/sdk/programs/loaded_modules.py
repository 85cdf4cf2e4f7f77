"""Print the modules that `import spanhouse` loads."""

import sys

import spanhouse

print(spanhouse.__name__, *sys.modules)
