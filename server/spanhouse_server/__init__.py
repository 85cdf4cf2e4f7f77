"""The command line, and the processes that it starts: the only package that imports all others."""
