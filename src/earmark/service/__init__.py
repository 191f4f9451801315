"""The service: one open library over HTTP and WebSocket; extra ``server``."""
