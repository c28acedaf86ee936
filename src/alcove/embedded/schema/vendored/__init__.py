"""Files written by ``scripts/generate_schema.py``; not to be changed by hand."""
