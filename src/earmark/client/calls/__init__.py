"""Every request that there is, as a function that returns it: no socket is opened in here.

`Client` and `AsyncClient` turn these into methods.
"""
