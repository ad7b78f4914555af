"""The command line ``polyenum``."""
