"""Adapters: where tracks, features and derived indexes lie. Nothing above imports a vendor."""
