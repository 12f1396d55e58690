"""The way to a language model: any provider, and everything that a provider can do wrong."""
