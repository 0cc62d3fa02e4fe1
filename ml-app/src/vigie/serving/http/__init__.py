"""What reaches the socket: gunicorn's worker, its connections, the HTTP protocol, WSGI."""
