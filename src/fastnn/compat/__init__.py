"""Modules that stand in for those of books: the same names, argument orders and shapes."""
