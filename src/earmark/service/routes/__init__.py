"""One module for each group of routes; each has a ``router`` that `earmark.service.app` takes."""
