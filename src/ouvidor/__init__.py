"""Ouvidor: customer care that a company can audit."""

__version__ = "0.1.0"
