"""The whole product, in real processes, under what happens to it."""
