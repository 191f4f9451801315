"""What sounds like this? Networks that turn sound into vectors, and search among them."""
