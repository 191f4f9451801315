"""Files in, tracks out: inputs unfolded, analysed in worker processes, committed in batches."""
