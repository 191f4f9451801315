"""The graphs of other people's networks, drawn without their weights (ADR 0011)."""
