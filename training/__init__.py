"""What trains earmark's networks: corpora, simulated performances, renderings (never imported)."""
