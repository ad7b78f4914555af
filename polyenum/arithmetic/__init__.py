"""Arithmetic without rounding: integers, their matrices, polytopes, linear programs in fractions."""
