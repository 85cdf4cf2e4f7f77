"""Print whether init() loads a framework that records itself, and how often it tells it. sys.argv: before or after."""

import importlib
import sys

import spanhouse

if sys.argv[1] == "before":
    importlib.import_module("pydantic_ai")
spanhouse.init(endpoint="http://127.0.0.1:9")
print("pydantic_ai" in sys.modules)
print(importlib.import_module("pydantic_ai").Agent.told)
spanhouse.shutdown(0)
