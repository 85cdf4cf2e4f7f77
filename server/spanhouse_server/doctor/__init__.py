"""The checks of `spanhouse doctor`."""
