"""What is done off the event loop: questions in a bounded pool, jobs one after another."""
