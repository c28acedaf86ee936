"""Composition roots: one package per process, each from settings to parts to a run.

Everything below this package is given what it needs; here it is decided what that is.
"""
