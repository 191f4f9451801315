"""The command line: renders and routes, nothing else. Heavy imports wait inside the commands."""
