"""One module per language: each has ``detect(facts)``, which gives an App or nothing."""
