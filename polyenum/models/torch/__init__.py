"""Modules of torch: run once, and watched."""
