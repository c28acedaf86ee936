"""Measurements: printed with machine and method, never asserted."""
