"""The model reasoner: a language model that investigates through the same tools and policy."""
