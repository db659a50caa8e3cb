"""The systems of the comparison, each a few lines; they run in environments of their own."""
