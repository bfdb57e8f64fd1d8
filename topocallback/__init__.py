"""Watch the topology of a network's layers evolve while it trains."""
__version__ = "0.1.0"
