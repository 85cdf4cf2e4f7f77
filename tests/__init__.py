"""The tests of Spanhouse."""
