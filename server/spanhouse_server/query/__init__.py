"""How `spanhouse sql` runs a statement: in the engine itself, or through the process that holds it."""
