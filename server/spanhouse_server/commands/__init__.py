"""One module a command; those that begin with an underscore are shared by several."""
