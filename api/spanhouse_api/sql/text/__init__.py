"""The text of a statement: where its head ends and the rows of an INSERT begin."""
