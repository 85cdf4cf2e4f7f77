"""The command line: real processes, as a person or a program runs them."""
