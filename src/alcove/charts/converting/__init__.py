"""Retired API versions of objects, converted to the ones that clusters of today serve.

``table.convert`` is pure, and the identity for everything that is current. What old versions left open is
filled in so that the new ones accept it; what had other defaults then has those of today: an application that
an old chart installs is rolled like any other.
"""
