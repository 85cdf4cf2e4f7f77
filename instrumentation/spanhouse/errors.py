"""The root of every error that Spanhouse raises on purpose."""


class SpanhouseError(Exception):
    """Something went wrong that the reader can act on: the message says what, with which value, and what to do.

    Each package opens its own tree below this one in its `errors.py`.
    """
