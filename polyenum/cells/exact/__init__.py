"""exact cells: rational vertices, no rounding anywhere; slow, and always right."""
